// What a visitor does, for the tests: by what can be seen and heard, never by how the page is made.
import { test as base, expect, type BrowserContext, type Locator, type Page } from '@playwright/test'

export { expect }

export const PASSWORD = 'Local-shop-1'

/** The shop's address. */
export function shop(path = '/'): string {
  return `${process.env.SHOP ?? ''}${path}`
}

export function cartApi(path = ''): string {
  return `${process.env.VUE_APP_CART_API_URL ?? ''}${path}`
}

/** Requests to the cart, and only to it. */
export const CART = /_user_request_\/cart(\/|$)/

/** No page of the shop fails unseen: an error nobody caught fails the test. */
export const test = base.extend<{ unseen: undefined }>({
  unseen: [
    async ({ context }, use) => {
      const errors: string[] = []
      context.on('weberror', (error) => errors.push(error.error().stack ?? String(error.error())))
      await use(undefined)
      expect(errors).toEqual([])
    },
    { auto: true },
  ],
})

let names = 0
/** A user name nobody has yet. */
export function freshName(): string {
  names += 1
  return `v${process.pid % 10_000}-${Date.now() % 1_000_000}-${names}`
}

export class Visitor {
  constructor(readonly page: Page) {}

  static async in(context: BrowserContext, path = '/'): Promise<Visitor> {
    const visitor = new Visitor(await context.newPage())
    await visitor.go(path)
    return visitor
  }

  async go(path: string): Promise<void> {
    await this.page.goto(shop(path))
  }

  get main(): Locator {
    return this.page.getByRole('main')
  }

  get drawer(): Locator {
    return this.page.getByRole('dialog', { name: 'Your cart' })
  }

  get badge(): Locator {
    return this.page.getByRole('button', { name: /^Cart:/ })
  }

  get notices(): Locator {
    return this.page.getByRole('region', { name: 'Notices' }).getByRole('alert')
  }

  /** The number of pieces on the cart's button. */
  async holds(pieces: number): Promise<void> {
    await expect(this.badge).toHaveAccessibleName(`Cart: ${pieces} ${pieces === 1 ? 'piece' : 'pieces'}`)
  }

  /** Nothing is being saved any more. */
  async saved(): Promise<void> {
    await expect(this.page.getByRole('progressbar', { name: /^Saving/ })).toHaveCount(0)
  }

  add(product: string): Promise<void> {
    return this.main.getByRole('button', { name: `Add to cart: ${product}` }).click()
  }

  quantity(product: string, where: Locator = this.main): Locator {
    return where.getByRole('textbox', { name: `Quantity: ${product}` })
  }

  async openCart(): Promise<void> {
    await this.badge.click()
    await expect(this.drawer).toBeVisible()
  }

  async signUp(name: string): Promise<void> {
    await this.page.getByLabel('User name').fill(name)
    await this.page.getByLabel('E-mail').fill(`${name}@example.com`)
    await this.page.getByLabel('Password').fill(PASSWORD)
    await this.page.getByRole('button', { name: 'Make an account' }).click()
    await expect(this.page.getByRole('heading', { name: 'Confirm your account' })).toBeVisible()
    await this.page.getByLabel('Code').fill('123456')
    await this.page.getByRole('button', { name: 'Confirm' }).click()
    await this.isSignedIn(name)
  }

  async signIn(name: string, password = PASSWORD): Promise<void> {
    await this.page.getByLabel('User name').fill(name)
    await this.page.getByLabel('Password').fill(password)
    await this.main.getByRole('button', { name: 'Sign in' }).click()
  }

  async isSignedIn(name: string): Promise<void> {
    await expect(this.page.getByRole('button', { name: 'Sign out' })).toBeVisible()
    await expect(this.page.getByRole('banner')).toContainText(name)
  }

  async signOut(): Promise<void> {
    await this.page.getByRole('button', { name: 'Sign out' }).click()
    await expect(this.page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible()
  }

  /** The test card, with nothing that depends on the day. */
  async fillInCard(): Promise<void> {
    await this.page.getByLabel('Name on the card').fill('Test Visitor')
    await this.page.getByLabel('Card number').fill('4242424242424242')
    await this.page.getByLabel('Expires').fill('12/99')
    await this.page.getByLabel('Security code').fill('123')
  }
}
