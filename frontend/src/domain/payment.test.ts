import { expect, test } from 'vitest'

import { empty, example, grouped, mistakes } from './payment.ts'

const today = new Date(2026, 10, 23)
const good = example('Test Visitor', today)

test('the example is right', () => {
  expect(mistakes(good, today)).toEqual({})
})

test('an empty form names all that is missing', () => {
  expect(Object.keys(mistakes(empty(), today))).toEqual(['name', 'card', 'expires', 'code'])
})

test('a real card is sent back to its owner', () => {
  expect(mistakes({ ...good, card: '5555 5555 5555 4444' }, today).card).toMatch(/Only the test card/)
  expect(mistakes({ ...good, card: '4242' }, today).card).toMatch(/12 to 19 digits/)
  expect(mistakes({ ...good, card: '4242-4242-4242-4242' }, today)).toEqual({})
})

test.each([
  ['11/26', undefined],
  ['10/26', 'This card has expired. Use the test card.'],
  ['13/30', 'Enter month and year, such as 04/30.'],
  ['4/30', 'Enter month and year, such as 04/30.'],
  ['04 / 30', undefined],
])('a card that expires %s: %s', (expires, mistake) => {
  expect(mistakes({ ...good, expires }, today).expires).toBe(mistake)
})

test('a number is grouped while it is typed', () => {
  expect(['4', '4242', '42424', '4242424242424242', 'x4-2'].map(grouped)).toEqual(['4', '4242', '4242 4', '4242 4242 4242 4242', '42'])
})
