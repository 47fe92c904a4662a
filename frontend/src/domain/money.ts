// Money: whole cents, added and multiplied as integers. Knows nothing of products.

/** The shop has one currency; prices come without one. */
const CURRENCY = 'EUR'

declare const unit: unique symbol
/** A sum in cents: an integer that is exact. */
export type Cents = number & { readonly [unit]: 'cents' }

/** The sum in cents, if it is one. */
export function cents(amount: number): Cents {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`${amount} is not a whole number of cents`)
  return amount as Cents
}

export const NOTHING: Cents = cents(0)

export function times(price: Cents, quantity: number): Cents {
  return cents(price * quantity)
}

export function sum(amounts: readonly Cents[]): Cents {
  return cents(amounts.reduce((total, amount) => total + amount, 0))
}

const written = new Intl.NumberFormat('en-IE', { style: 'currency', currency: CURRENCY })

/** As a person reads it. The number goes into the format as text, so that no cent is ever a binary fraction. */
export function show(amount: Cents): string {
  const digits = String(Math.abs(amount)).padStart(3, '0')
  const text = `${amount < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
  return written.format(text as Intl.StringNumericLiteral)
}
