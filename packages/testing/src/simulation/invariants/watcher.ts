import type { Faults } from '../faults.ts'
import type { History, HistoryRecord } from '../history.ts'
import { ClusterState } from './cluster-state.ts'
import type { Invariant } from './invariant.ts'
import { autoscalersWithinBounds, oneJobAtATime } from './periodic.ts'
import { cordonsHold, endIsFinal, neverRebound, nodesHaveRoom } from './pods.ts'
import { allocationsUnique, budgetsKept, quotasKept, updatesNotLost } from './policies.ts'
import {
  allowances,
  jobsOnlyProgress,
  onePodPerIndex,
  onePodPerNode,
  ordinalsInOrder,
  podsWithinCount,
  replicaSetsWithinSurge,
} from './workloads.ts'

/** What was found to be wrong, and after which write. */
export interface Violation {
  readonly invariant: string
  readonly message: string
  /** Milliseconds since the start of the simulation. */
  readonly at: number
  readonly revision: number
}

/** All that must hold after every write. */
export const allInvariants = (): Invariant[] => [
  allowances,
  neverRebound,
  endIsFinal,
  nodesHaveRoom,
  cordonsHold(),
  podsWithinCount,
  onePodPerIndex,
  onePodPerNode,
  ordinalsInOrder,
  replicaSetsWithinSurge,
  jobsOnlyProgress,
  oneJobAtATime(),
  autoscalersWithinBounds,
  budgetsKept(),
  quotasKept,
  allocationsUnique,
  updatesNotLost,
]

/** Checks invariants on everything that a history brings. */
export class InvariantWatcher {
  readonly violations: Violation[] = []
  readonly state: ClusterState
  readonly #invariants: readonly Invariant[]

  constructor(history: History, faults: Faults, invariants: readonly Invariant[] = allInvariants()) {
    this.state = new ClusterState(faults)
    this.#invariants = invariants
    history.listen(record => this.#check(record))
  }

  #check(record: HistoryRecord): void {
    const change = this.state.apply(record)
    if (change === undefined) return
    for (const { name, check } of this.#invariants) {
      const message = check(change, this.state)
      if (message !== undefined) {
        this.violations.push({ invariant: name, message, at: record.at, revision: record.revision })
      }
    }
  }
}
