import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { environment } from './environment.ts'

const folder = mkdtempSync(join(tmpdir(), 'environment-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})
writeFileSync(join(folder, '.env'), '# Written\nVUE_APP_AWS_REGION=eu-west-1\nVUE_APP_CART_API_URL=https://a.example/?x=1\nOTHER=1\n')
writeFileSync(join(folder, '.env.local'), 'VUE_APP_COGNITO_ENDPOINT=http://localhost:4566/\n')

test('what is built for AWS knows nothing of the local cloud, and the other way round', () => {
  expect(environment('production', folder, {})).toEqual({ VUE_APP_AWS_REGION: 'eu-west-1', VUE_APP_CART_API_URL: 'https://a.example/?x=1' })
  expect(environment('local-cloud', folder, {})).toEqual({ VUE_APP_COGNITO_ENDPOINT: 'http://localhost:4566/' })
})

test('what cartctl puts online is built for what cartctl says, whatever lies around', () => {
  expect(environment('hosted', folder, { VUE_APP_AWS_REGION: 'us-east-1' })).toEqual({ VUE_APP_AWS_REGION: 'us-east-1' })
})

test('the environment wins over the file', () => {
  expect(environment('production', folder, { VUE_APP_AWS_REGION: 'us-east-1', HOME: '/' }).VUE_APP_AWS_REGION).toBe('us-east-1')
})

test('no file is no mistake here: the page says what it misses', () => {
  expect(environment('production', join(folder, 'none'), {})).toEqual({})
})
