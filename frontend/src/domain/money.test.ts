import fc from 'fast-check'
import { expect, test } from 'vitest'

import { cents, show, sum, times } from './money.ts'

test('a price is read with two digits of cents', () => {
  expect([0, 5, 690, 3490, 123456789, -250].map((amount) => show(cents(amount)))).toEqual([
    '€0.00',
    '€0.05',
    '€6.90',
    '€34.90',
    '€1,234,567.89',
    '-€2.50',
  ])
})

test('what is shown is exact, however much it is', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (amount) => {
      expect(show(cents(amount)).replace(/\D/g, '')).toBe(String(amount).padStart(3, '0'))
    }),
  )
})

test('a line is the price as often as there are pieces, a sum is what its lines are', () => {
  expect(sum([times(cents(10), 3), times(cents(1290), 500)])).toBe(645_030)
})

test('half a cent is no money', () => {
  expect(() => cents(0.5)).toThrow(RangeError)
  expect(() => cents(2 ** 53)).toThrow(RangeError)
})
