// What the APIs answer, parsed into what the shop works with. What does not fit is a failure, not a guess. Knows nothing of requests.
import * as v from 'valibot'

import { cents } from '../domain/money.ts'
import type { Product, ProductId } from '../domain/product.ts'
import { Failure } from './failure.ts'

/** What a cart holds of one product. */
export interface Held {
  readonly product: Product
  readonly quantity: number
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0))

const Identifier = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.transform((text) => text as ProductId),
)

const ProductShape = v.pipe(
  v.object({
    productId: Identifier,
    name: v.string(),
    category: v.string(),
    description: v.string(),
    price: v.pipe(count, v.maxValue(Number.MAX_SAFE_INTEGER), v.transform(cents)),
    pictures: v.array(v.string()),
    tags: v.array(v.string()),
    package: v.object({ height: v.number(), length: v.number(), width: v.number(), weight: v.number() }),
  }),
  v.transform(({ productId, ...rest }): Product => ({ id: productId, ...rest })),
)

const Products = v.object({ products: v.array(ProductShape) })
const OneProduct = v.object({ product: ProductShape })
const Cart = v.object({
  products: v.array(
    v.pipe(
      v.object({ sk: Identifier, quantity: count, productDetail: ProductShape }),
      v.transform(({ quantity, productDetail }): Held => ({ product: productDetail, quantity })),
    ),
  ),
})
const Total = v.object({ product: Identifier, quantity: count })

function parsed<Shape extends v.GenericSchema>(shape: Shape, answer: unknown): v.InferOutput<Shape> {
  const result = v.safeParse(shape, answer)
  if (!result.success) throw new Failure({ kind: 'not understood' }, { cause: new v.ValiError(result.issues) })
  return result.output
}

export function products(answer: unknown): Product[] {
  return parsed(Products, answer).products
}

export function product(answer: unknown): Product {
  return parsed(OneProduct, answer).product
}

export function cart(answer: unknown): Held[] {
  return parsed(Cart, answer).products
}

export function total(answer: unknown): number {
  return parsed(Total, answer).quantity
}
