// Looking, choosing, keeping: everything that needs no account.
import { chromium } from '@playwright/test'

import { launchOptions } from '../playwright.config.ts'
import { cartApi, expect, shop, test, Visitor } from './visitor.ts'

test('the shelves show every product with name, category, description, price and picture', async ({ context }) => {
  const visitor = await Visitor.in(context)
  const cards = visitor.main.getByRole('article')
  await expect(cards).toHaveCount(32)
  const mug = cards.filter({ hasText: 'Enamel Mug' })
  await expect(mug).toContainText('kitchen')
  await expect(mug).toContainText('White with a blue rim')
  await expect(mug).toContainText('€12.90')
  const picture = mug.locator('img')
  await picture.scrollIntoViewIfNeeded()
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0)

  await visitor.main.getByRole('button', { name: 'desk', exact: true }).click()
  await expect(cards).toHaveCount(6)
  await visitor.main.getByRole('searchbox', { name: 'Search' }).fill('ink')
  await expect(cards).toHaveCount(1)
  await visitor.main.getByRole('searchbox', { name: 'Search' }).fill('submarine')
  await visitor.main.getByRole('button', { name: 'Show everything' }).click()
  await expect(cards).toHaveCount(32)

  await mug.getByRole('link', { name: 'Enamel Mug' }).click()
  await expect(visitor.main.getByRole('heading', { level: 1 })).toHaveText('Enamel Mug')
  await expect(visitor.page).toHaveTitle('Enamel Mug · The Small Shop')
  await visitor.page.reload()
  await expect(visitor.main).toContainText('12 × 9 × 9 cm')
})

test('adding, stepping, typing and removing are seen at once and are true', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.add('Enamel Mug')
  await expect(visitor.main.getByRole('button', { name: 'One more: Enamel Mug' })).toBeFocused()
  await visitor.page.keyboard.press('Enter')
  await visitor.holds(2)
  await visitor.add('Brass Compass')
  await visitor.openCart()
  const lines = visitor.drawer.getByRole('listitem')
  await expect(lines.filter({ hasText: 'Enamel Mug' })).toContainText('€25.80')
  await expect(visitor.drawer.getByTestId('sum')).toHaveText('€63.70')

  const quantity = visitor.quantity('Enamel Mug', visitor.drawer)
  await quantity.fill('501')
  await expect(visitor.drawer.getByRole('alert')).toHaveText('At most 500.')
  await quantity.fill('')
  await quantity.pressSequentially('500')
  await expect(visitor.drawer.getByTestId('sum')).toHaveText('€6,487.90')
  await expect(visitor.drawer.getByRole('button', { name: 'One more: Enamel Mug' })).toBeDisabled()
  await quantity.fill('0')
  await quantity.press('Enter')
  await expect(lines).toHaveCount(1)
  await visitor.drawer.getByRole('button', { name: 'Remove: Brass Compass' }).click()
  await expect(visitor.drawer).toContainText('Nothing in it yet.')
  await visitor.page.keyboard.press('Escape')
  await expect(visitor.drawer).toBeHidden()
  await visitor.holds(0)
  await visitor.saved()
  await visitor.page.reload()
  await visitor.holds(0)
})

test('typing fast ends in the last value', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.add('Kite')
  const quantity = visitor.quantity('Kite')
  for (const text of ['7', '70', '71', '3', '42']) {
    await quantity.fill(text)
    await quantity.press('Enter')
  }
  await visitor.holds(42)
  await visitor.saved()
  await visitor.page.reload()
  await visitor.holds(42)
})

test('the cookie is the browser’s own business', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.add('Enamel Mug')
  await visitor.saved()
  const cookies = await context.cookies()
  expect(cookies).toHaveLength(1)
  expect(cookies[0]).toMatchObject({ name: 'cartId', httpOnly: true, secure: true, sameSite: 'None', path: '/', domain: 'localhost' })
  expect(cookies[0]?.value).toMatch(/^[0-9a-f-]{36}$/)
  const left = (cookies[0]?.expires ?? 0) - Date.now() / 1000
  expect(left).toBeGreaterThan(86_000)
  expect(left).toBeLessThanOrEqual(86_400)
  expect(await visitor.page.evaluate(() => document.cookie)).toBe('')
})

test('the cart outlives the browser', async ({ viewport }, info) => {
  const folder = info.outputPath('profile')
  const browser = () => chromium.launchPersistentContext(folder, { ...launchOptions, viewport })
  const first = await browser()
  const visitor = await Visitor.in(first)
  await visitor.add('Pocket Atlas')
  await visitor.holds(1)
  await visitor.saved()
  await first.close()
  const second = await browser()
  await (await Visitor.in(second)).holds(1)
  await second.close()
})

test('two tabs are one cart', async ({ context }) => {
  const one = await Visitor.in(context)
  const other = await Visitor.in(context)
  await one.add('Kite')
  await other.holds(1)
  await other.add('Enamel Mug')
  await one.holds(2)
})

test('a page from somewhere else gets nothing and changes nothing', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.add('Kite')
  await visitor.saved()
  const stranger = await context.newPage()
  // Another port is another origin, and the same site: the cookie would go along.
  await stranger.goto(new URL('/', cartApi()).href)
  expect(new URL(stranger.url()).origin).not.toBe(new URL(shop()).origin)
  const said = await stranger.evaluate(async (cart) => {
    const outcome = (init: RequestInit) => fetch(cart, { credentials: 'include', ...init }).then(({ type }) => type, (error: unknown) => String(error))
    const json = { 'Content-Type': 'text/plain' }
    return [await outcome({ mode: 'cors' }), await outcome({ method: 'POST', headers: json, body: '{}' })]
  }, cartApi('/cart').replace('localhost', '127.0.0.1'))
  expect(said).toEqual(['TypeError: Failed to fetch', 'TypeError: Failed to fetch'])
  await visitor.page.reload()
  await visitor.holds(1)
})

test('an address that leads nowhere says so', async ({ context }) => {
  const visitor = await Visitor.in(context, '/no/such/page')
  await expect(visitor.main.getByRole('heading', { name: 'Nothing here' })).toBeVisible()
  await visitor.go('/product/none')
  await expect(visitor.main.getByRole('alert')).toContainText('This is not on our shelves')
})

test('the colours can be turned, and stay', async ({ context }) => {
  const visitor = await Visitor.in(context)
  const ground = () => visitor.page.locator('.v-application').evaluate((shop) => getComputedStyle(shop).backgroundColor)
  const before = await ground()
  await visitor.page.getByRole('button', { name: /colours$/ }).click()
  await expect.poll(ground).not.toBe(before)
  const after = await ground()
  await visitor.page.reload()
  await expect.poll(ground).toBe(after)
})
