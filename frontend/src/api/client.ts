// Sends requests to one API and gives back what it answers, or why there is no answer. Reading is tried again by itself, writing never:
// whoever writes has to know what became of it. Knows nothing of products and carts.
import { Failure, reasonOf } from './failure.ts'

/** What the client needs of the world. */
export interface World {
  fetch(url: string, init: RequestInit): Promise<Response>
  online(): boolean
  /** Resolves after so many milliseconds. */
  pause(milliseconds: number): Promise<void>
}

/** Proof of who is asking. */
export interface Credentials {
  /** The token of who is signed in; nothing for everybody else. */
  token(): Promise<string | undefined>
  /** A new token in place of one that was refused; nothing if there is none to be had. */
  renewed(refused: string): Promise<string | undefined>
}

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly body?: unknown
}

export type Client = (request: Request) => Promise<unknown>

/** A cold function takes seconds; more than this is nobody's patience. */
export const PATIENCE = 20_000
/** Before another try, where the service does not say. */
export const DEFAULT_WAIT = 2_000
const LONGEST_WAIT = 10_000
const TRIES = 3

export function client(base: string, world: World, credentials?: Credentials): Client {
  async function once(request: Request, token: string | undefined): Promise<unknown> {
    if (!world.online()) throw new Failure({ kind: 'offline' })
    const headers = new Headers()
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
    if (request.body !== undefined) headers.set('Content-Type', 'application/json')
    const init: RequestInit = { method: request.method ?? 'GET', headers, signal: AbortSignal.timeout(PATIENCE), cache: 'no-store' }
    if (request.body !== undefined) init.body = JSON.stringify(request.body)
    // The cookie of the anonymous cart goes along; an API without one would not be allowed it.
    if (credentials !== undefined) init.credentials = 'include'
    let response: Response
    let text: string
    try {
      response = await world.fetch(base + request.path, init)
      text = await response.text()
    } catch (error) {
      throw new Failure(interruption(error, world.online()), { cause: error })
    }
    const body = json(text)
    if (response.ok) {
      if (body === undefined) throw new Failure({ kind: 'not understood' })
      return body
    }
    throw refusal(response, body)
  }

  async function authorized(request: Request): Promise<unknown> {
    const token = await credentials?.token()
    try {
      return await once(request, token)
    } catch (error) {
      if (reasonOf(error).kind !== 'signed out' || token === undefined) throw error
      const fresh = await credentials?.renewed(token)
      if (fresh === undefined) throw error
      return await once(request, fresh)
    }
  }

  return async (request) => {
    const tries = (request.method ?? 'GET') === 'GET' ? TRIES : 1
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await authorized(request)
      } catch (error) {
        const wait = worthWaiting(error)
        if (attempt >= tries || wait === undefined) throw error
        await world.pause(wait)
      }
    }
  }
}

/** How long to wait before reading again; nothing, if that would not help. */
function worthWaiting(error: unknown): number | undefined {
  const reason = reasonOf(error)
  switch (reason.kind) {
    case 'busy':
      return reason.wait
    case 'unreachable':
    case 'broken':
      return 500
    default:
      return undefined
  }
}

function interruption(error: unknown, online: boolean): Failure['reason'] {
  if (error instanceof DOMException && error.name === 'TimeoutError') return { kind: 'slow' }
  // The network may have gone between sending and answering: that is not known to be nothing done.
  return online ? { kind: 'unreachable' } : { kind: 'slow' }
}

function refusal(response: Response, body: unknown): Failure {
  const { status } = response
  const message = messageOf(body)
  switch (status) {
    case 401:
      return new Failure({ kind: 'signed out' })
    case 404:
      return new Failure({ kind: 'not found', message })
    case 429:
      return new Failure({ kind: 'busy', wait: waitOf(response), started: false })
    case 503:
      return new Failure({ kind: 'busy', wait: waitOf(response), started: true })
    default:
      return new Failure(status < 500 ? { kind: 'refused', status, message } : { kind: 'broken', status })
  }
}

/** Retry-After in seconds, within reason. */
function waitOf(response: Response): number {
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, LONGEST_WAIT) : DEFAULT_WAIT
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function messageOf(body: unknown): string {
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined
  return typeof message === 'string' ? message : ''
}
