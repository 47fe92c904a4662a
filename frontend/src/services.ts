// What stores need of the world, to be handed in: by the shop itself, or by a test.
import { hasInjectionContext, inject, type InjectionKey } from 'vue'

import type { Shop } from './api/shop.ts'
import type { Accounts } from './auth/accounts.ts'

export interface Services {
  readonly shop: Shop
  readonly accounts: Accounts
  /** What this browser keeps over a restart. */
  readonly memory: Memory
  /** What this tab keeps over a reload. */
  readonly tab: Memory
  /** Tells the other tabs that the cart has changed. */
  readonly tellTabs: () => void
  readonly pause: (milliseconds: number) => Promise<void>
  readonly now: () => Date
}

export interface Memory {
  get(name: string): string | undefined
  set(name: string, value: string | undefined): void
}

/** A browser's storage. Where it is switched off, nothing is remembered, and nothing fails. */
export function memory(storage: () => Storage): Memory {
  return {
    get: (name) => {
      try {
        return storage().getItem(name) ?? undefined
      } catch {
        return undefined
      }
    },
    set: (name, value) => {
      try {
        if (value === undefined) storage().removeItem(name)
        else storage().setItem(name, value)
      } catch {
        // Then it is not remembered.
      }
    },
  }
}

export const SERVICES: InjectionKey<Services> = Symbol('services')

export function useServices(): Services {
  const services = hasInjectionContext() ? inject(SERVICES) : undefined
  if (services === undefined) throw new Error('a store was used before the shop was put together')
  return services
}
