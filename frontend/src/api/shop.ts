// The routes of both APIs. Knows nothing of screens, retries or tokens.
import type { Product, ProductId } from '../domain/product.ts'
import * as answers from './answers.ts'
import type { Held } from './answers.ts'
import type { Client } from './client.ts'

export interface Shop {
  products(): Promise<Product[]>
  product(id: string): Promise<Product>
  cart(): Promise<Held[]>
  /** So many more, or fewer if negative. */
  add(id: ProductId, quantity: number): Promise<void>
  /** Exactly so many. */
  set(id: ProductId, quantity: number): Promise<void>
  /** What the visitor collected before signing in becomes part of the account's cart, which is answered. */
  migrate(): Promise<Held[]>
  /** Empties the cart; what was in it. */
  checkout(): Promise<Held[]>
  /** How many of it are in all carts together. */
  total(id: ProductId): Promise<number>
}

/** @param open asks without saying who: what anybody may know. */
export function shop(products: Client, carts: Client, open: Client): Shop {
  const at = encodeURIComponent
  return {
    products: async () => answers.products(await products({ path: '/product' })),
    product: async (id) => answers.product(await products({ path: `/product/${at(id)}` })),
    cart: async () => answers.cart(await carts({ path: '/cart' })),
    add: async (id, quantity) => {
      await carts({ method: 'POST', path: '/cart', body: { productId: id, quantity } })
    },
    set: async (id, quantity) => {
      await carts({ method: 'PUT', path: `/cart/${at(id)}`, body: { productId: id, quantity } })
    },
    migrate: async () => answers.cart(await carts({ method: 'POST', path: '/cart/migrate' })),
    checkout: async () => answers.cart(await carts({ method: 'POST', path: '/cart/checkout' })),
    total: async (id) => answers.total(await open({ path: `/cart/${at(id)}/total` })),
  }
}
