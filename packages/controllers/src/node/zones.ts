/** The nodes by zone, and which of them may be evicted now (kubernetes pkg/controller/nodelifecycle). */

import type { Node } from '@canopus/api/core/v1'
import { findCondition } from '@canopus/apimachinery'
import {
  type EvictionLimits,
  isExcluded,
  planDisruption,
  type ZoneCount,
  type ZoneState,
  zoneOf,
} from './disruption.ts'
import { EvictionTurns } from './eviction-turns.ts'
import type { NodeMetrics } from './node-metrics.ts'

interface Place {
  readonly zone: string
  readonly isReady: boolean
  readonly isExcluded: boolean
}

/**
 * Counts nodes as they change; what follows from that is found out in rounds, when all that failed together is known, and
 * nobody is evicted between a change and its round.
 */
export class Zones {
  readonly #limits: EvictionLimits
  readonly #wake: (name: string, after: number) => void
  readonly #metrics: NodeMetrics | undefined
  readonly #places = new Map<string, Place>()
  readonly #turns = new Map<string, EvictionTurns>()
  #states: ReadonlyMap<string, ZoneState> = new Map()
  /** Nodes that lose the taints of eviction, since all zones became disrupted. */
  readonly #pardoned = new Set<string>()
  readonly #early = new Set<string>()
  #needsRound = false

  constructor(limits: EvictionLimits, wake: (name: string, after: number) => void, metrics?: NodeMetrics) {
    this.#limits = limits
    this.#wake = wake
    this.#metrics = metrics
  }

  /** Whether something has changed since the last round. */
  get needsRound(): boolean {
    return this.#needsRound
  }

  note(node: Node, isSilent: boolean): void {
    const { name } = node.metadata
    const isReady = !isSilent && findCondition(node.status?.conditions, 'Ready')?.status === 'True'
    const place = { zone: zoneOf(node), isReady, isExcluded: isExcluded(node) }
    const old = this.#places.get(name)
    if (old?.zone === place.zone && old.isReady === isReady && old.isExcluded === place.isExcluded) return
    if (old !== undefined && old.zone !== place.zone) this.#turns.get(old.zone)?.forget(name)
    if (!this.#turns.has(place.zone)) {
      this.#turns.set(place.zone, new EvictionTurns(this.#limits.rate, this.#wake))
      this.#metrics?.zoneCame(place.zone)
    }
    this.#places.set(name, place)
    this.#needsRound = true
  }

  remove(name: string): void {
    this.stay(name)
    this.#places.delete(name)
    this.#early.delete(name)
    this.#needsRound = true
  }

  /** The node is ready, or is marked already. */
  stay(name: string): void {
    const place = this.#places.get(name)
    if (place !== undefined) this.#turns.get(place.zone)?.forget(name)
    this.#pardoned.delete(name)
  }

  /** Sets the rates of all zones. Returns whether all zones have become disrupted with this, or no longer are. */
  round(now: number): 'entered' | 'left' | undefined {
    this.#needsRound = false
    const counts = this.#count()
    const { states, rates, change } = planDisruption(this.#states, counts, this.#limits)
    for (const zone of this.#states.keys()) if (!counts.has(zone)) this.#metrics?.zone(zone, { ready: 0, notReady: 0 })
    for (const [zone, count] of counts) this.#metrics?.zone(zone, count)
    this.#states = states
    for (const [zone, rate] of rates) this.#turns.get(zone)?.setRate(rate, now)
    if (change === 'entered') {
      for (const name of this.#places.keys()) {
        this.#pardoned.add(name)
        this.#wake(name, 0)
      }
    }
    for (const name of this.#early) this.#wake(name, 0)
    this.#early.clear()
    return change
  }

  #count(): Map<string, ZoneCount> {
    const counts = new Map<string, ZoneCount>()
    for (const { zone, isReady, isExcluded: isOut } of this.#places.values()) {
      if (isOut) continue
      const count = counts.get(zone) ?? { ready: 0, notReady: 0 }
      count[isReady ? 'ready' : 'notReady'] += 1
      counts.set(zone, count)
    }
    return counts
  }

  /** Whether the node is to lose its taint of eviction. */
  isPardoned(name: string): boolean {
    return this.#pardoned.has(name)
  }

  /** The node has no taint of eviction. */
  unmarked(name: string): void {
    this.#pardoned.delete(name)
  }

  /** Whether the node, which is not ready, may be evicted now. If not, it is woken when that may have changed. */
  mayEvict(name: string, now: number): boolean {
    const place = this.#places.get(name)
    if (place === undefined) return false
    if (this.#needsRound) {
      this.#early.add(name)
      return false
    }
    if (!this.#turns.get(place.zone)!.isTurnOf(name, now)) return false
    this.#pardoned.delete(name)
    return true
  }
}
