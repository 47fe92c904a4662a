import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

import { products as parsed } from '../api/answers.ts'
import { categories, pictureUrl, search } from './product.ts'

const workspace = resolve(import.meta.dirname, '../../..')
const catalogue = JSON.parse(readFileSync(resolve(workspace, 'lambdas/products/src/catalogue.json'), 'utf8')) as unknown
const products = parsed({ products: catalogue })

test('every picture of the catalogue is shipped, and no other', () => {
  const shipped = readdirSync(resolve(workspace, 'frontend/public/pictures')).map((name) => `/pictures/${name}`)
  expect(products.map(pictureUrl).sort()).toEqual(shipped.sort())
})

test('pictures ask nobody for anything and run nothing', () => {
  const folder = resolve(workspace, 'frontend/public/pictures')
  for (const name of readdirSync(folder)) {
    const text = readFileSync(resolve(folder, name), 'utf8')
    expect(text, name).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 320 240">/)
    expect(text, name).not.toMatch(/href|script|style=|url\(|on[a-z]+=/)
  }
})

test('a picture is a file of ours', () => {
  const [product] = products
  if (product === undefined) throw new Error('the catalogue is empty')
  const names = ['https://evil.example/a.svg', '../secret.svg', '//evil.example/a.svg', 'a.png']
  expect(names.map((name) => pictureUrl({ ...product, pictures: [name] }))).toEqual(names.map(() => undefined))
})

test('categories are in the order of the catalogue', () => {
  expect(categories(products)).toEqual(['kitchen', 'travel', 'desk', 'garden', 'play'])
})

test('people find things by any of their words', () => {
  const names = (category: string | undefined, words: string) => search(products, category, words).map(({ name }) => name)
  expect(names(undefined, 'BRASS')).toEqual(['Brass Pepper Mill', 'Brass Compass'])
  expect(names('travel', ' brass  map ')).toEqual(['Brass Compass'])
  expect(names('play', '')).toHaveLength(6)
  expect(names(undefined, 'submarine')).toEqual([])
})
