import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { Clock, Logger } from '@canopus/base'
import { sinceBoot } from '../node/machine.ts'

/** What the kernel says of processes that it killed for memory, as far as its log goes back. */
export interface KernelKills {
  /** The last part of the victims' cgroups: ids of containers. */
  readonly groups: ReadonlySet<string>
  /** Victims of which the log has no cgroup, by when they were killed in milliseconds since the boot. */
  readonly nameless: readonly number[]
}

/** A container that has ended, and what is needed to say whether it was killed for memory. */
export interface EndedContainer {
  readonly id: string
  /** Milliseconds since the epoch. (The start may be noted after the end: it is by the runtime's clock, not the kernel's.) */
  readonly finishedAt: number
  /** Bytes; 0 where there is none. */
  readonly memoryLimit: number
  /** The most that its pod has used at one time, in bytes. */
  readonly peakMemory: number | undefined
}

/** Bytes that a CPU may hold back for a cgroup: its use shows as so much less (the kernel charges memory in batches). */
const CHARGE_BATCH = 512 * 1024
/** How far the log's clock and the runtime's times may be apart, in milliseconds. */
const CLOCK_SLACK = 2_000
/** Kills that are remembered. */
const MOST = 2_000

/**
 * Collects kills from the kernel's log. It names at most ten victims' cgroups in five seconds; of those beyond that only the
 * second line is there.
 */
export class KillLog implements KernelKills {
  readonly groups = new Set<string>()
  readonly nameless: number[] = []
  #named = ''

  /** One record of /dev/kmsg: `priority,sequence,microseconds,flags;text`. */
  add(record: string): void {
    const [, time = '', text = ''] = /^\d+,\d+,(\d+),[^;]*;([^\n]*)/.exec(record) ?? []
    const named = /^oom-kill:.*,task_memcg=([^,]+),task=.*,pid=(\d+)/.exec(text)
    if (named) {
      this.groups.add(named[1]!.slice(named[1]!.lastIndexOf('/') + 1))
      this.#named = named[2]!
      if (this.groups.size > MOST) this.groups.delete(this.groups.values().next().value!)
      return
    }
    const [, pid] = /^Memory cgroup out of memory: Killed process (\d+) /.exec(text) ?? []
    if (pid === undefined || pid === this.#named) return
    this.nameless.push(Number(time) / 1000)
    if (this.nameless.length > MOST) this.nameless.shift()
  }
}

/**
 * Whether the kernel killed a container for memory. Where its log has no name for a victim, a container that came up to its
 * limit and ended at that moment is taken for it. `bootedAt`: the boot in milliseconds since the epoch.
 */
export function wasKilledForMemory(container: EndedContainer, kills: KernelKills, bootedAt: number): boolean {
  if (kills.groups.has(container.id) || kills.groups.has(`cri-containerd-${container.id}.scope`)) return true
  const { memoryLimit, peakMemory, finishedAt } = container
  if (memoryLimit === 0 || peakMemory === undefined || peakMemory + CHARGE_BATCH < memoryLimit) return false
  return kills.nameless.some(time => Math.abs(bootedAt + time - finishedAt) < CLOCK_SLACK)
}

/** Says of ended containers whether they were killed for memory, where the runtime did not notice. */
export type OutOfMemory = (container: EndedContainer) => boolean

const RECORD_BYTES = 8192

/**
 * Asks the kernel's log. containerd 1.6 watches a container's memory only once it runs, and misses one that dies within
 * milliseconds. Where the log may not be read, nobody was killed for memory.
 */
export function kernelOutOfMemory(clock: Clock, logger: Logger, path = '/dev/kmsg'): OutOfMemory {
  const kills = new KillLog()
  let file: number | undefined
  return container => {
    try {
      file ??= openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      readRecords(file, record => kills.add(record))
    } catch (error) {
      logger.debug('the kernel’s log cannot be read', { error })
      if (file !== undefined) closeSync(file)
      file = undefined
    }
    return wasKilledForMemory(container, kills, clock.now() - sinceBoot())
  }
}

/** All records that were not read before. */
function readRecords(file: number, take: (record: string) => void): void {
  const buffer = Buffer.alloc(RECORD_BYTES)
  for (;;) {
    try {
      const length = readSync(file, buffer)
      if (length === 0) return
      take(buffer.toString('latin1', 0, length))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : ''
      if (code === 'EAGAIN') return
      if (code !== 'EPIPE') throw error // EPIPE: records were overwritten before they were read; the next one is there
    }
  }
}
