// Whether a first visit stays within its budget: what the built page loads before anything can be seen, compressed as a web server would.
// Knows the result of a build, and nothing of how it is made.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exit, stdout } from 'node:process'
import { gzipSync } from 'node:zlib'

/** In kilobytes (1000 bytes) of JavaScript, compressed. */
const BUDGET = 250

const dist = resolve(import.meta.dirname, '../dist')
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'))

/** A part of the shop and everything it cannot do without. */
function needed(name, found = new Set()) {
  if (found.has(name)) return found
  found.add(name)
  for (const other of manifest[name].imports ?? []) needed(other, found)
  return found
}

const files = [...needed('index.html')].map((name) => manifest[name].file)
const sizes = files.map((file) => gzipSync(readFileSync(join(dist, file))).length / 1000)
const sum = sizes.reduce((all, one) => all + one, 0)
stdout.write(`first load: ${sum.toFixed(1)} kB of JavaScript in ${files.length} files, of ${BUDGET} kB\n`)
if (files.some((file) => file.includes('cognito'))) {
  stdout.write('what only accounts need is loaded before anybody has one\n')
  exit(1)
}
exit(sum <= BUDGET ? 0 : 1)
