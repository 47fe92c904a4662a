// The function that CloudFront runs for requests to the APIs: it says who sends them. Its source is the one that is deployed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'

import { expect, test } from 'vitest'

const SOURCE = readFileSync(join(import.meta.dirname, '../../infra/src/stacks/web/viewer_address.js'), 'utf8')

test.each([{}, { 'x-viewer-address': { value: '198.51.100.7' } }])('the viewer’s address is CloudFront’s word, not the viewer’s: %o', (sent) => {
  const cookie = { value: 'theme=dark' }
  const request = { method: 'GET', uri: '/Prod/cart', headers: { ...sent, cookie } }
  const event = { version: '1.0', viewer: { ip: '2001:db8::1' }, request }
  expect(runInNewContext(`${SOURCE}; handler(event)`, { event })).toEqual({
    method: 'GET',
    uri: '/Prod/cart',
    headers: { 'x-viewer-address': { value: '2001:db8::1' }, cookie },
  })
})
