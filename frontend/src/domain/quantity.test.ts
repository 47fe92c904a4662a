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
  ['', 'Type a number.'],
  ['-1', 'Whole numbers only.'],
  ['1.5', 'Whole numbers only.'],
  ['1e2', 'Whole numbers only.'],
  ['٣', 'Whole numbers only.'],
  ['501', 'At most 500.'],
  ['99999999999999999999', 'At most 500.'],
])('%s is none: %s', (text, why) => {
  expect(parse(text)).toEqual({ kind: 'mistake', why })
})
