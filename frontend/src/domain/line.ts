// One product in the cart, while changes of it are under way. At once the visitor sees what it will be; one change after the other is
// sent; what is wanted meanwhile becomes one change. Decides, sends nothing, and knows nothing of requests.

/** What is asked of the cart: so many more (fewer, if negative), or exactly so many. */
export type Change = { readonly kind: 'add'; readonly by: number } | { readonly kind: 'set'; readonly to: number }

export interface Line {
  /** What the cart is known to hold. */
  readonly held: number
  /** What is being sent. */
  readonly sending?: Change
  /** What is to be sent after that. */
  readonly waiting?: Change
}

export function applied(quantity: number, change: Change | undefined): number {
  if (change === undefined) return quantity
  return change.kind === 'set' ? change.to : Math.max(0, quantity + change.by)
}

/** What the visitor sees. */
export function shown(line: Line): number {
  return applied(applied(line.held, line.sending), line.waiting)
}

/** Whether something of it is still to be done. */
export function busy(line: Line): boolean {
  return line.sending !== undefined || line.waiting !== undefined
}

/** Two changes as one. */
export function both(first: Change | undefined, second: Change): Change {
  if (first === undefined || second.kind === 'set') return second
  return first.kind === 'set' ? { kind: 'set', to: applied(first.to, second) } : { kind: 'add', by: first.by + second.by }
}

/** The visitor wants something else. */
export function want(line: Line, change: Change): Line {
  return { ...line, waiting: both(line.waiting, change) }
}

/** The next change goes out, if none is out and there is one. */
export function send(line: Line): Line {
  const { waiting, ...rest } = line
  return line.sending !== undefined || waiting === undefined ? line : { ...rest, sending: waiting }
}

/** What was sent is done. */
export function done(line: Line): Line {
  const { sending, ...rest } = line
  return { ...rest, held: applied(line.held, sending) }
}

/** What was sent is not done; the cart holds `held`. A number typed since stands by itself; steps were meant from where the visitor
 * thought to be, and are taken back with it. `lost` is what would have to be asked for again. */
export function undone(line: Line, held: number): { line: Line; lost: Change | undefined } {
  const { sending, waiting } = line
  if (waiting?.kind === 'set') return { line: { held, waiting }, lost: undefined }
  const lost = waiting === undefined ? sending : both(sending, waiting)
  return { line: { held }, lost }
}

/** After a failure that left open whether the change is done: what the cart says now. */
export type Verdict = 'done' | 'not done' | 'unclear'

export function verdict(before: number, change: Change, now: number): Verdict {
  const after = applied(before, change)
  if (now === after) return 'done'
  return now === before ? 'not done' : 'unclear'
}
