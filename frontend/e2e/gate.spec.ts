// A page of somebody else, in a real browser, beside a running shop: whatever it sends to the local cloud is refused, and it reads nothing.
import { createServer, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'

import { chromium, type Page, type Response } from '@playwright/test'

import { launchOptions } from '../playwright.config.ts'
import { cartApi, expect, test, Visitor } from './visitor.ts'

const cloud = new URL(process.env.VUE_APP_COGNITO_ENDPOINT ?? '')

/** Serves an empty page on this machine; its port. */
async function serve(): Promise<[Server, number]> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>Somebody else</title>')
  })
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done)
  })
  return [server, (server.address() as AddressInfo).port]
}

/** Everything a page can do to have a request sent: with and without asking first, by a form, as a picture, as a script, as a window. */
async function attack(page: Page, base: string): Promise<string[]> {
  return page.evaluate(async (base) => {
    const read: string[] = []
    const json = { 'content-type': 'application/json' }
    const created = JSON.stringify({ FunctionName: 'drive-by', Handler: 'a.b', Role: 'r', Runtime: 'python3.12', Code: { ZipFile: '' } })
    const calls: [string, RequestInit][] = [
      ['2015-03-31/functions', { method: 'POST', body: created, mode: 'no-cors' }],
      ['2015-03-31/functions', { method: 'POST', body: created, headers: json }],
      ['2015-03-31/functions/drive-by/invocations', { method: 'POST', body: '{}', mode: 'no-cors' }],
      ['2015-03-31/functions', {}],
      ['_ministack/reset', { method: 'POST', mode: 'no-cors' }],
      ['_ministack/reset', { method: 'POST' }],
      ['_ministack/sqs/messages', {}],
      ['_ministack/health', {}],
      ['some-bucket', { method: 'PUT' }],
      ['', { method: 'POST', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'DynamoDB_20120810.ListTables' } }],
      ['', { method: 'POST', body: new URLSearchParams({ Action: 'ListRoles', Version: '2010-05-08' }), mode: 'no-cors' }],
    ]
    for (const [path, init] of calls) {
      try {
        const answer = await fetch(base + path, { ...init, credentials: 'include' })
        if (answer.type !== 'opaque' && answer.ok) read.push(`${init.method ?? 'GET'} ${path}: ${await answer.text()}`)
      } catch {
        // Refused by the browser.
      }
    }
    for (const name of ['img', 'script', 'iframe'] as const) {
      const element = document.createElement(name)
      await new Promise((done) => {
        element.onload = element.onerror = done
        element.src = `${base}_ministack/health`
        document.body.append(element)
      })
    }
    await new Promise((done) => {
      const frame = document.createElement('iframe')
      frame.name = base
      document.body.append(frame)
      const form = document.createElement('form')
      Object.assign(form, { method: 'post', action: `${base}_ministack/reset`, target: base })
      document.body.append(form)
      frame.onload = done
      form.submit()
    })
    await new Promise((done) => {
      const socket = new WebSocket(base.replace('http', 'ws') + 'restapis/a/Prod/_user_request_/')
      socket.onopen = () => {
        read.push('a web socket')
        done(undefined)
      }
      socket.onerror = done
    })
    return read
  }, base)
}

/** The answers that a page got from the local cloud. */
function answers(page: Page, host: string): Response[] {
  const found: Response[] = []
  page.on('response', (response) => {
    if (new URL(response.url()).host === host) found.push(response)
  })
  return found
}

async function areRefused(found: Response[]): Promise<void> {
  // Of those that need permission first, the browser tells nothing.
  expect(found.length).toBeGreaterThan(5)
  for (const response of found) {
    const what = `${response.request().method()} ${response.url()}`
    expect([what, response.status()]).toEqual([what, 403])
    const headers = Object.keys(await response.allHeaders())
    expect(headers.filter((name) => name.startsWith('access-control-'))).toEqual([])
  }
}

/** The functions are there, and nobody emptied anything. */
async function goesOn(page: Page): Promise<void> {
  const visitor = await Visitor.in(page.context())
  await expect(visitor.main.getByRole('article')).toHaveCount(32)
  expect((await page.request.get(cartApi('/cart'))).status()).toBe(200)
}

test('pages of other origins get nothing from the local cloud', async ({ context }) => {
  const [server, port] = await serve()
  try {
    for (const origin of [`http://localhost:${port}`, `http://127.0.0.1:${port}`]) {
      const page = await context.newPage()
      await page.goto(origin)
      for (const base of [cloud.href, cloud.href.replace('localhost', '127.0.0.1')]) {
        const found = answers(page, new URL(base).host)
        expect(await attack(page, base)).toEqual([])
        await areRefused(found)
      }
      await goesOn(page)
    }
  } finally {
    server.close()
  }
})

test('a name that leads to this machine opens nothing', async () => {
  const browser = await chromium.launch({ ...launchOptions, args: [...launchOptions.args, '--host-resolver-rules=MAP rebind.example 127.0.0.1'] })
  try {
    const page = await browser.newPage()
    const base = `http://rebind.example:${cloud.port}/`
    const found = answers(page, new URL(base).host)
    // The same origin as the local cloud, for the browser: it asks for no permission and hides no answer.
    await page.goto(base)
    expect(await attack(page, base)).toEqual([])
    await areRefused(found)
  } finally {
    await browser.close()
  }
})

test('a link from elsewhere opens nothing, and the shop itself works', async ({ context }) => {
  const [server, port] = await serve()
  try {
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${port}`)
    const answer = page.waitForResponse(`${cloud.href}_ministack/health`)
    await page.evaluate((href) => {
      location.href = href
    }, `${cloud.href}_ministack/health`)
    expect((await answer).status()).toBe(403)
    await goesOn(page)
  } finally {
    server.close()
  }
})
