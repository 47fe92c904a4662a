import { expect, test, vi } from 'vitest'

import { FakeShop, product, world } from '../../testing/fake-shop.ts'
import type { Reason } from '../api/failure.ts'
import { useCart } from './cart.ts'
import { useNotices } from './notices.ts'
import { TO_MERGE, useSession } from './session.ts'

const mug = product('mug', 1290)
const pan = product('pan', 4990)
const one = { kind: 'add', by: 1 } as const
const busyReason: Reason = { kind: 'busy', wait: 2000, started: true }

function setting() {
  const fake = new FakeShop(mug, pan)
  const made = world(fake)
  return { ...made, cart: useCart(made.pinia), session: useSession(made.pinia), notices: useNotices(made.pinia) }
}

test('a change is seen before it is done', async () => {
  const { cart, fake } = setting()
  cart.change(mug, one)
  cart.change(pan, { kind: 'set', to: 2 })
  expect([cart.pieces, cart.total, fake.cartOf().size]).toEqual([3, 1290 + 2 * 4990, 0])
  await cart.whenSettled()
  expect(Object.fromEntries(fake.cartOf())).toEqual({ mug: 1, pan: 2 })
})

test('what is typed fast is sent as the first and the last value', async () => {
  const { cart, fake } = setting()
  for (const to of [1, 12, 123, 12, 125]) cart.change(mug, { kind: 'set', to })
  expect(cart.quantity(mug.id)).toBe(125)
  await cart.whenSettled()
  expect(fake.log.filter((line) => line.startsWith('set'))).toEqual(['set mug 1', 'set mug 125'])
})

test('products do not wait for each other', () => {
  const { cart, fake } = setting()
  cart.change(mug, one)
  cart.change(pan, one)
  expect(fake.log).toEqual(['add mug 1', 'add pan 1'])
})

test('a refused change is taken back, and can be made again', async () => {
  const { cart, fake, notices } = setting()
  fake.cartOf().set(mug.id, 4)
  await cart.refresh()
  fake.mishaps = [{ reason: { kind: 'offline' } }]
  cart.change(mug, { kind: 'set', to: 37 })
  await cart.whenSettled()
  expect(cart.quantity(mug.id)).toBe(4)
  const [notice] = notices.notices
  expect(notice?.text).toBe('mug was not changed. This device is offline. Try again when it is back online.')
  expect(notice?.action?.label).toBe('Set to 37')
  if (notice !== undefined) notices.act(notice)
  await cart.whenSettled()
  expect([cart.quantity(mug.id), fake.cartOf().get(mug.id), notices.notices.length]).toEqual([37, 37, 0])
})

test('a product that is gone cannot be asked for again', async () => {
  const { cart, fake, notices } = setting()
  fake.mishaps = [{ reason: { kind: 'not found', message: '' } }]
  cart.change(mug, one)
  await cart.whenSettled()
  expect(cart.lines).toEqual([])
  expect(notices.notices.map(({ text, action }) => [text, action])).toEqual([
    ['mug was not changed. The shop no longer sells this product. Choose another one.', undefined],
  ])
})

test.each<Reason>([busyReason, { kind: 'unreachable' }, { kind: 'slow' }, { kind: 'broken', status: 500 }])(
  'an addition that is done although nobody says so is not made twice: %o',
  async (reason) => {
    const { cart, fake, notices, waits } = setting()
    fake.mishaps = [{ reason, done: true }]
    cart.change(mug, one)
    await cart.whenSettled()
    expect([cart.quantity(mug.id), fake.cartOf().get(mug.id)]).toEqual([1, 1])
    expect(notices.notices).toEqual([])
    expect(waits).toEqual(reason.kind === 'busy' ? [2000] : [])
  },
)

test('an addition that is not done is offered again only after the cart was read', async () => {
  const { cart, fake, notices } = setting()
  fake.mishaps = [{ reason: busyReason }]
  cart.change(mug, one)
  await cart.whenSettled()
  expect(fake.log).toEqual(['add mug 1', 'cart'])
  expect(cart.quantity(mug.id)).toBe(0)
  expect(notices.notices[0]?.action?.label).toBe('Try again')
})

test('when another device changed it meanwhile, nobody guesses', async () => {
  const { cart, fake, notices } = setting()
  fake.cartOf().set(mug.id, 4)
  await cart.refresh()
  fake.cartOf().set(mug.id, 9)
  fake.mishaps = [{ reason: busyReason }]
  cart.change(mug, one)
  await cart.whenSettled()
  expect(cart.quantity(mug.id)).toBe(9)
  expect(notices.notices[0]?.text).toMatch(/changed on another device/)
  expect(notices.notices[0]?.action).toBeUndefined()
})

test('when even the cart cannot be read, the visitor is asked to look', async () => {
  const { cart, fake, notices } = setting()
  fake.mishaps = [{ reason: { kind: 'unreachable' }, done: true }]
  fake.readMishaps = [{ kind: 'unreachable' }]
  cart.change(mug, one)
  await cart.whenSettled()
  expect(cart.quantity(mug.id)).toBe(0)
  const [notice] = notices.notices
  expect(notice?.action?.label).toBe('Reload the cart')
  if (notice !== undefined) notices.act(notice)
  await vi.waitFor(() => {
    expect([cart.quantity(mug.id), cart.failure]).toEqual([1, undefined])
  })
})

test('a reading that began before a change does not undo what is seen', async () => {
  const { cart, fake } = setting()
  let open: () => void = () => undefined
  fake.gate = new Promise((resolve) => {
    open = resolve
  })
  const reading = cart.refresh()
  cart.change(mug, one)
  open()
  await reading
  expect(cart.quantity(mug.id)).toBe(1)
})

test('removing takes it out of sight, and failing brings it back', async () => {
  const { cart, fake } = setting()
  fake.cartOf().set(mug.id, 4)
  await cart.refresh()
  fake.mishaps = [{ reason: { kind: 'refused', status: 400, message: 'no' } }]
  cart.change(mug, { kind: 'set', to: 0 })
  expect(cart.lines).toEqual([])
  await cart.whenSettled()
  expect(cart.lines.map(({ quantity }) => quantity)).toEqual([4])
})

test('signing in merges the anonymous cart, signing out leaves an empty one', async () => {
  const { cart, fake, session } = setting()
  fake.cartOf('ada').set(pan.id, 1)
  cart.change(mug, { kind: 'set', to: 3 })
  await cart.whenSettled()
  await session.signIn('ada', 'secret')
  await cart.refresh()
  expect(cart.lines.map(({ product: { name }, quantity }) => [name, quantity])).toEqual([
    ['pan', 1],
    ['mug', 3],
  ])
  await session.signOut()
  await cart.refresh()
  expect([cart.known, cart.lines]).toEqual([true, []])
})

test('a merge that failed is made up for, also after a restart', async () => {
  const { cart, fake, session, memory } = setting()
  fake.cartOf().set(mug.id, 3)
  fake.mishaps = [{ reason: { kind: 'unreachable' } }]
  await session.signIn('ada', 'secret')
  await cart.refresh()
  expect([cart.failure, memory.get(TO_MERGE)]).toEqual([{ kind: 'unreachable' }, '1'])
  await cart.refresh()
  expect([cart.quantity(mug.id), memory.get(TO_MERGE)]).toEqual([3, undefined])
})

test('an answer for who was here before is not shown to who is here now', async () => {
  const { cart, fake, session } = setting()
  fake.cartOf().set(mug.id, 3)
  let open: () => void = () => undefined
  fake.gate = new Promise((resolve) => {
    open = resolve
  })
  const reading = cart.refresh()
  session.era += 1
  fake.carts.clear()
  open()
  await reading
  await cart.refresh()
  expect(cart.lines).toEqual([])
})

test('a browser that keeps no cookie is found out after the first addition', async () => {
  const { cart, fake } = setting()
  fake.api.cart = () => Promise.resolve([])
  cart.change(mug, one)
  await cart.whenSettled()
  await vi.waitFor(() => {
    expect(cart.forgetful).toBe(true)
  })
})
