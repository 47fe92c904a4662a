// Slow and failing networks. The services stay the real ones; what fails is what lies between them and the page.
import { CART, expect, freshName, shop, test, Visitor } from './visitor.ts'

const PRODUCTS = /_user_request_\/product$/

test('a slow shop shows that it is coming, and nothing jumps when it is there', async ({ context }) => {
  const page = await context.newPage()
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  await page.route(PRODUCTS, async (route) => {
    await gate
    await route.continue()
  })
  await page.addInitScript(() => {
    const shifts = window as unknown as { shifted: number }
    shifts.shifted = 0
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.shifted += (entry as unknown as { value: number }).value
    }).observe({ type: 'layout-shift', buffered: true })
  })
  const visitor = new Visitor(page)
  await visitor.go('/')
  await expect(page.getByRole('status', { name: 'Loading the products' })).toBeVisible()
  open()
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await visitor.holds(0)
  const shifted = await page.evaluate(() => (window as unknown as { shifted: number }).shifted)
  expect(shifted).toBeLessThan(0.02)
})

test('the first visit asks nobody outside', async ({ context }) => {
  const page = await context.newPage()
  const origins = new Set<string>()
  page.on('request', (request) => origins.add(new URL(request.url()).origin))
  const visitor = new Visitor(page)
  await visitor.go('/')
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await visitor.holds(0)
  expect([...origins].sort()).toEqual([new URL(shop()).origin, new URL(process.env.VUE_APP_CART_API_URL ?? '').origin].sort())
})

test('shelves that cannot be loaded say so, and are there once they can be', async ({ context }) => {
  const page = await context.newPage()
  await page.route(PRODUCTS, (route) => route.abort('connectionrefused'))
  const visitor = new Visitor(page)
  await visitor.go('/')
  await expect(visitor.main.getByRole('alert')).toContainText('We could not reach the shop.')
  await page.unroute(PRODUCTS)
  await visitor.main.getByRole('button', { name: 'Try again' }).click()
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
})

test('offline, a change is taken back and offered again', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.add('Kite')
  await visitor.saved()
  await context.setOffline(true)
  await visitor.quantity('Kite').fill('37')
  await visitor.quantity('Kite').press('Enter')
  await expect(visitor.notices).toContainText('Kite was not changed. This device is offline.')
  await visitor.holds(1)
  await context.setOffline(false)
  await visitor.notices.getByRole('button', { name: 'Set to 37' }).click()
  await visitor.holds(37)
  await visitor.saved()
  await visitor.page.reload()
  await visitor.holds(37)
})

test('an addition whose answer is lost is not made twice', async ({ context }) => {
  const visitor = await Visitor.in(context)
  let lost = 0
  await visitor.page.route(CART, async (route) => {
    if (route.request().method() !== 'POST' || lost > 0) {
      await route.fallback()
      return
    }
    lost += 1
    await route.fetch()
    await route.abort('connectionreset')
  })
  await visitor.add('Kite')
  await visitor.saved()
  await visitor.holds(1)
  await expect(visitor.notices).toHaveCount(0)
  await visitor.page.reload()
  await visitor.holds(1)
  expect(lost).toBe(1)
})

test('a busy shop is waited for, looked at, and only then asked again', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  const log: string[] = []
  const headers = { 'Access-Control-Allow-Origin': new URL(shop()).origin, 'Access-Control-Allow-Credentials': 'true', 'Retry-After': '1' }
  await visitor.page.route(CART, async (route) => {
    const method = route.request().method()
    log.push(method)
    if (method === 'POST') await route.fulfill({ status: 503, headers, json: { message: 'The shop is busy. Try again in a few seconds.' } })
    else await route.continue()
  })
  await visitor.add('Kite')
  await expect(visitor.notices).toContainText('Kite was not changed. The shop is busy.')
  expect(log).toEqual(['POST', 'GET'])
  await visitor.holds(0)
  await visitor.page.unroute(CART)
  await visitor.notices.getByRole('button', { name: 'Try again' }).click()
  await visitor.holds(1)
})

test('a refusal is shown in the shop’s words, and the cart is as it was', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  const headers = { 'Access-Control-Allow-Origin': new URL(shop()).origin, 'Access-Control-Allow-Credentials': 'true' }
  await visitor.page.route(CART, (route) => route.fulfill({ status: 400, headers, json: { message: 'This quantity is not possible.' } }))
  await visitor.add('Kite')
  await expect(visitor.notices).toContainText('Kite was not changed. This quantity is not possible.')
  await visitor.holds(0)
})

test('an order whose answer is lost is found out about', async ({ context }) => {
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(freshName())
  await visitor.add('Kite')
  await visitor.openCart()
  await visitor.drawer.getByRole('link', { name: 'Go to payment' }).click()
  await visitor.fillInCard()
  await visitor.page.route(/\/cart\/checkout$/, async (route) => {
    if (route.request().method() !== 'POST') return route.continue()
    await route.fetch()
    await route.abort('connectionreset')
  })
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.page).toHaveURL(shop('/order'))
  await expect(visitor.main).toContainText('your order went through')
  await visitor.holds(0)
})

test('an order that does not get through leaves the form as it was', async ({ context }) => {
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(freshName())
  await visitor.add('Kite')
  await visitor.openCart()
  await visitor.drawer.getByRole('link', { name: 'Go to payment' }).click()
  await visitor.fillInCard()
  await context.setOffline(true)
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.main.getByText('Nothing was ordered. This device is offline.')).toBeVisible()
  await expect(visitor.page.getByLabel('Security code')).toHaveValue('123')
  await context.setOffline(false)
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.page).toHaveURL(shop('/order'))
})

test('a merge that fails is made up for', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(name)
  await visitor.signOut()
  await visitor.go('/')
  await visitor.add('Kite')
  await visitor.saved()
  const migrate = /\/cart\/migrate$/
  await visitor.page.route(migrate, (route) => route.abort('connectionreset'))
  await visitor.go('/sign-in')
  await visitor.signIn(name)
  await visitor.isSignedIn(name)
  await visitor.openCart()
  await expect(visitor.drawer.getByRole('alert')).toContainText('Your cart could not be loaded.')
  await visitor.page.unroute(migrate)
  await visitor.drawer.getByRole('button', { name: 'Try again' }).click()
  await expect(visitor.drawer.getByRole('listitem')).toHaveCount(1)
  await visitor.page.reload()
  await visitor.holds(1)
})

test('a browser that keeps no cookie for the shop is told what that means', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.holds(0)
  await visitor.page.route(CART, async (route) => {
    await context.clearCookies()
    await route.continue()
  })
  await visitor.add('Kite')
  await visitor.saved()
  await visitor.openCart()
  await expect(visitor.drawer.getByRole('alert')).toContainText('This browser blocks the cookie')
})
