// Looking, choosing, keeping: everything that needs no account.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { chromium } from '@playwright/test'

import { launchOptions } from '../playwright.config.ts'
import { cartApi, expect, test, Visitor } from './visitor.ts'

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
  await expect(visitor.drawer.getByRole('alert')).toHaveText('Enter at most 500.')
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
  // Another port is another origin, and the same site: the cookie goes along.
  const server = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end('<title>elsewhere</title>'))
  await new Promise<void>((listening) => server.listen(0, 'localhost', listening))
  const stranger = await context.newPage()
  await stranger.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
  const said = await stranger.evaluate(async (cart) => {
    const outcome = (path: string, init: RequestInit) =>
      fetch(cart + path, { credentials: 'include', ...init }).then(({ status }) => String(status), (error: unknown) => String(error))
    const kite = '547e7e07-3ea5-4dcb-b856-881e0461ff9d'
    const body = JSON.stringify({ productId: kite, quantity: 5 })
    const json = { 'Content-Type': 'application/json' }
    // The second is sent without asking first, as any page can send it.
    return [await outcome('', {}), await outcome('', { method: 'POST', body }), await outcome(`/${kite}`, { method: 'PUT', headers: json, body })]
  }, cartApi('/cart'))
  expect(said).toEqual(Array.from({ length: 3 }, () => 'TypeError: Failed to fetch'))
  server.close()
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
