// How the shop looks, compared with pictures of how it looked. `make screenshots` retakes them; README and docs/local.md show some.
import { expect, freshName, shop, test, Visitor } from './visitor.ts'

async function looksAs(visitor: Visitor, picture: string): Promise<void> {
  const { page } = visitor
  // Pictures further down come when they are near.
  await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight))
  await page.mouse.move(0, 0)
  // A name is another one each time.
  await expect(page).toHaveScreenshot(`${picture}.png`, { mask: [page.getByRole('banner').locator('.name')], maskColor: '#8aa99f' })
}

test('the shelves, a product and the cart', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await visitor.add('Oak Cutting Board')
  await visitor.add('Enamel Mug')
  await visitor.quantity('Enamel Mug').fill('4')
  await visitor.quantity('Enamel Mug').press('Enter')
  await visitor.saved()
  await visitor.page.reload()
  await visitor.holds(5)
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  await looksAs(visitor, 'shelves')
  await visitor.openCart()
  await looksAs(visitor, 'cart')
  await visitor.go('/product/7f006745-f319-4a3b-b81e-53e7952c466e')
  await expect(visitor.main).toContainText('Canvas Rucksack')
  await looksAs(visitor, 'product')
})

test('the account, the payment and the order', async ({ context }) => {
  const visitor = await Visitor.in(context)
  await visitor.openCart()
  await looksAs(visitor, 'empty cart')
  await visitor.page.keyboard.press('Escape')
  await visitor.add('Oak Cutting Board')
  await visitor.go('/sign-up?to=/payment')
  await visitor.page.getByRole('button', { name: 'Make an account' }).click()
  await expect(visitor.main).toContainText('Choose a user name.')
  await looksAs(visitor, 'sign up')
  await visitor.signUp(freshName())
  await expect(visitor.main).toContainText('Your order')
  await visitor.fillInCard()
  await looksAs(visitor, 'payment')
  await visitor.main.getByRole('button', { name: /^Order for/ }).click()
  await expect(visitor.page).toHaveURL(shop('/order'))
  await looksAs(visitor, 'order')
})
