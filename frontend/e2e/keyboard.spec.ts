// The shop used with nothing but a keyboard.
import { expect, test, Visitor } from './visitor.ts'

test('a keyboard is enough', async ({ context }) => {
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
