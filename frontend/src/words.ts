// Why something failed and how to go on, in words. Knows nothing of pages.
import type { Reason } from './api/failure.ts'

/** Why, as a sentence; and what to do. */
export function why(reason: Reason): string {
  switch (reason.kind) {
    case 'offline':
      return 'This device is offline. Try again when it is back online.'
    case 'unreachable':
      return 'We could not reach the shop. Check your connection and try again.'
    case 'slow':
      return 'The shop took too long to answer. Try again.'
    case 'signed out':
      return 'Your session has expired. Sign in again to continue.'
    case 'refused':
      return reason.message === '' ? 'The shop refused this request. Reload the page and try again.' : reason.message
    case 'not found':
      return 'The shop no longer sells this product. Choose another one.'
    case 'busy':
      return 'The shop is busy. Try again in a few seconds.'
    case 'broken':
      return 'Something went wrong on our side. Try again in a few minutes.'
    case 'not understood':
      return 'This page could not read the shop’s answer. Reload the page and try again.'
  }
}

/** So many things. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-IE')} ${number === 1 ? one : many}`
}
