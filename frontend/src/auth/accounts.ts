// What the shop needs of accounts, whoever keeps them. Loads the library that does only when somebody is about to be known: most
// visitors only look.
import type { Config } from '../config.ts'

export interface Accounts {
  signUp(account: { name: string; email: string; password: string }): Promise<void>
  /** With the code that was sent by mail. */
  confirm(name: string, code: string): Promise<void>
  /** Sends another code. */
  resend(name: string): Promise<void>
  /** With the code that an authenticator app shows, where the account asks for one. Each attempt begins anew: no half of one lasts. */
  signIn(name: string, password: string, code?: string): Promise<Next>
  signOut(): Promise<void>
  /** Sends a code with which a new password can be set. */
  forget(name: string): Promise<void>
  reset(name: string, code: string, password: string): Promise<void>
  /** The token of who is signed in here, renewed when its time is over. */
  token(): Promise<string | undefined>
  /** A new token, although the old one seems good. */
  renewed(): Promise<string | undefined>
}

/** What comes after name and password. */
export type Next = 'signed in' | 'confirm' | 'reset' | 'code' | 'cannot'

/** The accounts of a user pool. */
export function accounts(config: Config): Accounts {
  let loaded: Promise<Accounts> | undefined
  const load = async () => {
    loaded ??= import('./cognito.ts').then(({ cognito }) => cognito(config))
    try {
      return await loaded
    } catch (error) {
      // The network may be back at the next try.
      loaded = undefined
      throw error
    }
  }
  return {
    signUp: async (account) => (await load()).signUp(account),
    confirm: async (name, code) => (await load()).confirm(name, code),
    resend: async (name) => (await load()).resend(name),
    signIn: async (name, password, code) => (await load()).signIn(name, password, code),
    signOut: async () => (await load()).signOut(),
    forget: async (name) => (await load()).forget(name),
    reset: async (name, code, password) => (await load()).reset(name, code, password),
    token: async () => (await load()).token(),
    renewed: async () => (await load()).renewed(),
  }
}
