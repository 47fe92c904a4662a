// From a cart to an order: what was typed to pay with, and what was ordered. The form stays in memory while the visitor signs in again,
// and goes nowhere else. Knows nothing of pages.
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import * as v from 'valibot'

import type { Held } from '../api/answers.ts'
import { mayBeDone, reasonOf, type Reason } from '../api/failure.ts'
import { cents, sum, times, type Cents } from '../domain/money.ts'
import { empty } from '../domain/payment.ts'
import { useServices } from '../services.ts'
import { useCart } from './cart.ts'

const ORDER = 'shop.order'

const Order = v.object({
  lines: v.array(v.object({ name: v.string(), quantity: v.number(), total: v.pipe(v.number(), v.integer(), v.transform(cents)) })),
  /** What the visitor saw before. */
  expected: v.pipe(v.number(), v.integer(), v.transform(cents)),
  /** Whether the shop said so; else it is concluded from the cart being empty. */
  certain: v.boolean(),
})
export type Order = v.InferOutput<typeof Order>

function remembered(text: string | undefined): Order | undefined {
  try {
    return v.parse(Order, JSON.parse(text ?? 'null'))
  } catch {
    return undefined
  }
}

function orderOf(held: readonly Held[], expected: Cents, certain: boolean): Order {
  const lines = held.map(({ product, quantity }) => ({ name: product.name, quantity, total: times(product.price, quantity) }))
  return { lines, expected, certain }
}

export const useCheckout = defineStore('checkout', () => {
  const { shop, tab, tellTabs, pause } = useServices()
  const cart = useCart()

  const payment = ref(empty())
  const placing = ref(false)
  const failure = ref<Reason>()
  /** The cart was not what the visitor saw. */
  const changed = ref(false)
  const order = ref(remembered(tab.get(ORDER)))
  const total = computed(() => sum(order.value?.lines.map((line) => line.total) ?? []))

  function placed(found: Order): void {
    order.value = found
    tab.set(ORDER, JSON.stringify(found))
    payment.value = empty()
    cart.empty()
    tellTabs()
  }

  /** Whether the cart that was paid for is gone, after nobody said so. */
  async function gone(reason: Reason): Promise<boolean> {
    if (!mayBeDone(reason)) return false
    if (reason.kind === 'busy') await pause(reason.wait)
    return (await shop.cart()).length === 0
  }

  /** Orders what is in the cart; whether there is an order now. */
  async function place(): Promise<boolean> {
    if (placing.value) return false
    placing.value = true
    failure.value = undefined
    changed.value = false
    const expected = cart.total
    const seen: Held[] = cart.lines.map(({ product, quantity }) => ({ product, quantity }))
    try {
      await cart.whenSettled()
      changed.value = cart.total !== expected
      if (changed.value) return false
      const held = await shop.checkout()
      if (held.length > 0) placed(orderOf(held, expected, true))
      // Somebody was quicker, on another device.
      else changed.value = true
      return held.length > 0
    } catch (error) {
      const reason = reasonOf(error)
      const done = await gone(reason).catch(() => false)
      if (done) placed(orderOf(seen, expected, false))
      else failure.value = reason
      return done
    } finally {
      placing.value = false
      void cart.refresh()
    }
  }

  return { payment, placing, failure, changed, order, total, place }
})
