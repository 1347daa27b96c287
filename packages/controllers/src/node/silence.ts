/** Which nodes have been silent for too long, by deadlines (kubernetes pkg/controller/nodelifecycle/node_lifecycle_controller.go). */
import type { Lease } from '@canopus/api/coordination/v1'
import type { Node } from '@canopus/api/core/v1'
import { findCondition, parseTime } from '@canopus/apimachinery'
import { Heap } from '@canopus/base'

/** Signs of life of a node that are not written: it renews its lease all the time, and nobody needs to read each renewal. */
export interface ImpliedHeartbeat {
  /** They follow the node's lease in this version: whoever has not seen that does not know of them. */
  readonly since: string
  /** The last of them, by the monotonic clock, and as the lease would say it; where missing they go on. */
  readonly last?: { readonly at: number; readonly renewTime: string }
}

/** Tells of nodes what their leases do not say. A simulation has one; in a real cluster all renewals are written. */
export interface Heartbeats {
  of(node: string): ImpliedHeartbeat | undefined
  /** Calls the listener whenever what is told of a node has changed. Returns its removal. */
  onChange(listener: (node: string) => void): () => void
  /** The node's lease has been deleted: were its renewals written, the next would bring it back. */
  lost(node: string): void
}

export interface SilenceOptions {
  /** A sign of life counts from the next of the moments that are so many milliseconds apart. */
  period: number
  /** The first of these moments. */
  start: number
  /** How long a node may be silent, in milliseconds, and one that has never reported. */
  grace: number
  startupGrace: number
  heartbeats?: Heartbeats
}

interface Signs {
  heardAt: number
  /** Of the latest renewal that counted; earlier ones, which come of a clock that was put back, say nothing. */
  renewTime: string | undefined
  /** The same in milliseconds; 0 where it cannot be read. */
  renewedAt: number
  statusAt: string | undefined
  leaseVersion: string | undefined
  hasReported: boolean
  /** When it has to be looked at again; never while its heartbeats go on unwritten. */
  checkAt: number
}

/**
 * When each node was last heard of, all times by the monotonic clock. Costs something only where a node says something, and
 * once in a grace period for each node.
 */
export class Silence {
  readonly #options: SilenceOptions
  readonly #signs = new Map<string, Signs>()
  readonly #checks = new Heap<{ at: number; name: string }>((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))

  constructor(options: SilenceOptions) {
    this.#options = options
  }

  /** Another look at a node and its lease. A node is alive in the round that sees it for the first time. */
  hear(node: Node, lease: Lease | undefined, now: number): void {
    const { name } = node.metadata
    const ready = findCondition(node.status?.conditions, 'Ready')
    const statusAt = ready?.lastHeartbeatTime
    const renewTime = lease?.spec?.renewTime
    const leaseVersion = lease?.metadata.resourceVersion
    const hasReported = ready !== undefined
    const signs = this.#signs.get(name)
    if (signs === undefined) {
      const never = Number.POSITIVE_INFINITY
      const renewedAt = millisecondsOf(renewTime)
      const first = {
        heardAt: this.#next(now),
        renewTime,
        renewedAt,
        statusAt,
        leaseVersion,
        hasReported,
        checkAt: never,
      }
      this.#signs.set(name, first)
      this.#plan(name, first)
      return
    }
    this.#heardAt(name, signs)
    if (noteRenewal(signs, renewTime)) signs.heardAt = this.#next(now)
    if (statusAt !== signs.statusAt) signs.heardAt = this.#next(now)
    signs.statusAt = statusAt
    signs.leaseVersion = leaseVersion
    signs.hasReported = hasReported
    this.#plan(name, signs)
  }

  /** A lease is gone; what it implied has been true until now. */
  loseLease(name: string, now: number): void {
    const signs = this.#signs.get(name)
    if (signs === undefined) return
    if (this.#heardAt(name, signs) === Number.POSITIVE_INFINITY) signs.heardAt = this.#next(now)
    signs.leaseVersion = undefined
    this.#plan(name, signs)
  }

  /** What its heartbeats imply has changed. */
  changed(name: string): void {
    const signs = this.#signs.get(name)
    if (signs !== undefined) this.#plan(name, signs)
  }

  forget(name: string): void {
    this.#signs.delete(name)
  }

  /** All nodes have been alive until now: it was not they who could not be heard. */
  restart(now: number): void {
    for (const [name, signs] of this.#signs) {
      signs.heardAt = Math.max(signs.heardAt, now)
      this.#plan(name, signs)
    }
  }

  /** Whether a round has found it silent: between rounds nothing is decided. */
  isSilent(name: string, now: number): boolean {
    const signs = this.#signs.get(name)
    return signs !== undefined && now >= this.#next(this.#silentAt(name, signs))
  }

  /** The first round that is not before the time. */
  roundAt(time: number): number {
    return this.#next(time)
  }

  /** When the next node may have been silent for too long. */
  nextAt(): number | undefined {
    return this.#checks.peek()?.at
  }

  /** Nodes that have come to be silent for too long; each once, until something is heard of it again. */
  due(now: number): string[] {
    const due: string[] = []
    for (let check = this.#checks.peek(); check !== undefined && check.at <= now; check = this.#checks.peek()) {
      this.#checks.pop()
      const signs = this.#signs.get(check.name)
      if (signs?.checkAt !== check.at) continue
      signs.checkAt = Number.POSITIVE_INFINITY
      if (now >= this.#silentAt(check.name, signs)) due.push(check.name)
      else this.#plan(check.name, signs)
    }
    return due
  }

  #plan(name: string, signs: Signs): void {
    const at = this.#next(this.#silentAt(name, signs))
    // A check that comes too early plans the next one.
    if (at >= signs.checkAt) return
    signs.checkAt = at
    this.#checks.push({ at, name })
  }

  #silentAt(name: string, signs: Signs): number {
    return this.#heardAt(name, signs) + (signs.hasReported ? this.#options.grace : this.#options.startupGrace)
  }

  #heardAt(name: string, signs: Signs): number {
    const implied = this.#options.heartbeats?.of(name)
    if (implied === undefined || signs.leaseVersion === undefined) return signs.heardAt
    if (Number(signs.leaseVersion) < Number(implied.since)) return signs.heardAt
    if (implied.last === undefined) return Number.POSITIVE_INFINITY
    signs.heardAt = Math.max(signs.heardAt, this.#next(implied.last.at))
    noteRenewal(signs, implied.last.renewTime)
    return signs.heardAt
  }

  #next(time: number): number {
    const { start, period } = this.#options
    return start + Math.ceil((time - start) / period) * period
  }
}

/** Whether a renewal is later than all before, which it then is the latest of. */
function noteRenewal(signs: Signs, time: string | undefined): boolean {
  if (time === undefined || time === signs.renewTime) return false
  const renewedAt = millisecondsOf(time)
  if (signs.renewTime !== undefined && renewedAt <= signs.renewedAt) return false
  signs.renewTime = time
  signs.renewedAt = renewedAt
  return true
}

const millisecondsOf = (time: string | undefined): number => (time === undefined ? 0 : (parseTime(time) ?? 0))
