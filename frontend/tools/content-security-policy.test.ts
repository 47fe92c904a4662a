import { expect, test } from 'vitest'

import { policy } from './content-security-policy.ts'

const services = { VUE_APP_CART_API_URL: 'https://a.example/Prod', VUE_APP_PRODUCTS_API_URL: 'https://b.example/Prod' }

test('the page talks to its own services and to nobody else', () => {
  expect(policy({ ...services, VUE_APP_AWS_REGION: 'eu-west-1' })).toContain(
    "connect-src 'self' https://b.example https://a.example https://cognito-idp.eu-west-1.amazonaws.com;",
  )
})

test('what is behind one address is named once', () => {
  const local = 'http://localhost:4566/'
  const env = { VUE_APP_CART_API_URL: local, VUE_APP_PRODUCTS_API_URL: local, VUE_APP_COGNITO_ENDPOINT: local }
  expect(policy(env)).toContain("connect-src 'self' http://localhost:4566;")
})
