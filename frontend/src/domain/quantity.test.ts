import fc from 'fast-check'
import { expect, test } from 'vitest'

import { parse } from './quantity.ts'

test('0 to 500 are quantities', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 500 }), (quantity) => {
      expect(parse(` ${quantity} `)).toEqual({ kind: 'quantity', quantity })
    }),
  )
  expect(parse('007')).toEqual({ kind: 'quantity', quantity: 7 })
})

test.each([
  ['', 'Enter a number.'],
  ['-1', 'Enter a whole number.'],
  ['1.5', 'Enter a whole number.'],
  ['1e2', 'Enter a whole number.'],
  ['٣', 'Enter a whole number.'],
  ['501', 'Enter at most 500.'],
  ['99999999999999999999', 'Enter at most 500.'],
])('%s is none: %s', (text, why) => {
  expect(parse(text)).toEqual({ kind: 'mistake', why })
})
