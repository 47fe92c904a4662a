// Who is signed in, in this browser. Knows nothing of carts.
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { Failure } from '../api/failure.ts'
import type { Next } from '../auth/accounts.ts'
import { useServices } from '../services.ts'

/** Remembers who signed in, for this tab's next start and for the other tabs. The tokens themselves are Amplify's. */
export const SIGNED_IN_AS = 'shop.signed-in-as'
/** Remembers that the anonymous cart is still to be moved into the account. */
export const TO_MERGE = 'shop.cart-to-merge'

export const useSession = defineStore('session', () => {
  const { accounts, memory } = useServices()

  const name = ref(memory.get(SIGNED_IN_AS))
  /** Counts who has been here: an answer to somebody who was here before is not for who is here now. */
  const era = ref(0)
  /** It ended without anybody wanting it. */
  const ended = ref(false)
  const signedIn = computed(() => name.value !== undefined)

  function become(who: string | undefined): void {
    name.value = who
    era.value += 1
  }

  function end(): void {
    if (name.value === undefined) return
    memory.set(SIGNED_IN_AS, undefined)
    ended.value = true
    become(undefined)
  }

  async function proof(ask: () => Promise<string | undefined>): Promise<string | undefined> {
    let token: string | undefined
    try {
      token = await ask()
    } catch (error) {
      throw new Failure({ kind: 'unreachable' }, { cause: error })
    }
    if (token === undefined) end()
    return token
  }

  /** The token to show, if somebody is signed in. */
  async function token(): Promise<string | undefined> {
    if (!signedIn.value) return undefined
    const current = await proof(() => accounts.token())
    // To go on as a stranger would put things into another cart than the visitor sees.
    if (current === undefined) throw new Failure({ kind: 'signed out' })
    return current
  }

  /** A token in place of one that was refused. */
  async function renewed(refused: string): Promise<string | undefined> {
    if (!signedIn.value) return undefined
    const current = await proof(() => accounts.token())
    return current === refused ? await proof(() => accounts.renewed()) : current
  }

  async function signIn(who: string, password: string, code?: string): Promise<Next> {
    // Somebody whose session here is over may still be known to the library.
    if (!signedIn.value) await accounts.signOut()
    const next = await accounts.signIn(who, password, code)
    if (next === 'signed in') {
      memory.set(TO_MERGE, '1')
      memory.set(SIGNED_IN_AS, who)
      ended.value = false
      become(who)
    }
    return next
  }

  async function signOut(): Promise<void> {
    await accounts.signOut()
    memory.set(SIGNED_IN_AS, undefined)
    memory.set(TO_MERGE, undefined)
    ended.value = false
    become(undefined)
  }

  /** Somebody signed in or out in another tab. */
  function follow(): void {
    const now = memory.get(SIGNED_IN_AS)
    if (now !== name.value) become(now)
  }

  return { name, era, ended, signedIn, token, renewed, signIn, signOut, follow }
})
