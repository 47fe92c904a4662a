// Every page judged by axe, and the shop used with nothing but a keyboard.
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
  await expect(visitor.main).toContainText('Whose name is on the card?')
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

test('a keyboard is enough', async ({ context, isMobile }) => {
  test.skip(isMobile, 'a phone has none')
  const visitor = await Visitor.in(context)
  const { keyboard } = visitor.page
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await keyboard.press('Tab')
  await expect(visitor.page.getByRole('link', { name: 'Skip to the page' })).toBeFocused()
  await keyboard.press('Enter')
  const add = visitor.main.getByRole('button', { name: 'Add to cart: Oak Cutting Board' })
  for (let stop = 0; stop < 20 && !(await add.evaluate((button) => button === document.activeElement)); stop += 1) await keyboard.press('Tab')
  await expect(add).toBeFocused()
  await keyboard.press('Enter')
  await expect(visitor.main.getByRole('button', { name: 'One more: Oak Cutting Board' })).toBeFocused()
  await keyboard.press('Shift+Tab')
  await keyboard.press('Shift+Tab')
  await keyboard.press('Enter')
  await expect(add).toBeFocused()
  await keyboard.press('Enter')
  await visitor.holds(1)
  await visitor.badge.focus()
  await keyboard.press('Enter')
  await expect(visitor.drawer).toBeVisible()
  // The keyboard is in the cart and stays there, but for the browser's own bars.
  for (let stop = 0; stop < 12; stop += 1) {
    await keyboard.press('Tab')
    expect(await visitor.drawer.evaluate((drawer) => [drawer, document.body].some((part) => part === document.activeElement) || drawer.contains(document.activeElement))).toBe(true)
  }
  await keyboard.press('Escape')
  await expect(visitor.drawer).toBeHidden()
  await expect(visitor.badge).toBeFocused()
})
