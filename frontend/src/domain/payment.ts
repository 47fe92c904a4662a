// The payment form: what is right to type into it. Nothing is charged, so only a test card is taken: whoever types a real one is
// stopped before it gets anywhere. Knows nothing of pages, and sends nothing.

/** The number payment providers use for tests; it belongs to no account. */
export const TEST_CARD = '4242 4242 4242 4242'

export interface Payment {
  name: string
  card: string
  expires: string
  code: string
}

export function empty(): Payment {
  return { name: '', card: '', expires: '', code: '' }
}

/** Digits in groups of four, as on a card. */
export function grouped(text: string): string {
  return text.replace(/\D/g, '').slice(0, 19).replace(/(.{4})(?=.)/g, '$1 ')
}

/** A month and a year, a day at which they are judged, and what is wrong with them. */
function expiryMistake(text: string, today: Date): string | undefined {
  const match = /^(0[1-9]|1[0-2])\s*\/\s*(\d{2})$/.exec(text.trim())
  if (match === null) return 'Enter month and year, such as 04/30.'
  const [, month, year] = match
  // The first day after it.
  const over = new Date(2000 + Number(year), Number(month), 1)
  return over <= today ? 'This card has expired. Use the test card.' : undefined
}

/** What is wrong, field by field. Nothing, if it can be paid with. */
export function mistakes(payment: Payment, today: Date): Partial<Record<keyof Payment, string>> {
  const found: Partial<Record<keyof Payment, string>> = {}
  if (payment.name.trim() === '') found.name = 'Enter the name on the card.'
  const digits = payment.card.replace(/[\s-]/g, '')
  if (!/^\d{12,19}$/.test(digits)) found.card = 'A card number has 12 to 19 digits.'
  else if (digits !== TEST_CARD.replaceAll(' ', '')) found.card = `Only the test card ${TEST_CARD} works here. Do not enter a card of your own.`
  const expires = expiryMistake(payment.expires, today)
  if (expires !== undefined) found.expires = expires
  if (!/^\d{3}$/.test(payment.code.trim())) found.code = 'Enter any three digits.'
  return found
}

/** A form that can be sent, for whoever only wants to look. */
export function example(name: string, today: Date): Payment {
  const year = String((today.getFullYear() + 3) % 100).padStart(2, '0')
  return { name, card: TEST_CARD, expires: `12/${year}`, code: '123' }
}
