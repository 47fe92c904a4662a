import { expect, test } from 'vitest'

import { cart, product, products, total } from './answers.ts'
import { reasonOf } from './failure.ts'

const mug = {
  productId: 'mug',
  name: 'Enamel Mug',
  category: 'kitchen',
  description: 'White with a blue rim.',
  price: 1290,
  pictures: ['enamel-mug.svg'],
  tags: ['mug'],
  package: { height: 90, length: 120, weight: 210, width: 90 },
  createdDate: '2026-07-21T09:00:00Z',
}

test('answers become what the shop works with', () => {
  expect(product({ product: mug })).toMatchObject({ id: 'mug', price: 1290 })
  expect(products({ products: [mug] })).toEqual([product({ product: mug })])
  expect(cart({ products: [{ sk: 'mug', quantity: 3, productDetail: mug }] })).toEqual([
    { product: product({ product: mug }), quantity: 3 },
  ])
  expect(total({ product: 'mug', quantity: 0 })).toBe(0)
})

test.each([
  ['no object', null],
  ['a price with half a cent', { product: { ...mug, price: 12.5 } }],
  ['a price below nothing', { product: { ...mug, price: -1 } }],
  ['a name that is a number', { product: { ...mug, name: 7 } }],
  ['no product', { product: null }],
])('%s is not understood', (_, answer) => {
  let failure: unknown
  try {
    product(answer)
  } catch (error) {
    failure = error
  }
  expect(failure).toBeInstanceOf(Error)
  expect(reasonOf(failure)).toEqual({ kind: 'not understood' })
})
