// Writes into the built page whom it may talk to: itself, and the services it was built for. Knows nothing of what it says to them.
import type { Plugin } from 'vite'

/** The policy of a page that is built with these variables. */
export function policy(env: Readonly<Record<string, string>>): string {
  const accounts = env.VUE_APP_COGNITO_ENDPOINT ?? `https://cognito-idp.${env.VUE_APP_AWS_REGION ?? ''}.amazonaws.com`
  const services = [env.VUE_APP_PRODUCTS_API_URL, env.VUE_APP_CART_API_URL, accounts]
  const origins = services.flatMap((url) => (url !== undefined && URL.canParse(url) ? [new URL(url).origin] : []))
  const directives = {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    // Vuetify writes the colours of its theme into the page.
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'"],
    'connect-src': ["'self'", ...new Set(origins)],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
  }
  return Object.entries(directives)
    .map(([name, values]) => [name, ...values].join(' '))
    .join('; ')
}

/** The plugin that adds it. Not while developing: reloading a page while it is edited needs more than a customer does. */
export function contentSecurityPolicy(env: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'content-security-policy',
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy(env) }, injectTo: 'head-prepend' },
    ],
  }
}
