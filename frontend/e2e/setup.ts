// What the journeys run on: what `make local` runs, page and all, started and stopped by `cartctl` on free ports and in a folder of its own.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseEnv, promisify } from 'node:util'

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

export default async function setup(): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'shop-'))
  const [page, cloud] = [await freePort(), await freePort()]
  const origin = `http://localhost:${page}`
  const [config, env] = [join(folder, 'cartctl.toml'), join(folder, 'env')]
  writeFileSync(
    config,
    `frontend.env-file = '${env}'\nlocal.port = ${cloud}\nlocal.site-port = ${page}\nlocal.directory = '${join(folder, 'local')}'\n`,
  )
  const local = (flag: string) => run(cartctl, ['--config', config, 'local', flag], { cwd: workspace, timeout: 300_000 })
  const stop = async () => {
    await local('--stop')
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await local('--detach')
    Object.assign(process.env, parseEnv(readFileSync(env, 'utf8')), { SHOP: origin })
    return stop
  } catch (error) {
    await stop()
    throw error
  }
}
