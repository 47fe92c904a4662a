// What the shop sells, as its pages know it. Knows nothing of how products are asked for.
import type { Cents } from './money.ts'

declare const kind: unique symbol
/** Names a product in both APIs. */
export type ProductId = string & { readonly [kind]: 'product' }

export interface Product {
  readonly id: ProductId
  readonly name: string
  readonly category: string
  readonly description: string
  readonly price: Cents
  /** File names. */
  readonly pictures: readonly string[]
  readonly tags: readonly string[]
  /** Millimetres and grams. */
  readonly package: { readonly height: number; readonly length: number; readonly width: number; readonly weight: number }
}

/** Where a picture is. Only plain file names are pictures: nothing an API says leads to another host or folder. */
export function pictureUrl(product: Product): string | undefined {
  const name = product.pictures.find((picture) => /^[a-z0-9][a-z0-9-]*\.svg$/.test(picture))
  return name === undefined ? undefined : `/pictures/${name}`
}

/** The categories, in the order the catalogue has them. */
export function categories(products: readonly Product[]): string[] {
  return [...new Set(products.map((product) => product.category))]
}

/** What is left of the catalogue for somebody who looks for something. */
export function search(products: readonly Product[], category: string | undefined, words: string): Product[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  return products.filter((product) => {
    const text = [product.name, product.category, product.description, ...product.tags].join(' ').toLowerCase()
    return (category === undefined || product.category === category) && wanted.every((word) => text.includes(word))
  })
}
