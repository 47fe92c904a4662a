// Why something failed and how to go on, in words. Knows nothing of pages.
import type { Reason } from './api/failure.ts'

/** Why, as a sentence; and what to do. */
export function why(reason: Reason): string {
  switch (reason.kind) {
    case 'offline':
      return 'This device is offline. Try again once it is back.'
    case 'unreachable':
      return 'The shop cannot be reached. Check the connection, then try again.'
    case 'slow':
      return 'The shop took too long to answer. Please try again.'
    case 'signed out':
      return 'Your session is over. Sign in again to go on.'
    case 'refused':
      return reason.message === '' ? 'The shop refuses this.' : `The shop refuses this: ${reason.message}.`
    case 'not found':
      return 'The shop does not have this any more.'
    case 'conflict':
      return 'Something else changed this at the same moment. Look again, then try again.'
    case 'busy':
      return 'The shop is very busy. Please try again in a moment.'
    case 'broken':
      return 'Something broke on our side. Please try again in a moment.'
    case 'not understood':
      return 'The shop gave an answer this page does not understand. Reloading the page may help.'
  }
}

/** So many things. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-IE')} ${number === 1 ? one : many}`
}
