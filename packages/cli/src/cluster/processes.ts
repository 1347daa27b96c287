import { readdirSync, readFileSync } from 'node:fs'
import { type Clock, sleep } from '@canopus/base'
import { awaitEnd, type DaemonIdentity, isRunning, startTimeOf, terminate } from '@canopus/platform'
import type { ClusterConfig } from './config.ts'

/**
 * Which processes belong to a cluster is written in their environment, which the kernel keeps for us: no files of process ids
 * that lie after a crash, and it works for processes inside a node's own namespaces.
 */
export interface ClusterProcess extends DaemonIdentity {
  component: string
  /** The program's name as the kernel shows it. */
  program: string
  parent: number
}

/** In which the kernel counts for programs, on every machine. */
const TICKS_PER_SECOND = 100

/** What marks a cluster's processes: its name and its slot, since another user's cluster may have the same name. */
export const markOf = (config: Pick<ClusterConfig, 'name' | 'slot'>): string => `${config.name}.${config.slot}`

/** The variables that mark a process as a component of a cluster. */
export function componentEnv(cluster: string, component: string): Record<string, string> {
  return { CANOPUS_CLUSTER: cluster, CANOPUS_COMPONENT: component }
}

/** All processes of a cluster, by component and then by id. Another user's processes stay unseen. */
export function findProcesses(cluster: string): ClusterProcess[] {
  const found = readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .flatMap(entry => inspect(Number(entry), cluster) ?? [])
  return found.sort((a, b) => (a.component < b.component ? -1 : a.component > b.component ? 1 : a.pid - b.pid))
}

function inspect(pid: number, cluster: string): ClusterProcess | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    if (!environment.includes(`CANOPUS_CLUSTER=${cluster}`)) return undefined
    const component = environment
      .find(each => each.startsWith('CANOPUS_COMPONENT='))
      ?.slice('CANOPUS_COMPONENT='.length)
    const startTime = startTimeOf(pid)
    if (component === undefined || startTime === undefined) return undefined
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const program = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    return { pid, startTime, component, program, parent }
  } catch {
    return undefined // gone meanwhile, or not ours to look at
  }
}

/** The process that is a component itself, not its supervisor and not what it started. */
export function mainProcess(processes: readonly ClusterProcess[], component: string): ClusterProcess | undefined {
  const own = processes.filter(each => each.component === component && each.program !== 'containerd-shim')
  const ids = new Set(own.map(each => each.pid))
  return own.find(each => !ids.has(each.parent))
}

/** When a process started, in milliseconds since the epoch: up to a second too early, never later. */
export function startedAt({ startTime }: DaemonIdentity, stat = readFileSync('/proc/stat', 'latin1')): number {
  const bootSeconds = Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0)
  return bootSeconds * 1000 + Number(startTime) * (1000 / TICKS_PER_SECOND)
}

/**
 * Ends a component: first its supervisor, so that it is not started again, then the component, with time to finish. Where there is
 * a supervisor, that passes it on; to be asked twice would end the component at once, whatever it was about to finish.
 * Children that carry its mark (containerd's shims) are left alone.
 */
export async function stopComponent(cluster: string, component: string, clock: Clock, grace = 10_000): Promise<void> {
  const processes = findProcesses(cluster)
  const main = mainProcess(processes, component)
  const supervisors = processes.filter(each => each.component === `supervisor/${component}`)
  const running = supervisors.filter(isRunning)
  for (const supervisor of running) process.kill(supervisor.pid, 'SIGTERM')
  if (main) await (running.length > 0 ? awaitEnd : terminate)(main, clock, grace)
  await Promise.all(supervisors.map(supervisor => terminate(supervisor, clock, 2000)))
}

/** Kills everything of a cluster that is left, until nothing is. */
export async function killRemaining(cluster: string, clock: Clock): Promise<void> {
  for (let remaining = findProcesses(cluster); remaining.length > 0; remaining = findProcesses(cluster)) {
    for (const each of remaining) {
      try {
        if (isRunning(each)) process.kill(each.pid, 'SIGKILL')
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
    }
    await sleep(clock, 20)
  }
}
