// The chart of what is in all carts. Decides lengths and order; knows nothing of how the numbers come.
import type { Product } from './product.ts'

/** A product, and how many of it are in all carts; not known, while nobody has said. */
export interface Bar {
  readonly product: Product
  readonly total: number | undefined
  /** Of the longest bar. */
  readonly share: number
}

/** Products with the most first; those with equally many stay in the order of the catalogue. */
export function chart(products: readonly Product[], totals: ReadonlyMap<string, number>): Bar[] {
  const most = Math.max(1, ...totals.values())
  const bars = products.map((product): Bar => {
    const total = totals.get(product.id)
    return { product, total, share: (total ?? 0) / most }
  })
  return bars.sort((one, other) => (other.total ?? 0) - (one.total ?? 0))
}

/** Runs `task` for every item, a few at a time, and stops at the first that fails. */
export async function fewAtATime<Item>(items: readonly Item[], few: number, task: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items]
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await task(item)
  }
  try {
    await Promise.all(Array.from({ length: few }, worker))
  } catch (error) {
    rest.length = 0
    throw error
  }
}
