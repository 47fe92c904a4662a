// Where to go after signing in. Knows nothing of the pages there are.

/** The path, if it is one of this shop; else the front door. What a link says may be anything. */
export function destination(wanted: unknown): string {
  if (typeof wanted !== 'string' || !wanted.startsWith('/')) return '/'
  const here = 'https://shop.invalid'
  const url = URL.canParse(wanted, here) ? new URL(wanted, here) : undefined
  // `//host` and `/\host` are other hosts to a browser.
  return url?.origin === here ? url.pathname + url.search + url.hash : '/'
}
