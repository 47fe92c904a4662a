import { expect, test } from 'vitest'

import { FakeShop, product, world } from '../../testing/fake-shop.ts'
import type { Reason } from '../api/failure.ts'
import { example } from '../domain/payment.ts'
import { useCart } from './cart.ts'
import { useCheckout } from './checkout.ts'

const mug = product('mug', 1290)
const lost: Reason = { kind: 'unreachable' }

async function setting() {
  const fake = new FakeShop(mug)
  const made = world(fake)
  fake.cartOf().set(mug.id, 2)
  const cart = useCart(made.pinia)
  await cart.refresh()
  const checkout = useCheckout(made.pinia)
  checkout.payment = example('Ada', made.now())
  return { ...made, fake, cart, checkout }
}

test('an order is what was in the cart', async () => {
  const { checkout, cart, tab } = await setting()
  expect(await checkout.place()).toBe(true)
  expect(checkout.order).toEqual({ lines: [{ name: 'mug', quantity: 2, total: 2580 }], expected: 2580, certain: true })
  expect([checkout.total, cart.lines.length, checkout.payment.card]).toEqual([2580, 0, ''])
  expect(tab.get('shop.order')).not.toContain('4242')
})

test('a failure loses nothing that was typed', async () => {
  const { checkout, cart, fake } = await setting()
  fake.mishaps = [{ reason: { kind: 'signed out' } }]
  expect(await checkout.place()).toBe(false)
  expect([checkout.failure, checkout.payment.name, cart.pieces]).toEqual([{ kind: 'signed out' }, 'Ada', 2])
})

test('an order that nobody confirmed is concluded from the empty cart', async () => {
  const { checkout, fake } = await setting()
  fake.mishaps = [{ reason: lost, done: true }]
  expect(await checkout.place()).toBe(true)
  expect(checkout.order).toMatchObject({ certain: false, expected: 2580 })
})

test('and not from one that is still full', async () => {
  const { checkout, fake } = await setting()
  fake.mishaps = [{ reason: lost }]
  expect(await checkout.place()).toBe(false)
  expect([checkout.failure, checkout.order]).toEqual([lost, undefined])
})

test('what another device ordered already is not ordered again', async () => {
  const { checkout, fake } = await setting()
  fake.cartOf().clear()
  expect(await checkout.place()).toBe(false)
  expect([checkout.changed, checkout.order]).toEqual([true, undefined])
})

test('a change that fails on the way to the order stops it', async () => {
  const { checkout, cart, fake } = await setting()
  fake.mishaps = [{ reason: { kind: 'offline' } }]
  cart.change(mug, { kind: 'set', to: 5 })
  expect(await checkout.place()).toBe(false)
  expect([checkout.changed, fake.log.includes('checkout')]).toEqual([true, false])
})

test('an order survives a reload, and nonsense does not', () => {
  const order = { lines: [{ name: 'mug', quantity: 1, total: 1290 }], expected: 1290, certain: true }
  const after = (text: string) => {
    const made = world(new FakeShop())
    made.tab.set('shop.order', text)
    return useCheckout(made.pinia).order
  }
  expect(after(JSON.stringify(order))).toEqual(order)
  expect([after('{'), after('{"lines":[]}')]).toEqual([undefined, undefined])
})
