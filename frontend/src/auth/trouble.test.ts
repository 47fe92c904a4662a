import { expect, test } from 'vitest'

import { trouble } from './trouble.ts'

function named(name: string): Error {
  return Object.assign(new Error('the service’s own words'), { name })
}

test('nobody learns from the shop which names have an account', () => {
  expect(trouble(named('UserNotFoundException'))).toEqual(trouble(named('NotAuthorizedException')))
})

test('what was typed wrong is told where it was typed', () => {
  // A code of a mail or of an app: the words are right for both.
  for (const name of ['CodeMismatchException', 'ExpiredCodeException']) expect(trouble(named(name)).field).toBe('code')
  expect(trouble(named('UsernameExistsException')).field).toBe('name')
})

test('what is unknown is said to be', () => {
  expect(trouble(named('NewException')).text).toMatch(/we do not know why/)
  expect(trouble('text').text).toMatch(/we do not know why/)
})
