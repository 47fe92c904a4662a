import { expect, test, vi } from 'vitest'

import { client, DEFAULT_WAIT, type Credentials } from './client.ts'
import { Failure, mayBeDone, reasonOf, type Reason } from './failure.ts'

type Answer = Response | Error

/** A client whose requests are answered one after the other; it waits without waiting. */
function setting(answers: Answer[], credentials?: Credentials) {
  const waits: number[] = []
  const sent: { url: string; init: RequestInit }[] = []
  const world = {
    fetch: (url: string, init: RequestInit) => {
      sent.push({ url, init })
      const answer = answers.shift() ?? new Error('nothing more was expected')
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    online: vi.fn(() => true),
    pause: (wait: number) => {
      waits.push(wait)
      return Promise.resolve()
    },
  }
  return { ask: client('https://api.example/Prod', world, credentials), waits, sent, world }
}

function says(status: number, body: unknown = {}, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers })
}

async function reason(answer: Promise<unknown>): Promise<Reason> {
  return answer.then(
    () => {
      throw new Error('it was answered')
    },
    (error: unknown) => reasonOf(error),
  )
}

const write = { method: 'PUT', path: '/cart/a', body: { quantity: 2 } } as const

test('an answer is what the API says', async () => {
  const { ask, sent } = setting([says(200, { products: [] })])
  expect(await ask({ path: '/product' })).toEqual({ products: [] })
  expect(sent[0]?.url).toBe('https://api.example/Prod/product')
  expect(sent[0]?.init.credentials).toBeUndefined()
})

test('whoever is known shows the token, and the cookie goes along', async () => {
  const { ask, sent } = setting([says(200)], { token: () => Promise.resolve('t1'), renewed: () => Promise.resolve(undefined) })
  await ask(write)
  const init = sent[0]?.init
  expect(init).toMatchObject({ method: 'PUT', credentials: 'include', body: '{"quantity":2}' })
  expect(new Headers(init?.headers).get('Authorization')).toBe('Bearer t1')
})

test('a refused token is renewed once, and the request repeated', async () => {
  const renewed = vi.fn(() => Promise.resolve<string | undefined>('t2'))
  const { ask, sent } = setting([says(401), says(200, { done: true })], { token: () => Promise.resolve('t1'), renewed })
  expect(await ask(write)).toEqual({ done: true })
  expect(renewed.mock.calls).toEqual([['t1']])
  expect(sent.map(({ init }) => new Headers(init.headers).get('Authorization'))).toEqual(['Bearer t1', 'Bearer t2'])
})

test('a second refusal, or no new token, ends it', async () => {
  const credentials = (fresh: string | undefined) => ({ token: () => Promise.resolve('t1'), renewed: () => Promise.resolve(fresh) })
  expect(await reason(setting([says(401), says(401)], credentials('t2')).ask(write))).toEqual({ kind: 'signed out' })
  const { ask, sent } = setting([says(401)], credentials(undefined))
  expect(await reason(ask(write))).toEqual({ kind: 'signed out' })
  expect(sent).toHaveLength(1)
})

test('reading is tried again when that may help, after as long as the service says', async () => {
  const { ask, waits } = setting([says(503, {}, { 'Retry-After': '3' }), new TypeError('Failed to fetch'), says(200, 'here')])
  expect(await ask({ path: '/cart' })).toBe('here')
  expect(waits).toEqual([3000, 500])
})

test('and is given up in the end', async () => {
  const { ask, waits } = setting([says(503), says(503), says(503)])
  expect(await reason(ask({ path: '/cart' }))).toEqual({ kind: 'busy', wait: DEFAULT_WAIT, started: true })
  expect(waits).toHaveLength(2)
})

test('writing is never repeated by itself', async () => {
  for (const answer of [says(503), says(500), new TypeError('Failed to fetch')]) {
    const { ask, sent } = setting([answer])
    expect(mayBeDone(await reason(ask(write)))).toBe(true)
    expect(sent).toHaveLength(1)
  }
})

test.each<[Answer, Reason]>([
  [says(400, { message: 'Choose another quantity.' }), { kind: 'refused', status: 400, message: 'Choose another quantity.' }],
  [says(403, ['not a message']), { kind: 'refused', status: 403, message: '' }],
  [says(404, { message: 'Choose another one.' }), { kind: 'not found', message: 'Choose another one.' }],
  [says(429), { kind: 'busy', wait: DEFAULT_WAIT, started: false }],
  [says(503, {}, { 'Retry-After': '86400' }), { kind: 'busy', wait: 10_000, started: true }],
  [says(503, {}, { 'Retry-After': 'tomorrow' }), { kind: 'busy', wait: DEFAULT_WAIT, started: true }],
  [says(502), { kind: 'broken', status: 502 }],
  [new Response('<html>'), { kind: 'not understood' }],
  [new DOMException('', 'TimeoutError'), { kind: 'slow' }],
  [new TypeError('Failed to fetch'), { kind: 'unreachable' }],
])('%s is %s', async (answer, expected) => {
  expect(await reason(setting([answer]).ask(write))).toEqual(expected)
})

test('without a network nothing is sent', async () => {
  const { ask, sent, world } = setting([])
  world.online.mockReturnValue(false)
  const failed = await reason(ask(write))
  expect([failed, mayBeDone(failed), sent.length]).toEqual([{ kind: 'offline' }, false, 0])
})

test('a network that goes while the answer is on its way leaves the outcome open', async () => {
  const { ask, world } = setting([new TypeError('Failed to fetch')])
  world.online.mockReturnValueOnce(true).mockReturnValue(false)
  expect(mayBeDone(await reason(ask(write)))).toBe(true)
})

test('what nobody foresaw may be done', () => {
  expect(mayBeDone(reasonOf(new Error('?')))).toBe(true)
  expect(mayBeDone(reasonOf(new Failure({ kind: 'not found', message: '' })))).toBe(false)
})
