// Which page is where, and who may see it. Knows nothing of what pages show.
import { createRouter, createWebHistory, type RouteLocationNormalized } from 'vue-router'

import Products from './pages/Products.vue'
import { useSession } from './stores/session.ts'

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    /** For people with an account only: they are asked to sign in first, and come back. */
    account?: true
  }
}

const history = createWebHistory()

export const router = createRouter({
  history,
  routes: [
    { path: '/', name: 'products', component: Products, meta: { title: 'All things' } },
    { path: '/product/:id', name: 'product', component: () => import('./pages/Product.vue'), props: true, meta: { title: 'Product' } },
    { path: '/sign-in', name: 'sign in', component: () => import('./pages/SignIn.vue'), meta: { title: 'Sign in' } },
    { path: '/sign-up', name: 'sign up', component: () => import('./pages/SignUp.vue'), meta: { title: 'Make an account' } },
    { path: '/confirm', name: 'confirm', component: () => import('./pages/Confirm.vue'), meta: { title: 'Confirm your account' } },
    { path: '/reset', name: 'reset', component: () => import('./pages/Reset.vue'), meta: { title: 'New password' } },
    { path: '/payment', name: 'payment', component: () => import('./pages/Payment.vue'), meta: { title: 'Payment', account: true } },
    { path: '/order', name: 'order', component: () => import('./pages/Order.vue'), meta: { title: 'Order' } },
    { path: '/admin', name: 'admin', component: () => import('./pages/Admin.vue'), meta: { title: 'In all carts' } },
    { path: '/:rest(.*)*', name: 'nowhere', component: () => import('./pages/Nowhere.vue'), meta: { title: 'Nothing here' } },
  ],
})

router.beforeEach((to: RouteLocationNormalized) => {
  if (to.meta.account === true && !useSession().signedIn) return { name: 'sign in', query: { to: to.fullPath } }
  return true
})

/** Going back and forth, the browser knows where the visitor was. */
let remembered = false
history.listen(() => {
  remembered = true
})

router.afterEach((to, from) => {
  document.title = `${to.meta.title} · The Small Shop`
  // Whoever listens hears what page it is now. The first page begins at its top by itself.
  if (from.matched.length > 0 && to.path !== from.path) {
    if (!remembered) scrollTo({ top: 0 })
    requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true }))
  }
  remembered = false
})

// A part of the shop that does not come, because the network is away or a newer shop has taken its place: the address bar still works.
router.onError((_error, to) => {
  if (navigator.onLine) location.assign(to.fullPath)
})
