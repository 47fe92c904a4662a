import { expect, test } from 'vitest'

import { FakeShop, world } from '../../testing/fake-shop.ts'
import { reasonOf } from '../api/failure.ts'
import { SIGNED_IN_AS, useSession } from './session.ts'

function setting(...tokens: (string | undefined | Error)[]) {
  const made = world(new FakeShop())
  made.memory.set(SIGNED_IN_AS, 'ada')
  made.tokens = tokens
  return { ...made, session: useSession(made.pinia) }
}

test('who signed in before is still known', async () => {
  const { session } = setting('t1')
  expect([session.name, session.signedIn, await session.token()]).toEqual(['ada', true, 't1'])
})

test('a refused token is renewed, unless that was done meanwhile', async () => {
  expect(await setting('t1', 't2').session.renewed('t1')).toBe('t2')
  expect(await setting('t2').session.renewed('t1')).toBe('t2')
})

test('a session that is over is said to be, and nothing goes on in a stranger’s name', async () => {
  const { session, memory } = setting(undefined)
  expect(await session.token().catch(reasonOf)).toEqual({ kind: 'signed out' })
  expect([session.signedIn, session.ended, memory.get(SIGNED_IN_AS)]).toEqual([false, true, undefined])
})

test('a network that is away ends no session', async () => {
  const { session } = setting(new Error('NetworkError'))
  expect(await session.token().catch(reasonOf)).toEqual({ kind: 'unreachable' })
  expect(session.signedIn).toBe(true)
})

test('another tab signs out, and this one follows', () => {
  const { session, memory } = setting()
  memory.set(SIGNED_IN_AS, undefined)
  const before = session.era
  session.follow()
  session.follow()
  expect([session.signedIn, session.ended, session.era - before]).toEqual([false, false, 1])
})
