// The function that CloudFront runs for the shop's page: which file is fetched for a path. Its source is the one that is deployed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'

import * as v from 'valibot'
import { expect, test } from 'vitest'

const ROUTES = readFileSync(join(import.meta.dirname, '../src/router.ts'), 'utf8')
const SOURCE = readFileSync(join(import.meta.dirname, '../../infra/src/stacks/web/page_of_path.js'), 'utf8')
const Request = v.strictObject({ method: v.string(), uri: v.string(), querystring: v.record(v.string(), v.unknown()) })

/** The path that is fetched in place of this one. */
function fetched(uri: string): string {
  const event = { version: '1.0', context: { eventType: 'viewer-request' }, request: { method: 'GET', uri, querystring: { to: {} } } }
  const answer: unknown = runInNewContext(`${SOURCE}; handler(event)`, { event })
  const request = v.parse(Request, answer)
  expect(request.querystring).toEqual({ to: {} })
  return request.uri
}

test.each(['/assets/index-7Bx2Qk9_.js', '/favicon.svg', '/pictures/kite.svg', '/index.html'])('%s is itself', (path) => {
  expect(fetched(path)).toBe(path)
})

test.each(['/', '/payment', '/product/kite', '/product/', '/v1.2/page', '/no/such/page'])('%s is the page', (path) => {
  expect(fetched(path)).toBe('/index.html')
})

test('no page of the shop looks like a file', () => {
  const paths = [...ROUTES.matchAll(/ path: '([^']*)'/g)].map(([, path]) => path)
  expect(paths).toContain('/payment')
  // The last one is for everything that is no page.
  for (const path of paths.slice(0, -1)) expect(fetched(path ?? '')).toBe('/index.html')
})
