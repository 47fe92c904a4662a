// Why a request failed, as far as anybody can act on it. Knows nothing of words for it, and nothing of HTTP clients.

export type Reason =
  /** This device has no network. */
  | { readonly kind: 'offline' }
  /** No answer: the network broke, or the service is not there. */
  | { readonly kind: 'unreachable' }
  /** No answer in time. */
  | { readonly kind: 'slow' }
  /** The session is over; a new one was asked for and not given. */
  | { readonly kind: 'signed out' }
  /** The service refuses what was asked for, and says why. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string }
  | { readonly kind: 'not found'; readonly message: string }
  /** Too much at once; after so many milliseconds it is worth another try. */
  | { readonly kind: 'busy'; readonly wait: number; readonly started: boolean }
  /** The service failed. */
  | { readonly kind: 'broken'; readonly status: number }
  /** The answer is not what was agreed on. */
  | { readonly kind: 'not understood' }

export class Failure extends Error {
  override readonly name = 'Failure'
  constructor(
    readonly reason: Reason,
    options?: ErrorOptions,
  ) {
    super(reason.kind, options)
  }
}

/** What went wrong, whatever was thrown: what nobody foresaw is a failure of the shop. */
export function reasonOf(error: unknown): Reason {
  return error instanceof Failure ? error.reason : { kind: 'not understood' }
}

/** Whether what was asked for may be done all the same. Being busy can mean that every answer was lost
 * (docs/adr/0019-every-write-is-a-transaction.md). */
export function mayBeDone(reason: Reason): boolean {
  switch (reason.kind) {
    case 'unreachable':
    case 'slow':
    case 'broken':
    case 'not understood':
      return true
    case 'busy':
      return reason.started
    case 'offline':
    case 'signed out':
    case 'refused':
    case 'not found':
      return false
  }
}
