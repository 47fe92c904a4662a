// For the tests of stores: a shop in memory that does as it is told, and the rest of the world.
import { createPinia, type Pinia } from 'pinia'
import { createApp } from 'vue'

import type { Held } from '../src/api/answers.ts'
import { Failure, type Reason } from '../src/api/failure.ts'
import { cents } from '../src/domain/money.ts'
import type { Product, ProductId } from '../src/domain/product.ts'
import type { Memory, Services } from '../src/services.ts'
import { SERVICES } from '../src/services.ts'

export function product(name: string, price = 100): Product {
  const size = { height: 1, length: 1, width: 1, weight: 1 }
  return { id: name as ProductId, name, category: 'kitchen', description: '', price: cents(price), pictures: [], tags: [], package: size }
}

/** What the next write of the cart is to come to: not done, or done without anybody hearing of it. */
export interface Mishap {
  readonly reason: Reason
  readonly done?: boolean
}

export class FakeShop {
  readonly products = new Map<ProductId, Product>()
  /** By visitor: nobody's name, or an account's. */
  readonly carts = new Map<string, Map<ProductId, number>>()
  who = ''
  mishaps: Mishap[] = []
  readMishaps: Reason[] = []
  readonly log: string[] = []
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve()

  constructor(...products: Product[]) {
    for (const one of products) this.products.set(one.id, one)
  }

  cartOf(who = this.who): Map<ProductId, number> {
    const cart = this.carts.get(who) ?? new Map<ProductId, number>()
    this.carts.set(who, cart)
    return cart
  }

  held(): Held[] {
    const product = (id: ProductId) => this.products.get(id) ?? fail({ kind: 'not found', message: '' })
    return [...this.cartOf()].filter(([, quantity]) => quantity > 0).map(([id, quantity]) => ({ product: product(id), quantity }))
  }

  async write<Answer>(what: string, act: () => Answer): Promise<Answer> {
    this.log.push(what)
    const mishap = this.mishaps.shift()
    if (mishap?.done === true) act()
    await this.gate
    if (mishap !== undefined) throw new Failure(mishap.reason)
    return act()
  }

  async read<Answer>(what: string, answer: () => Answer): Promise<Answer> {
    this.log.push(what)
    const reason = this.readMishaps.shift()
    await this.gate
    if (reason !== undefined) throw new Failure(reason)
    return answer()
  }

  readonly api: Services['shop'] = {
    products: () => this.read('products', () => [...this.products.values()]),
    product: (id) => this.read(`product ${id}`, () => this.products.get(id as ProductId) ?? fail({ kind: 'not found', message: '' })),
    cart: () => this.read('cart', () => this.held()),
    add: (id, by) => this.write(`add ${id} ${by}`, () => void this.cartOf().set(id, Math.max(0, (this.cartOf().get(id) ?? 0) + by))),
    set: (id, to) => this.write(`set ${id} ${to}`, () => void this.cartOf().set(id, to)),
    migrate: () =>
      this.write('migrate', () => {
        for (const [id, quantity] of this.cartOf('')) this.cartOf().set(id, (this.cartOf().get(id) ?? 0) + quantity)
        this.carts.delete('')
        return this.held()
      }),
    checkout: () =>
      this.write('checkout', () => {
        const held = this.held()
        this.cartOf().clear()
        return held
      }),
    total: (id) => this.read(`total ${id}`, () => [...this.carts.values()].reduce((sum, cart) => sum + (cart.get(id) ?? 0), 0)),
  }
}

function fail(reason: Reason): never {
  throw new Failure(reason)
}

export class FakeMemory implements Memory {
  readonly values = new Map<string, string>()
  readonly get = (name: string) => this.values.get(name)
  readonly set = (name: string, value: string | undefined) => {
    if (value === undefined) this.values.delete(name)
    else this.values.set(name, value)
  }
}

export interface World extends Services {
  readonly fake: FakeShop
  readonly memory: FakeMemory
  readonly tab: FakeMemory
  readonly pinia: Pinia
  /** What was waited for, in milliseconds. */
  readonly waits: number[]
  /** The tokens the accounts will give, one after the other; nothing means that the session is over. */
  tokens: (string | undefined | Error)[]
}

/** A world with stores in it. */
export function world(fake: FakeShop): World {
  const waits: number[] = []
  const made: World = {
    fake,
    shop: fake.api,
    memory: new FakeMemory(),
    tab: new FakeMemory(),
    pinia: createPinia(),
    waits,
    tokens: [],
    accounts: {
      signUp: () => Promise.resolve(),
      confirm: () => Promise.resolve(),
      resend: () => Promise.resolve(),
      signIn: (name) => {
        fake.who = name
        return Promise.resolve('signed in')
      },
      signOut: () => {
        fake.who = ''
        return Promise.resolve()
      },
      forget: () => Promise.resolve(),
      reset: () => Promise.resolve(),
      token: () => given(made.tokens.shift()),
      renewed: () => given(made.tokens.shift()),
    },
    tellTabs: () => undefined,
    pause: (wait) => {
      waits.push(wait)
      return Promise.resolve()
    },
    now: () => new Date(2026, 10, 23),
  }
  const app = createApp({})
  app.provide(SERVICES, made)
  app.use(made.pinia)
  return made
}

function given(token: string | undefined | Error): Promise<string | undefined> {
  return token instanceof Error ? Promise.reject(token) : Promise.resolve(token)
}
