// Puts the shop together: what it is configured for, what it asks, what it remembers, and the page.
import { createPinia } from 'pinia'
import { createApp } from 'vue'

import App from './App.vue'
import { client, type Credentials, type World } from './api/client.ts'
import { shop } from './api/shop.ts'
import { accounts } from './auth/accounts.ts'
import { configuration, NotConfigured, type Config } from './config.ts'
import Unconfigured from './pages/Unconfigured.vue'
import { router } from './router.ts'
import { memory, SERVICES } from './services.ts'
import { useCart } from './stores/cart.ts'
import { SIGNED_IN_AS, useSession } from './stores/session.ts'
import { vuetify } from './vuetify.ts'

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

const world: World = {
  fetch: (url, init) => fetch(url, init),
  online: () => navigator.onLine,
  pause,
}

function open(config: Config): void {
  const pinia = createPinia()
  const credentials: Credentials = {
    token: () => useSession(pinia).token(),
    renewed: (refused) => useSession(pinia).renewed(refused),
  }
  const tabs = new BroadcastChannel('shop.cart')
  const app = createApp(App)
  app.provide(SERVICES, {
    shop: shop(client(config.productsApi, world), client(config.cartApi, world, credentials), client(config.cartApi, world)),
    accounts: accounts(config),
    memory: memory(() => localStorage),
    tab: memory(() => sessionStorage),
    tellTabs: () => {
      tabs.postMessage('changed')
    },
    pause,
    now: () => new Date(),
  })
  app.use(pinia).use(router).use(vuetify)

  const session = useSession(pinia)
  const cart = useCart(pinia)
  const refresh = () => void cart.refresh()
  void cart.refresh()
  tabs.addEventListener('message', refresh)
  addEventListener('online', refresh)
  document.addEventListener('visibilitychange', () => {
    // Another device may have changed it.
    if (document.visibilityState === 'visible') refresh()
  })
  addEventListener('storage', ({ key }) => {
    if (key === SIGNED_IN_AS || key === null) session.follow()
  })
  app.mount('#app')
}

try {
  open(configuration(import.meta.env))
} catch (error) {
  if (!(error instanceof NotConfigured)) throw error
  createApp(Unconfigured, { variables: error.variables }).mount('#app')
}
