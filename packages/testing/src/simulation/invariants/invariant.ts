import type { Change, ClusterState } from './cluster-state.ts'

/** Something that must hold after every write. Answers what is wrong, if anything; may remember what it has seen. */
export interface Invariant {
  readonly name: string
  check(change: Change, state: ClusterState): string | undefined
}
