import { expect, test } from 'vitest'

import { product } from '../../testing/fake-shop.ts'
import { chart, fewAtATime } from './totals.ts'

const [mug, pan, kite] = [product('mug'), product('pan'), product('kite')]

test('the most is first, and as long as a bar can be', () => {
  const bars = chart([mug, pan, kite], new Map([['mug', 1], ['kite', 4]]))
  expect(bars.map(({ product: { name }, total, share }) => [name, total, share])).toEqual([
    ['kite', 4, 1],
    ['mug', 1, 0.25],
    ['pan', undefined, 0],
  ])
})

test('nothing anywhere is no division by nothing', () => {
  expect(chart([mug], new Map([['mug', 0]]))[0]?.share).toBe(0)
})

test('a few at a time, and all of them', async () => {
  let now = 0
  let most = 0
  const seen: number[] = []
  await fewAtATime([1, 2, 3, 4, 5], 2, async (item) => {
    now += 1
    most = Math.max(most, now)
    await Promise.resolve()
    now -= 1
    seen.push(item)
  })
  expect([seen.sort(), most]).toEqual([[1, 2, 3, 4, 5], 2])
})

test('the first failure ends it', async () => {
  const seen: number[] = []
  const failing = fewAtATime([1, 2, 3, 4], 1, (item) => {
    seen.push(item)
    return item === 2 ? Promise.reject(new Error('no')) : Promise.resolve()
  })
  await expect(failing).rejects.toThrow('no')
  expect(seen).toEqual([1, 2])
})
