import { expect, test } from 'vitest'

import { configuration } from './config.ts'

const variables = {
  VUE_APP_CART_API_URL: 'https://a.example/Prod',
  VUE_APP_PRODUCTS_API_URL: 'https://b.example/Prod',
  VUE_APP_USER_POOL_ID: 'eu-west-1_abc',
  VUE_APP_USER_POOL_CLIENT_ID: 'client',
  VUE_APP_AWS_REGION: 'eu-west-1',
}

test('what cartctl renders is understood', () => {
  expect(configuration(variables)).toEqual({
    cartApi: 'https://a.example/Prod',
    productsApi: 'https://b.example/Prod',
    userPool: 'eu-west-1_abc',
    userPoolClient: 'client',
    accountsEndpoint: undefined,
  })
  expect(configuration({ ...variables, VUE_APP_COGNITO_ENDPOINT: 'http://localhost:4566/' }).accountsEndpoint).toBe(
    'http://localhost:4566/',
  )
})

test('what is missing or makes no sense is named', () => {
  const broken = { ...variables, VUE_APP_CART_API_URL: 'nowhere', VUE_APP_USER_POOL_ID: undefined }
  expect(() => configuration(broken)).toThrow('not configured: VUE_APP_CART_API_URL, VUE_APP_USER_POOL_ID')
})
