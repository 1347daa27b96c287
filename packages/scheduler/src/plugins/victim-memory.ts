import type { Node } from '@canopus/api/core/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { LruCache } from '@canopus/base'
import type { ClusterView } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'

/** So many kinds of pods that preempt others are remembered. */
const KINDS_KEPT = 16

interface Known<T> {
  readonly node: NodeInfo
  readonly object: Node
  readonly pods: number
  readonly nominations: number
  readonly found: T
}

export interface VictimMemoryOptions {
  /** A text that says all that filters look at in the pod besides one node and the pods on it; nothing: they look further. */
  localKey?(pod: PodInfo): string | undefined
  budgets?(namespace: string): readonly PodDisruptionBudget[]
  /** False: there are no budgets anywhere. */
  hasBudgets?(): boolean
}

/**
 * Whom a pod would have to evict on each node, remembered until the node, its pods or those that wait for it change. Many
 * pods of one kind preempt others at once, and each looks at a tenth of all nodes.
 */
export class VictimMemory<T> {
  readonly #options: VictimMemoryOptions
  readonly #kinds = new LruCache<string, Known<T>[]>({ capacity: KINDS_KEPT })

  constructor(options: VictimMemoryOptions) {
    this.#options = options
  }

  /** A function that answers what `work` finds on the node, or what it found before where that cannot have changed. */
  for(pod: PodInfo, { cache }: ClusterView): (node: NodeInfo, work: () => T) => T {
    const key = this.#options.localKey?.(pod)
    if (key === undefined) return (_, work) => work()
    const known = this.#ofKind(`${pod.priority}\n${key}`)
    const own = cache.nominatedNode(pod.key)
    const isGuarded = this.#guards()
    return (node, work) => {
      // Its own nomination does not stand in the pod's way, but would in that of others.
      if (node.name === own || isGuarded(node)) return work()
      const nominations = cache.nominationsOf(node.name)
      const last = known[node.slot]
      const same =
        last?.node === node &&
        last.object === node.node &&
        last.pods === node.podsRevision &&
        last.nominations === nominations
      if (same) return last.found
      const found = work()
      const waiting = cache.nominatedOn(node.name, pod)
      if (waiting.some(each => each.hasAffinity)) delete known[node.slot]
      else known[node.slot] = { node, object: node.node, pods: node.podsRevision, nominations, found }
      return found
    }
  }

  #ofKind(key: string): Known<T>[] {
    let known = this.#kinds.get(key)
    if (known === undefined) {
      known = []
      this.#kinds.set(key, known)
    }
    return known
  }

  /** Whether budgets, which change with pods elsewhere, may speak for a pod on the node. */
  #guards(): (node: NodeInfo) => boolean {
    if (this.#options.hasBudgets?.() === false) return () => false
    const guarded = new Map<string, boolean>()
    return node => {
      for (const { namespace } of node.pods.values()) {
        let has = guarded.get(namespace)
        if (has === undefined) {
          has = (this.#options.budgets?.(namespace).length ?? 0) > 0
          guarded.set(namespace, has)
        }
        if (has) return true
      }
      return false
    }
  }
}
