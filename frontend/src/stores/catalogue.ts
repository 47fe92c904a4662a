// The products, read once. Knows nothing of carts.
import { defineStore } from 'pinia'
import { ref } from 'vue'

import { reasonOf, type Reason } from '../api/failure.ts'
import type { Product } from '../domain/product.ts'
import { useServices } from '../services.ts'

export const useCatalogue = defineStore('catalogue', () => {
  const { shop } = useServices()
  const products = ref<Product[]>()
  const failure = ref<Reason>()
  let loading: Promise<void> | undefined

  async function read(): Promise<void> {
    failure.value = undefined
    try {
      products.value = await shop.products()
    } catch (error) {
      failure.value = reasonOf(error)
    } finally {
      loading = undefined
    }
  }

  /** Reads it, unless it is there. */
  async function load(): Promise<void> {
    if (products.value === undefined) await (loading ??= read())
  }

  return { products, failure, load }
})
