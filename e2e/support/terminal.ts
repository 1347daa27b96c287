import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * A command on a pseudo terminal of its own, made by util-linux' `script`; what a person sees and types. The terminal has its
 * size before the command starts.
 */
export class Terminal {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #output = ''
  #notify = (): void => {}

  constructor(command: readonly string[], environment: NodeJS.ProcessEnv, size: { rows: number; columns: number }) {
    const quoted = command.map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
    const line = `stty rows ${size.rows} cols ${size.columns}; exec ${quoted}`
    this.#child = spawn('script', ['--quiet', '--flush', '--return', '--command', line, '/dev/null'], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout!.on('data', chunk => {
      this.#output += chunk
      this.#notify()
    })
    this.#child.stdin!.on('error', () => {})
    this.#ended = new Promise(resolve => this.#child.once('close', () => resolve()))
  }

  type(text: string): void {
    this.#child.stdin!.write(text)
  }

  /** Resolves with everything that was shown since the last call once it matches. */
  async until(pattern: RegExp, timeout = 180_000): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const timer = setTimeout(() => reject(new Error(`no ${pattern} on the terminal: ${this.#output}`)), timeout)
    void this.#ended.then(() => reject(new Error(`ended without ${pattern}: ${this.#output}`)))
    this.#notify = () => {
      if (!pattern.test(this.#output)) return
      resolve(this.#output)
      this.#output = ''
    }
    this.#notify()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#notify = () => {}
    }
  }

  /** Makes the window larger or smaller; the command is told by the kernel, as by a real terminal. */
  resize(rows: number, columns: number): void {
    const [inside] = childrenOf(this.#child.pid!)
    const device = readlinkSync(`/proc/${inside}/fd/0`)
    spawnSync('stty', ['-F', device, 'rows', String(rows), 'cols', String(columns)])
  }

  /** Ends the command, and with it the terminal. */
  async close(): Promise<void> {
    for (const inside of childrenOf(this.#child.pid!)) killIfThere(Number(inside))
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // ended by itself in between
  }
}

function childrenOf(pid: number): string[] {
  return readdirSync('/proc').filter(name => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid)
    } catch {
      return false // gone in between
    }
  })
}
