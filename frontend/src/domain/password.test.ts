import { expect, test } from 'vitest'

import { lacks } from './password.ts'

test('a password is told what it lacks', () => {
  expect(lacks('Local-shop-1')).toEqual([])
  expect(lacks('')).toEqual(['8 characters', 'a small letter', 'a capital letter', 'a digit', 'a symbol'])
  expect(lacks('localshop')).toEqual(['a capital letter', 'a digit', 'a symbol'])
})
