import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withDebianPackages } from '../../tools/debian-packages.ts'

const CACHE = fileURLToPath(new URL('../../.cache/bin', import.meta.url))

export interface KubectlResult {
  code: number
  stdout: string
  stderr: string
}

/** A real kubectl that somebody else built: one on the PATH, else the one of Debian's unstable suite, kept in `.cache`. */
export function findKubectl(): string {
  const found = spawnSync('sh', ['-c', 'command -v kubectl'], { encoding: 'utf8' }).stdout.trim()
  if (found !== '') return found
  return fetchKubectl()
}

/** The kubectl of Debian's unstable suite, kept in `.cache`. Throws where it cannot be fetched. */
function fetchKubectl(): string {
  const cached = join(CACHE, 'kubectl')
  if (!existsSync(cached)) {
    mkdirSync(CACHE, { recursive: true })
    withDebianPackages(['kubectl'], root => copyFileSync(join(root, 'usr/bin/kubectl'), cached))
    chmodSync(cached, 0o755)
  }
  return cached
}

/** The same, or nothing where it cannot be fetched and another will do. */
function debianKubectl(): string | undefined {
  try {
    return fetchKubectl()
  } catch (error) {
    console.log(`no kubectl from Debian: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

/** A kubectl that goes on: what it printed, when it matches, and its end. */
export interface Following {
  until(pattern: RegExp): Promise<string>
  readonly ended: Promise<void>
}

/** Every kubectl on this machine, by file name: the one found and other versions beside the file that it leads to. */
export function allKubectls(): string[] {
  const first = findKubectl()
  const directory = dirname(realpathSync(first))
  const others = readdirSync(directory).filter(name => /^kubectl\.\d+\.\d+$/.test(name))
  return [first, ...others.map(name => join(directory, name))]
}

/** The kubectls of this machine, one of each minor version, the newest first; Debian's counts, and is fetched where it is missing. */
export function kubectlsByVersion(): { minor: number; program: string }[] {
  const found = new Map<number, string>()
  for (const program of [debianKubectl(), ...allKubectls()]) {
    if (program === undefined) continue
    const { stdout } = spawnSync(program, ['version', '--client', '-o', 'json'], { encoding: 'utf8' })
    const minor = Number(/"minor": "(\d+)/.exec(stdout)?.[1])
    if (minor && !found.has(minor)) found.set(minor, program)
  }
  return [...found].map(([minor, program]) => ({ minor, program })).sort((a, b) => b.minor - a.minor)
}

export interface RunOptions {
  input?: string
  timeout?: number
  signal?: AbortSignal
}

/** Seconds: only what hangs takes so long, also on a machine that does much else. */
const PATIENCE = 180

/** kubectl for one cluster. */
export class Kubectl {
  readonly program: string
  readonly kubeconfig: string
  private readonly environment: NodeJS.ProcessEnv
  constructor(kubeconfig: string, program = findKubectl(), environment: NodeJS.ProcessEnv = {}) {
    this.program = program
    this.kubeconfig = kubeconfig
    // What another cluster at the same port once had is not to be believed.
    this.environment = { KUBECACHEDIR: `${kubeconfig}.cache`, ...environment, KUBECONFIG: kubeconfig }
  }

  /** Runs to the end, whatever the status; ended after `timeout` milliseconds, or by `signal`. */
  try(args: readonly string[], options: RunOptions = {}): Promise<KubectlResult> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.program, args, {
        env: { ...process.env, ...this.environment },
        timeout: options.timeout ?? PATIENCE * 1000,
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      options.signal?.addEventListener('abort', () => child.kill('SIGTERM'))
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', chunk => {
        stdout += chunk
      })
      child.stderr.on('data', chunk => {
        stderr += chunk
      })
      child.stdin.on('error', () => {})
      child.on('error', reject)
      child.on('close', code => resolve({ code: code ?? 137, stdout, stderr }))
      child.stdin.end(options.input ?? '')
    })
  }

  /** Runs to the end and returns what it printed. Throws for a status other than 0. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.try(args, options)
    if (result.code !== 0)
      throw new Error(`kubectl ${args.join(' ')}: status ${result.code}: ${result.stderr || result.stdout}`)
    return result.stdout
  }

  /** Starts a command that ends only with `signal`, such as a watch or port-forward. */
  follow(args: readonly string[], signal: AbortSignal): Following {
    const child = spawn(this.program, args, {
      env: { ...process.env, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let notify = (): void => {}
    const add = (chunk: unknown): void => {
      output += chunk
      notify()
    }
    child.stdout.on('data', add)
    child.stderr.on('data', add)
    const ended = new Promise<void>(resolve => child.on('close', () => resolve()))
    signal.addEventListener('abort', () => child.kill('SIGTERM'))
    const until = (pattern: RegExp): Promise<string> =>
      new Promise((resolve, reject) => {
        notify = () => {
          if (pattern.test(output)) resolve(output)
        }
        notify()
        void ended.then(() => reject(new Error(`kubectl ${args.join(' ')} ended without ${pattern}: ${output}`)))
      })
    return { until, ended }
  }

  /** Follows a command's output (`logs -f`, `get -w`) until it matches, then ends it. Throws after `timeout` milliseconds. */
  async followUntil(args: readonly string[], pattern: RegExp, timeout = PATIENCE * 1000): Promise<string> {
    const done = new AbortController()
    const { until, ended } = this.follow(args, AbortSignal.any([done.signal, AbortSignal.timeout(timeout)]))
    try {
      return await until(pattern)
    } finally {
      done.abort()
      await ended
    }
  }

  /** Waits with `kubectl wait` for something like `condition=Ready` or `jsonpath={.status.phase}=Running`. */
  wait(what: string, until: string, timeout = PATIENCE): Promise<string> {
    return this.run(['wait', what, `--for=${until}`, `--timeout=${timeout}s`], { timeout: (timeout + 10) * 1000 })
  }
}
