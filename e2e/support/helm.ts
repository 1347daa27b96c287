import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSION = 'v3.22.0'
const CACHE = fileURLToPath(new URL('../../.cache/bin', import.meta.url))

/** A real helm: one on the PATH, else one built with the Go toolchain and kept in `.cache`; the reason where neither is to be had. */
export function findHelm(): { helm: string; skip: string | false } {
  const found = spawnSync('sh', ['-c', 'command -v helm'], { encoding: 'utf8' }).stdout.trim()
  if (found !== '') return { helm: found, skip: false }
  const cached = join(CACHE, 'helm')
  if (existsSync(cached)) return { helm: cached, skip: false }
  if (spawnSync('go', ['version']).status !== 0) return { helm: '', skip: 'needs helm or a Go toolchain' }
  mkdirSync(CACHE, { recursive: true })
  const built = spawnSync('go', ['install', `helm.sh/helm/v3/cmd/helm@${VERSION}`], {
    env: { ...process.env, GOBIN: CACHE, GOFLAGS: '-p=2' },
    encoding: 'utf8',
  })
  if (built.status === 0) return { helm: cached, skip: false }
  return { helm: '', skip: `helm cannot be built here: ${built.stderr.trim().split('\n').at(-1)}` }
}

/** Runs helm to its end in a home of its own. Throws for a status other than 0. */
export function runHelm(helm: string, kubeconfig: string, home: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(helm, args, {
      env: { PATH: process.env.PATH, HOME: home, KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', code =>
      code === 0 ? resolve(stdout) : reject(new Error(`helm ${args.join(' ')}: status ${code}: ${stderr}`)),
    )
  })
}
