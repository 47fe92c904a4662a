// Accounts, merging, paying, more than one device.
import { createHmac } from 'node:crypto'

import type { Page } from '@playwright/test'

import { expect, freshName, PASSWORD, shop, test, Visitor } from './visitor.ts'

test('from the shelf to the order: sign up on the way, the cart comes along', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.add('Enamel Mug')
  await visitor.add('Wooden Ruler')
  await visitor.openCart()
  await visitor.drawer.getByRole('link', { name: 'Go to payment' }).click()
  await expect(visitor.page).toHaveURL(shop('/sign-in?to=/payment'))
  await visitor.page.getByRole('link', { name: 'Make an account' }).click()
  await visitor.signUp(freshName())
  await expect(visitor.page).toHaveURL(shop('/payment'))
  await visitor.holds(2)
  await expect(visitor.main).toContainText('Nothing is charged')

  const order = visitor.main.getByRole('button', { name: 'Order for €18.80' })
  await order.click()
  await expect(visitor.page.getByLabel('Name on the card')).toBeFocused()
  await visitor.fillInCard()
  await visitor.page.getByLabel('Card number').fill('5555 5555 5555 4444')
  await order.click()
  await expect(visitor.main).toContainText('Only the test card')
  await expect(visitor.page.getByLabel('Card number')).toBeFocused()
  await visitor.page.getByLabel('Card number').fill('4242424242424242')
  await order.click()
  await expect(visitor.page).toHaveURL(shop('/order'))
  await expect(visitor.main).toContainText('1 × Wooden Ruler')
  await expect(visitor.main).toContainText('€18.80')
  await visitor.holds(0)
  await visitor.page.reload()
  await expect(visitor.main).toContainText('€18.80')
  await visitor.holds(0)
})

test('signing in merges carts, signing out leaves an empty one', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(name)
  await visitor.add('Kite')
  await visitor.saved()
  await visitor.signOut()
  await visitor.holds(0)
  await visitor.go('/')
  await visitor.add('Kite')
  await visitor.add('Chess Board')
  await visitor.go('/sign-in')
  await visitor.signIn(name)
  await visitor.isSignedIn(name)
  await visitor.holds(3)
  await expect(visitor.quantity('Kite')).toHaveValue('2')
  await visitor.page.reload()
  await visitor.holds(3)
  await visitor.signOut()
  await visitor.holds(0)
  await visitor.page.reload()
  await visitor.holds(0)
})

test('a second device has the same cart', async ({ context, browser }) => {
  const name = freshName()
  const first = await Visitor.in(context, '/sign-up')
  await first.signUp(name)
  await first.add('Kite')
  await first.saved()
  const other = await browser.newContext()
  const second = await Visitor.in(other)
  await second.add('Enamel Mug')
  await second.go('/sign-in')
  await second.signIn(name)
  await second.holds(2)
  // Coming back to the first one.
  await first.page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await first.holds(2)

  // Ordered on one, while the other is about to.
  await first.go('/payment')
  await second.go('/payment')
  for (const { fillInCard, visitor } of [first, second].map((visitor) => ({ visitor, fillInCard: () => visitor.fillInCard() }))) {
    await expect(visitor.main).toContainText('Your order')
    await fillInCard()
  }
  await second.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(second.page).toHaveURL(shop('/order'))
  await first.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(first.main).toContainText('it was ordered or emptied on another device')
  await other.close()
})

test('two tabs are one visitor', async ({ context }) => {
  const name = freshName()
  const one = await Visitor.in(context, '/sign-up')
  const other = await Visitor.in(context)
  await one.signUp(name)
  await other.isSignedIn(name)
  await one.add('Kite')
  await other.holds(1)
  await other.signOut()
  await expect(one.page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible()
  await one.holds(0)
})

test('a forgotten password is replaced by a new one', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(name)
  await visitor.signOut()
  await visitor.go('/reset?to=/admin')
  await visitor.page.getByLabel('User name').fill(name)
  await visitor.page.getByRole('button', { name: 'Send me a code' }).click()
  await visitor.page.getByLabel('Code').fill('123456')
  await visitor.page.getByLabel('New password').fill('Another-1')
  await visitor.page.getByRole('button', { name: 'Set it and sign in' }).click()
  await visitor.isSignedIn(name)
  await expect(visitor.page).toHaveURL(shop('/admin'))
  await visitor.signOut()
  await visitor.go('/sign-in')
  await visitor.signIn(name, PASSWORD)
  await expect(visitor.main).toContainText('The user name or the password is wrong.')
  await expect(visitor.page.getByLabel('User name')).toHaveValue(name)
})

/** The code of an authenticator app: https://datatracker.ietf.org/doc/html/rfc6238 */
function codeOf(secret: string, at = Date.now()): string {
  const bits = Array.from(secret, (letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => parseInt(byte, 2)) ?? [])
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)))
  const hash = createHmac('sha1', key).update(counter).digest()
  const number = hash.readUInt32BE((hash.at(-1) ?? 0) & 15) & 0x7fff_ffff
  return String(number % 1_000_000).padStart(6, '0')
}

/** Has the account that is signed in ask for an authenticator app, as any client of Cognito can; the app's secret. */
async function protect(page: Page): Promise<string> {
  const token = await page.evaluate(() => localStorage.getItem(Object.keys(localStorage).find((key) => key.endsWith('.accessToken')) ?? ''))
  const call = async (operation: string, input: object) => {
    const response = await page.request.post(process.env.VUE_APP_COGNITO_ENDPOINT ?? '', {
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
      data: { AccessToken: token, ...input },
    })
    expect(response.status(), `${operation}: ${await response.text()}`).toBe(200)
    return (await response.json()) as { SecretCode?: string }
  }
  const { SecretCode: secret = '' } = await call('AssociateSoftwareToken', {})
  await call('VerifySoftwareToken', { UserCode: codeOf(secret) })
  await call('SetUserMFAPreference', { SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } })
  return secret
}

test('an account with a second step asks for the code of its app, after a new password as well', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(name)
  const secret = await protect(visitor.page)
  await visitor.signOut()
  const code = visitor.page.getByLabel('Code')
  await visitor.go('/sign-in?to=/admin')
  await visitor.signIn(name, 'Wrong-password-1')
  await expect(visitor.main).toContainText('The user name or the password is wrong.')
  await expect(code).toHaveCount(0)
  await visitor.signIn(name)
  await expect(visitor.main).toContainText('protected by a second step')
  await visitor.main.getByRole('button', { name: 'Sign in' }).click()
  await expect(visitor.main).toContainText('Enter the six digits')
  await code.fill(codeOf(secret, 0))
  await visitor.main.getByRole('button', { name: 'Sign in' }).click()
  await expect(visitor.main).toContainText('This is not the right code.')
  await code.fill(codeOf(secret))
  await visitor.main.getByRole('button', { name: 'Sign in' }).click()
  await visitor.isSignedIn(name)
  await expect(visitor.page).toHaveURL(shop('/admin'))
  await visitor.signOut()

  // Somebody else at the same device is not asked.
  await visitor.go('/sign-up')
  await visitor.signUp(freshName())
  await visitor.signOut()

  await visitor.go('/reset?to=/admin')
  await visitor.page.getByLabel('User name').fill(name)
  await visitor.page.getByRole('button', { name: 'Send me a code' }).click()
  await code.fill('123456')
  await visitor.page.getByLabel('New password').fill('Another-1')
  await visitor.page.getByRole('button', { name: 'Set it and sign in' }).click()
  await expect(visitor.main).toContainText('protected by a second step')
  await code.fill(codeOf(secret))
  await visitor.main.getByRole('button', { name: 'Sign in' }).click()
  await visitor.isSignedIn(name)
  await expect(visitor.page).toHaveURL(shop('/admin'))
})

test('what is wrong is said before and after it is sent, and nothing typed is lost', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.page.getByLabel('Password').fill('simple')
  await visitor.page.getByRole('button', { name: 'Make an account' }).click()
  await expect(visitor.main).toContainText('Choose a user name.')
  await expect(visitor.main).toContainText('Still lacks 8 characters, a capital letter, a digit, a symbol.')
  await visitor.signUp(name)
  await visitor.signOut()
  await visitor.go('/sign-up')
  await visitor.page.getByLabel('User name').fill(name)
  await visitor.page.getByLabel('E-mail').fill('somebody@example.com')
  await visitor.page.getByLabel('Password').fill(PASSWORD)
  await visitor.page.getByRole('button', { name: 'Make an account' }).click()
  await expect(visitor.main).toContainText('This user name is taken.')
  await expect(visitor.page.getByLabel('E-mail')).toHaveValue('somebody@example.com')
})

test('an expired token is renewed without anybody noticing', async ({ context }) => {
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(freshName())
  await visitor.add('Kite')
  await visitor.saved()
  // The services refuse a token whose signature is broken, as they refuse one whose time is over.
  await visitor.page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith('.idToken')) ?? ''
    const token = localStorage.getItem(key) ?? ''
    localStorage.setItem(key, `${token.slice(0, -8)}AAAAAAAA`)
  })
  const refused = visitor.page.waitForResponse((response) => response.status() === 401)
  await visitor.page.reload()
  await refused
  await visitor.holds(1)
  await expect(visitor.notices).toHaveCount(0)
})

test('a session that is over is said to be, and the form waits for its visitor', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up')
  await visitor.signUp(name)
  await visitor.add('Kite')
  await visitor.saved()
  await visitor.openCart()
  await visitor.drawer.getByRole('link', { name: 'Go to payment' }).click()
  await visitor.fillInCard()
  await visitor.page.evaluate(() => {
    for (const key of Object.keys(localStorage)) if (key.startsWith('CognitoIdentityServiceProvider')) localStorage.removeItem(key)
  })
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.notices).toContainText('Your session has expired.')
  await visitor.notices.getByRole('button', { name: 'Sign in' }).click()
  await visitor.signIn(name)
  await expect(visitor.page).toHaveURL(shop('/payment'))
  await expect(visitor.page.getByLabel('Name on the card')).toHaveValue('Test Visitor')
  await visitor.main.getByRole('button', { name: 'Order for €22.90' }).click()
  await expect(visitor.page).toHaveURL(shop('/order'))
})

test('a link cannot lead out of the shop after signing in', async ({ context }) => {
  const name = freshName()
  const visitor = await Visitor.in(context, '/sign-up?to=//evil.example/')
  await visitor.signUp(name)
  await expect(visitor.page).toHaveURL(shop('/'))
})

test('the totals of all carts are live', async ({ context }) => {
  const watcher = await Visitor.in(context, '/admin')
  const row = watcher.main.getByRole('row', { name: /^Bee Hotel/ })
  const pieces = async () => Number((await row.getByRole('cell').innerText()).replace(/\D/g, ''))
  await expect(row).toContainText(/\d/)
  const before = await pieces()
  const visitor = await Visitor.in(context)
  await visitor.add('Bee Hotel')
  await visitor.quantity('Bee Hotel').fill('37')
  await visitor.quantity('Bee Hotel').press('Enter')
  await expect.poll(pieces, { timeout: 30_000 }).toBe(before + 37)
  await watcher.main.getByRole('button', { name: 'Pause' }).click()
  await expect(watcher.main.getByRole('button', { name: 'Resume' })).toHaveAttribute('aria-pressed', 'true')
})
