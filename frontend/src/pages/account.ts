// What the pages about accounts have in common: where the visitor wanted to go, and signing in on the way. Knows nothing of forms.
import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'

import { destination } from '../domain/destination.ts'
import { useCart } from '../stores/cart.ts'
import { useForms } from '../stores/forms.ts'
import { useSession } from '../stores/session.ts'

export function useJourney() {
  const route = useRoute()
  const router = useRouter()
  const session = useSession()
  const cart = useCart()
  const forms = useForms()

  /** The same destination on the next page. */
  const query = computed(() => (typeof route.query.to === 'string' ? { to: route.query.to } : {}))

  /** Signs in with what was typed, and the code of an app if one was asked for, and goes where the visitor wanted to go. */
  async function signIn(code?: string): Promise<void> {
    // What is on its way into the anonymous cart has to be in it before that is merged.
    await cart.whenSettled()
    const next = await session.signIn(forms.name.trim(), forms.password, code)
    switch (next) {
      case 'signed in':
        forms.forgetPassword()
        await router.replace(destination(route.query.to))
        break
      case 'confirm':
        await router.push({ name: 'confirm', query: query.value })
        break
      case 'reset':
        await router.push({ name: 'reset', query: query.value })
        break
      case 'code':
        forms.asksForCode = true
        await router.push({ name: 'sign in', query: query.value })
        break
      case 'cannot':
        throw new Error('a way of signing in that the shop does not have')
    }
  }

  return { router, forms, query, signIn }
}
