// What the journeys run on: a local cloud with the shop's services, deployed by `cartctl`, and the shop itself, built for it and served.
// All of it on free ports, in a folder of its own; all of it ended afterwards.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

import { build, preview } from 'vite'

const run = promisify(execFile)
const workspace = resolve(import.meta.dirname, '../..')
const cartctl = join(process.env.CARGO_TARGET_DIR ?? join(workspace, 'target'), 'debug/cartctl')

/** A port that nobody listens on at the moment. */
function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer().once('error', failed)
    server.listen(0, 'localhost', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => {
        done(port)
      })
    })
  })
}

/** The variables that `cartctl` rendered. */
function variables(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line.includes('=') && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

export default async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'shop-'))
  const [page, cloud] = [await freePort(), await freePort()]
  const origin = `http://localhost:${page}`
  const [config, env, dist] = [join(folder, 'cartctl.toml'), join(folder, 'env'), join(folder, 'dist')]
  writeFileSync(
    config,
    `defaults.allowed-origin = '${origin}'\nfrontend.env-file = '${env}'\nlocal.port = ${cloud}\nlocal.directory = '${join(folder, 'cloud')}'\n`,
  )
  const local = (flag: string) => run(cartctl, ['--config', config, 'local', flag], { cwd: workspace, timeout: 300_000 })
  const stop = async () => {
    await local('--stop')
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await local('--detach')
    Object.assign(process.env, variables(env), { SHOP: origin })
    const root = resolve(import.meta.dirname, '..')
    await build({ root, logLevel: 'warn', build: { outDir: dist, emptyOutDir: true } })
    const server = await preview({ root, logLevel: 'warn', build: { outDir: dist }, preview: { port: page } })
    return async () => {
      await server.close()
      await stop()
    }
  } catch (error) {
    await stop()
    throw error
  }
}
