import fc from 'fast-check'
import { expect, test } from 'vitest'

import { applied, both, busy, done, send, shown, undone, verdict, want, type Change, type Line } from './line.ts'

const quantity = fc.integer({ min: 0, max: 500 })
const change: fc.Arbitrary<Change> = fc.oneof(
  quantity.map((to) => ({ kind: 'set', to }) as const),
  fc.constant({ kind: 'add', by: 1 } as const),
)

test('what is wanted is seen at once', () => {
  expect(shown(want({ held: 2 }, { kind: 'add', by: 1 }))).toBe(3)
  expect(shown(want({ held: 2, sending: { kind: 'add', by: 1 } }, { kind: 'set', to: 9 }))).toBe(9)
})

test('typing fast ends in the last value, however the answers come in between', () => {
  fc.assert(
    fc.property(quantity, fc.array(fc.tuple(change, fc.boolean()), { minLength: 1 }), quantity, (held, wanted, last) => {
      let line: Line = { held }
      let server = held
      const answer = () => {
        server = applied(server, line.sending)
        line = send(done(line))
      }
      for (const [next, answered] of wanted) {
        line = send(want(line, next))
        if (answered) answer()
      }
      line = send(want(line, { kind: 'set', to: last }))
      expect(shown(line)).toBe(last)
      while (busy(line)) answer()
      expect([line.held, server]).toEqual([last, last])
    }),
  )
})

test('two changes as one do what they do one after the other', () => {
  fc.assert(
    fc.property(quantity, change, change, (held, first, second) => {
      expect(applied(held, both(first, second))).toBe(applied(applied(held, first), second))
    }),
  )
})

test('one change is out at a time', () => {
  const line = send(want(send(want({ held: 0 }, { kind: 'add', by: 1 })), { kind: 'add', by: 1 }))
  expect(line).toEqual({ held: 0, sending: { kind: 'add', by: 1 }, waiting: { kind: 'add', by: 1 } })
})

test('what fails is taken back, and can be asked for again', () => {
  expect(undone({ held: 4, sending: { kind: 'set', to: 37 } }, 4)).toEqual({ line: { held: 4 }, lost: { kind: 'set', to: 37 } })
  const steps: Line = { held: 4, sending: { kind: 'add', by: 1 }, waiting: { kind: 'add', by: 2 } }
  expect(undone(steps, 4)).toEqual({ line: { held: 4 }, lost: { kind: 'add', by: 3 } })
})

test('a number typed after the one that failed still counts', () => {
  const line: Line = { held: 4, sending: { kind: 'set', to: 3 }, waiting: { kind: 'set', to: 37 } }
  expect(undone(line, 4)).toEqual({ line: { held: 4, waiting: { kind: 'set', to: 37 } }, lost: undefined })
})

test('the cart itself says whether a change of unknown outcome is done', () => {
  expect(verdict(2, { kind: 'add', by: 1 }, 3)).toBe('done')
  expect(verdict(2, { kind: 'add', by: 1 }, 2)).toBe('not done')
  expect(verdict(2, { kind: 'add', by: 1 }, 0)).toBe('unclear')
  expect(verdict(2, { kind: 'set', to: 2 }, 2)).toBe('done')
})
