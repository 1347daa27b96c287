import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePorts } from './free-ports.ts'

/** A real etcd server for tests: loopback, free ports, a directory of its own. */
export interface EtcdServer {
  readonly endpoint: string
  /** Kills the process as a power loss would; `start` brings it back with its data. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends the process and removes its data. */
  stop(): Promise<void>
}

/**
 * Finds the program `etcd`; unpacks Debian's package `etcd-server` into the user's cache where it is missing, which starts no
 * service. Answers nothing where that is not possible.
 */
export function findEtcd(): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'canopus', 'etcd-server')
  const unpacked = join(cache, 'usr', 'bin', 'etcd')
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'].map(folder => join(folder, 'etcd'))
  const found = [...places, unpacked].find(existsSync)
  if (found) return found
  try {
    const download = mkdtempSync(join(tmpdir(), 'canopus-etcd-package-'))
    execFileSync('apt-get', ['download', 'etcd-server'], { cwd: download, stdio: 'ignore' })
    mkdirSync(cache, { recursive: true })
    execFileSync('sh', ['-c', 'dpkg -x etcd-server_*.deb "$0"', cache], { cwd: download, stdio: 'ignore' })
    rmSync(download, { recursive: true })
    return existsSync(unpacked) ? unpacked : undefined
  } catch {
    return undefined
  }
}

/** Starts one server and waits for nothing: clients wait until it answers. `flags` are added to its command line. */
export async function startEtcd(program: string, flags: readonly string[] = [], scheme = 'http'): Promise<EtcdServer> {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-etcd-'))
  const [client, peer] = await freePorts(2)
  const endpoint = `${scheme}://127.0.0.1:${client}`
  // Fast elections let leases be as short as a second.
  const args = [
    ...['--data-dir', join(directory, 'data'), '--heartbeat-interval', '20', '--election-timeout', '200'],
    ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
    ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
    ...['--initial-cluster', `default=http://127.0.0.1:${peer}`, '--logger', 'zap', '--log-outputs', '/dev/null'],
    ...flags,
  ]
  const run = () => {
    const started = spawn(program, args, { stdio: 'ignore' })
    return { started, exited: once(started, 'exit') }
  }
  let server = run()
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    server.started.kill(signal)
    await server.exited
  }
  const atExit = (): void => {
    server.started.kill('SIGKILL')
  }
  process.once('exit', atExit)
  return {
    endpoint,
    kill: () => end('SIGKILL'),
    start: async () => {
      server = run()
    },
    stop: async () => {
      await end('SIGKILL')
      process.off('exit', atExit)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
