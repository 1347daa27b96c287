import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Builds a program of `e2e/clients`: the path of its binary, or the reason why that cannot be done here. */
export function buildGoClient(folder: string): { binary: string; skip: string | false } {
  const source = fileURLToPath(new URL(`../clients/${folder}`, import.meta.url))
  const binary = fileURLToPath(new URL(`../../.cache/bin/${folder}`, import.meta.url))
  if (spawnSync('go', ['version']).status !== 0) return { binary, skip: 'needs a Go toolchain' }
  const env = { ...process.env, GOFLAGS: '-p=2' }
  const built = spawnSync('go', ['build', '-o', binary, '.'], { cwd: source, encoding: 'utf8', env })
  const skip = built.status === 0 ? false : `${folder} cannot be built here: ${built.stderr.trim().split('\n').at(-1)}`
  return { binary, skip }
}
