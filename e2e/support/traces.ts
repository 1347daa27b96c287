/** What a cluster leaves on the machine, and commands that are broken off. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CommandResult } from './cluster.ts'

const launcher = fileURLToPath(new URL('../../canopus', import.meta.url))

/** Ids of processes that have this text in their environment. */
export function processesOf(text: string): number[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter(entry => {
      try {
        return readFileSync(`/proc/${entry}/environ`, 'latin1').includes(text)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Which clusters have which share of the machine's addresses; made by the first. */
const SLOTS = '/var/tmp/canopus-slots'

/** Everything on this machine that names the home directory. */
export function traces(home: string): string[] {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter(line => line.includes(home))
  const slots = (existsSync(SLOTS) ? readdirSync(SLOTS) : []).filter(name => {
    const path = join(SLOTS, name)
    return existsSync(path) && readFileSync(path, 'utf8').includes(home)
  })
  const processes = processesOf(`CANOPUS_HOME=${home}`).map(pid => `process ${pid}`)
  const index = existsSync(join(home, 'index')) ? readdirSync(join(home, 'index')) : []
  const kubeconfig = join(home, 'kubeconfig')
  const entries =
    existsSync(kubeconfig) && readFileSync(kubeconfig, 'utf8').includes('server:') ? ['kubeconfig entry'] : []
  return [...mounts, ...slots, ...processes, ...index, ...entries]
}

/** Starts `./canopus` with a home of its own, without waiting for its end. */
export function startUp(home: string, args: readonly string[]): { child: ChildProcess; ended: Promise<CommandResult> } {
  const child = spawn(launcher, args, {
    env: { ...process.env, CANOPUS_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const ended = new Promise<CommandResult>(resolve =>
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 130), stdout, stderr })),
  )
  return { child, ended }
}
