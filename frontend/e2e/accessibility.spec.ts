// Every page judged by axe.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type axe from 'axe-core'

import { expect, freshName, shop, test, Visitor } from './visitor.ts'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

async function judged({ page }: Visitor): Promise<void> {
  // What moves has no fixed colours to judge.
  await page.evaluate(() => Promise.all(document.getAnimations().filter(({ effect }) => effect?.getTiming().iterations !== Infinity).map(({ finished }) => finished.catch(() => undefined))))
  await page.evaluate(source)
  const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run())
  const found = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical' || impact === 'moderate')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary ?? ''}`).join(' | ')}`)
  expect(found, page.url()).toEqual([])
}

test('no page has a barrier', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await judged(visitor)
  await visitor.add('Kite')
  await visitor.openCart()
  await judged(visitor)
  await visitor.page.keyboard.press('Escape')
  await visitor.main.getByRole('link', { name: 'Kite' }).click()
  await expect(visitor.main).toContainText('Weight')
  await judged(visitor)
  for (const path of ['/sign-in', '/sign-up', '/confirm', '/reset', '/admin', '/order', '/nowhere', '/product/none']) {
    await visitor.go(path)
    await expect(visitor.main.getByRole('heading').first()).toBeVisible()
    await judged(visitor)
  }
  await visitor.go('/sign-up?to=/payment')
  await visitor.page.getByRole('button', { name: 'Make an account' }).click()
  await expect(visitor.main).toContainText('Choose a user name.')
  await judged(visitor)
  await visitor.signUp(freshName())
  await expect(visitor.main).toContainText('Nothing is charged')
  await judged(visitor)
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.main).toContainText('Enter the name on the card.')
  await judged(visitor)
  await visitor.fillInCard()
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.page).toHaveURL(shop('/order'))
  await judged(visitor)
  await visitor.page.getByRole('link', { name: 'The Small Shop' }).click()
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await context.setOffline(true)
  await visitor.add('Kite')
  await expect(visitor.notices).toBeVisible()
  await judged(visitor)
})
