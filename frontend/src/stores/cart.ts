// The cart as the visitor sees it: at once what was asked for, and soon what the service says. What is decided about one product is in
// `domain/line`; here it is carried out. Knows nothing of pages.
import { defineStore } from 'pinia'
import { computed, reactive, ref, watch } from 'vue'

import type { Held } from '../api/answers.ts'
import { mayBeDone, reasonOf, type Reason } from '../api/failure.ts'
import { applied, busy, done, send, shown, undone, verdict, want, type Change, type Line } from '../domain/line.ts'
import { sum, times, type Cents } from '../domain/money.ts'
import type { Product, ProductId } from '../domain/product.ts'
import { useServices } from '../services.ts'
import { why } from '../words.ts'
import { useNotices } from './notices.ts'
import { TO_MERGE, useSession } from './session.ts'

/** One product in the cart, as it is shown. */
export interface CartLine {
  readonly product: Product
  readonly quantity: number
  readonly total: Cents
  readonly busy: boolean
}

interface Entry {
  product: Product
  line: Line
  /** When something was last sent about it, in changes sent. */
  touched: number
}

export const useCart = defineStore('cart', () => {
  const { shop, memory, tellTabs, pause } = useServices()
  const session = useSession()
  const notices = useNotices()

  const entries = reactive(new Map<ProductId, Entry>())
  const known = ref(false)
  const failure = ref<Reason>()
  /** This browser does not keep the anonymous cart's cookie, so there is no cart until somebody signs in. */
  const forgetful = ref(false)
  let cookieSeen = false
  let changes = 0
  let reading: Promise<void> | undefined

  const lines = computed<CartLine[]>(() =>
    [...entries.values()]
      .map(({ product, line }) => {
        const quantity = shown(line)
        return { product, quantity, total: times(product.price, quantity), busy: busy(line) }
      })
      .filter(({ quantity }) => quantity > 0),
  )
  const pieces = computed(() => lines.value.reduce((all, { quantity }) => all + quantity, 0))
  const total = computed(() => sum(lines.value.map((line) => line.total)))
  const settled = computed(() => [...entries.values()].every(({ line }) => !busy(line)))

  function quantity(id: ProductId): number {
    const entry = entries.get(id)
    return entry === undefined ? 0 : shown(entry.line)
  }

  function isBusy(id: ProductId): boolean {
    const entry = entries.get(id)
    return entry !== undefined && busy(entry.line)
  }

  /** What the service says, except about what was changed since it was asked. */
  function take(held: readonly Held[], asked: number): void {
    const there = new Map(held.map((one) => [one.product.id, one]))
    for (const [id, entry] of entries) {
      if (busy(entry.line) || entry.touched > asked) there.delete(id)
      else if (!there.has(id)) entries.delete(id)
    }
    for (const [id, { product, quantity }] of there) entries.set(id, { product, line: { held: quantity }, touched: asked })
  }

  /** The cart; first the anonymous one becomes part of it, if that is still to be done. */
  async function ask(): Promise<Held[]> {
    if (!session.signedIn || memory.get(TO_MERGE) === undefined) return await shop.cart()
    const held = await shop.migrate()
    memory.set(TO_MERGE, undefined)
    return held
  }

  async function read(): Promise<void> {
    const { era } = session
    const asked = changes
    try {
      const held = await ask()
      if (era !== session.era) return
      take(held, asked)
      known.value = true
      failure.value = undefined
      if (held.length > 0) cookieSeen = true
    } catch (error) {
      if (era === session.era) failure.value = reasonOf(error)
    }
  }

  /** Reads it again. Two readings at once are one. */
  async function refresh(): Promise<void> {
    if (reading === undefined) {
      const mine = read().finally(() => {
        if (reading === mine) reading = undefined
      })
      reading = mine
    }
    await reading
  }

  /** Asks for a change; it is seen at once. */
  function change(product: Product, wanted: Change): void {
    const entry = entries.get(product.id) ?? { product, line: { held: 0 }, touched: changes }
    entries.set(product.id, { ...entry, line: want(entry.line, wanted) })
    notices.clear(product.id)
    notices.announce(`${product.name}: ${quantity(product.id)} in the cart`)
    void carryOut(product.id)
  }

  /** Sends what waits, one change after the other, until nothing does. */
  async function carryOut(id: ProductId): Promise<void> {
    const { era } = session
    for (;;) {
      const entry = entries.get(id)
      if (entry === undefined || entry.line.sending !== undefined) return
      const line = send(entry.line)
      if (line.sending === undefined) {
        if (line.held === 0) entries.delete(id)
        return
      }
      const { sending } = line
      changes += 1
      entry.line = line
      entry.touched = changes
      try {
        await (sending.kind === 'add' ? shop.add(id, sending.by) : shop.set(id, sending.to))
        if (era !== session.era) return
        settle(id, done)
        tellTabs()
        void seeWhetherItIsKept(applied(line.held, sending))
      } catch (error) {
        if (era !== session.era) return
        await recover(id, sending, reasonOf(error), era)
        if (era !== session.era) return
      }
    }
  }

  /** The entry may have got a waiting change since. */
  function settle(id: ProductId, next: (line: Line) => Line): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    changes += 1
    entry.line = next(entry.line)
    entry.touched = changes
  }

  /** A change failed. Whether it is done all the same, only the cart can say. */
  async function recover(id: ProductId, sent: Change, reason: Reason, era: number): Promise<void> {
    const entry = entries.get(id)
    if (entry === undefined) return
    const before = entry.line.held
    if (!mayBeDone(reason)) {
      takeBack(id, before, reason, true)
      return
    }
    if (reason.kind === 'busy') await pause(reason.wait)
    let now: number
    try {
      now = (await shop.cart()).find(({ product }) => product.id === id)?.quantity ?? 0
    } catch {
      if (era === session.era) lost(id, before)
      return
    }
    if (era !== session.era) return
    const found = verdict(before, sent, now)
    if (found === 'done') settle(id, (line) => ({ ...done(line), held: now }))
    else takeBack(id, now, reason, found === 'not done' || sent.kind === 'set')
  }

  /** @param clear whether the cart holds what it held before: then the same can be asked for again. */
  function takeBack(id: ProductId, held: number, reason: Reason, clear: boolean): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    const { product } = entry
    const { lost } = undone(entry.line, held)
    settle(id, (line) => undone(line, held).line)
    if (lost === undefined) return
    const explanation = clear ? why(reason) : 'Your cart was changed on another device at the same time. Check the quantity.'
    const notice = { about: id, text: `${product.name} was not changed. ${explanation}` }
    const label = lost.kind === 'set' ? `Set to ${lost.to}` : 'Try again'
    const repeatable = clear && reason.kind !== 'not found' && reason.kind !== 'signed out'
    notices.tell(repeatable ? { ...notice, action: { label, run: () => { change(product, lost) } } } : notice)
  }

  /** Neither the change nor the cart was answered. */
  function lost(id: ProductId, held: number): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    const { name } = entry.product
    settle(id, (line) => undone(line, held).line)
    failure.value = { kind: 'unreachable' }
    const action = { label: 'Reload the cart', run: () => void refresh() }
    const text = `We could not confirm that ${name} was changed. Check your cart before you try again.`
    notices.tell({ about: id, text, action })
  }

  /** Once: whether the browser keeps the cookie that the anonymous cart hangs on. */
  async function seeWhetherItIsKept(expected: number): Promise<void> {
    if (cookieSeen || session.signedIn || expected === 0) return
    cookieSeen = true
    const { era } = session
    const held = await shop.cart().catch(() => undefined)
    if (era === session.era && held?.length === 0 && pieces.value > 0) forgetful.value = true
  }

  /** Once nothing is under way any more. */
  function whenSettled(): Promise<void> {
    if (settled.value) return Promise.resolve()
    return new Promise((resolve) => {
      const stop = watch(settled, () => {
        stop()
        resolve()
      })
    })
  }

  function empty(): void {
    entries.clear()
  }

  // Another visitor, another cart.
  watch(
    () => session.era,
    () => {
      entries.clear()
      known.value = false
      failure.value = undefined
      forgetful.value = false
      cookieSeen = false
      reading = undefined
      void refresh()
    },
    { flush: 'sync' },
  )

  return { lines, pieces, total, known, failure, forgetful, whenSettled, quantity, isBusy, refresh, change, empty }
})
