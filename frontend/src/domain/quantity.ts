// How many of something: what may be typed, and what a field makes of it. Knows nothing of carts.

/** What a customer can ask for of one product. A merged cart may hold more; it is shown as it is. */
export const MOST = 500

/** What somebody typed. */
export type Typed = { readonly kind: 'quantity'; readonly quantity: number } | { readonly kind: 'mistake'; readonly why: string }

/** Reads a quantity as typed: a whole number from 0 to 500. */
export function parse(text: string): Typed {
  const trimmed = text.trim()
  if (trimmed === '') return { kind: 'mistake', why: 'Enter a number.' }
  if (!/^\d+$/.test(trimmed)) return { kind: 'mistake', why: 'Enter a whole number.' }
  const quantity = Number(trimmed)
  if (quantity > MOST) return { kind: 'mistake', why: `Enter at most ${MOST}.` }
  return { kind: 'quantity', quantity }
}
