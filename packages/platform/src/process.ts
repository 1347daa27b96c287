import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, sleep } from '@canopus/base'

export interface RunOptions {
  /** Standard input. */
  input?: string | Uint8Array
  cwd?: string
  env?: Readonly<Record<string, string | undefined>>
  signal?: AbortSignal
  /** Called with each piece of output as it comes, for progress. */
  onOutput?(text: string): void
  /** Whether output is only told, and none of it kept. */
  forgetful?: boolean
}

export interface RunResult {
  code: number
  stdout: string
  stderr: string
}

/** A command that could not be started, or ended with a status other than 0 in `run`. */
export class CommandError extends Error {
  readonly code: number
  readonly stderr: string
  constructor(command: string, code: number, stderr: string) {
    super(
      `${command} failed with status ${code}${stderr.trim() === '' ? '' : `: ${stderr.trim().split('\n').slice(-3).join(' ')}`}`,
    )
    this.name = 'CommandError'
    this.code = code
    this.stderr = stderr
  }
}

/** Runs a program (no shell) to its end, whatever its status. Rejects where it cannot be started. */
export function tryRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ? { ...process.env, ...options.env } : process.env,
      signal: options.signal,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      if (options.forgetful !== true) into.push(chunk)
      options.onOutput?.(chunk.toString())
    }
    child.stdout.on('data', collect(stdout))
    child.stderr.on('data', collect(stderr))
    child.stdin.on('error', () => {}) // the program may end before it has read everything
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? (signal ? 128 : 1),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    )
    child.stdin.end(options.input)
  })
}

/** Runs a program to its end and returns what it printed. Throws `CommandError` for a status other than 0. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, args, options)
  if (result.code !== 0)
    throw new CommandError([command, ...args].join(' ').slice(0, 200), result.code, result.stderr || result.stdout)
  return result.stdout
}

export interface DaemonOptions {
  /** File that standard output and error are appended to. */
  log: string
  cwd?: string
  env?: Readonly<Record<string, string | undefined>>
}

/** A process that we started earlier, known again by its start time: process ids are reused. */
export interface DaemonIdentity {
  pid: number
  /** Field 22 of /proc/PID/stat: ticks since boot. */
  startTime: string
}

/** Starts a program that outlives us: its own session, no terminal, output to a file. */
export function startDaemon(command: string, args: readonly string[], options: DaemonOptions): Promise<DaemonIdentity> {
  mkdirSync(dirname(options.log), { recursive: true })
  const log = openSync(options.log, 'a', 0o640)
  const spawnOptions: SpawnOptions = {
    cwd: options.cwd ?? '/',
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: ['ignore', log, log],
  }
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(command, args, spawnOptions)
    child.once('error', error => {
      closeSync(log)
      reject(error)
    })
    child.once('spawn', () => {
      closeSync(log)
      child.unref()
      resolve({ pid: child.pid!, startTime: startTimeOf(child.pid!) ?? '' })
    })
  })
}

/** When the process started, or `undefined` where there is none (a zombie counts as none). */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** Whether this very process still runs. */
export function isRunning(daemon: DaemonIdentity): boolean {
  const startTime = startTimeOf(daemon.pid)
  return startTime !== undefined && (daemon.startTime === '' || startTime === daemon.startTime)
}

/** Asks the process to end, waits up to `grace` milliseconds, then kills it. Returns once it is gone. */
export async function terminate(daemon: DaemonIdentity, clock: Clock, grace = 10_000): Promise<void> {
  if (!isRunning(daemon)) return
  send(daemon.pid, 'SIGTERM')
  await awaitEnd(daemon, clock, grace)
}

/** Waits up to `grace` milliseconds for the end of a process that somebody has asked to end, then kills it. Returns once it is gone. */
export async function awaitEnd(daemon: DaemonIdentity, clock: Clock, grace = 10_000): Promise<void> {
  const deadline = clock.monotonic() + grace
  while (isRunning(daemon)) {
    if (clock.monotonic() > deadline) send(daemon.pid, 'SIGKILL')
    await sleep(clock, 20)
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
