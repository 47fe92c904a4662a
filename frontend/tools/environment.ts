// Which rendered file a build is for: `.env` is of AWS, `.env.local` of the local cloud. Vite alone would mix the two, and build for the
// local cloud what is meant for AWS. Knows nothing of what the variables mean.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

const OURS = 'VUE_APP_'

/**
 * The shop's variables: those of the environment, and for the rest those of the file. `--mode local-cloud` means the local cloud;
 * `--mode hosted`, with which `cartctl frontend deploy` builds, reads no file at all.
 */
export function environment(mode: string, folder: string, given: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const file = join(folder, mode === 'local-cloud' ? '.env.local' : '.env')
  const rendered = mode !== 'hosted' && existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries({ ...rendered, ...given })) {
    if (name.startsWith(OURS) && value !== undefined) found[name] = value
  }
  return found
}
