import { expect, test } from 'vitest'

import { destination } from './destination.ts'

test.each([
  ['/payment', '/payment'],
  ['/product/a?x=1#y', '/product/a?x=1#y'],
  [undefined, '/'],
  [['/payment'], '/'],
  ['payment', '/'],
  ['https://evil.example/', '/'],
  ['//evil.example/', '/'],
  ['/\\evil.example/', '/'],
  ['/\t/evil.example/', '/'],
  ['javascript:alert(1)', '/'],
])('%s leads to %s', (wanted, path) => {
  expect(destination(wanted)).toBe(path)
})
