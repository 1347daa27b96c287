import { LruCache, type Random, randomInt } from '@canopus/base'
import {
  type ClusterView,
  type Failure,
  isRejection,
  type NodeFilter,
  type Profile,
  type Rejection,
  type SchedulerPlugin,
} from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import type { PodInfo } from './pod-info.ts'

/** Where a pod goes, or why it can go nowhere. */
export type Decision = { node: NodeInfo; score: number } | { failure: Failure }

/** Verdicts of the static filters about all nodes, by the node's place, for all pods of one class. */
interface ClassVerdicts {
  readonly revisions: number[]
  readonly verdicts: (Rejection | undefined)[]
}

const CLASSES_KEPT = 1000

/**
 * Chooses a node for one pod: filters, scores, picks. Runs without a pause, so that the cache is the snapshot. Filters that
 * declare a `staticKey` are asked once per class of pods and version of a node.
 */
export class SchedulingCycle {
  readonly #profile: Profile
  readonly #cluster: ClusterView
  readonly #random: Random
  readonly #static: readonly SchedulerPlugin[]
  readonly #dynamic: readonly SchedulerPlugin[]
  readonly #classes = new LruCache<string, ClassVerdicts>({ capacity: CLASSES_KEPT })

  constructor(profile: Profile, cluster: ClusterView, random: Random) {
    this.#profile = profile
    this.#cluster = cluster
    this.#random = random
    const filters = profile.map(each => each.plugin).filter(each => each.filter !== undefined)
    this.#static = filters.filter(each => each.staticKey !== undefined)
    this.#dynamic = filters.filter(each => each.staticKey === undefined)
  }

  /** The node with the highest score; ties are decided by chance. */
  decide(pod: PodInfo): Decision {
    const filters = this.#filters(pod)
    if (isRejection(filters)) return { failure: { early: filters, rejections: new Map() } }
    const feasible: NodeInfo[] = []
    const rejections = new Map<string, Rejection>()
    for (const node of this.#candidates(filters.only, rejections)) {
      const rejection = this.#checkWithNominated(pod, node, filters)
      if (rejection === undefined) feasible.push(node)
      else rejections.set(node.name, rejection)
    }
    if (feasible.length === 0) return { failure: { rejections } }
    return this.#best(pod, feasible)
  }

  /** Whether the pod could run on the node as things are. */
  check(pod: PodInfo, node: NodeInfo): Rejection | undefined {
    const filters = this.#filters(pod)
    if (isRejection(filters)) return filters
    if (filters.only !== undefined && !filters.only.has(node.name)) return absent
    return filters.check(node)
  }

  #filters(pod: PodInfo): NodeFilter | Rejection {
    const statics: NodeFilter[] = []
    const dynamics: NodeFilter[] = []
    for (const [plugins, filters] of [
      [this.#static, statics],
      [this.#dynamic, dynamics],
    ] as const) {
      for (const plugin of plugins) {
        const filter = plugin.filter!(pod, this.#cluster)
        if (filter === undefined) continue
        if (isRejection(filter)) return filter
        filters.push(filter)
      }
    }
    const checkStatic = this.#remembered(pod, statics)
    const only = [...statics, ...dynamics].flatMap(each => (each.only === undefined ? [] : [each.only]))
    return {
      ...(only.length === 0 ? {} : { only: only.reduce((a, b) => a.intersection(b)) }),
      check(node) {
        const rejection = checkStatic(node)
        if (rejection !== undefined) return rejection
        for (const filter of dynamics) {
          const other = filter.check(node)
          if (other !== undefined) return other
        }
        return undefined
      },
    }
  }

  #remembered(pod: PodInfo, filters: readonly NodeFilter[]): NodeFilter['check'] {
    const key = this.#static.map(plugin => plugin.staticKey!(pod)).join('\n')
    let known = this.#classes.get(key)
    if (known === undefined) {
      known = { revisions: [], verdicts: [] }
      this.#classes.set(key, known)
    }
    const { revisions, verdicts } = known
    return node => {
      const { slot } = node
      if (revisions[slot] === node.revision) return verdicts[slot]
      let verdict: Rejection | undefined
      for (const filter of filters) {
        verdict = filter.check(node)
        if (verdict !== undefined) break
      }
      // Filled up in order, so that the lists stay dense.
      for (let i = revisions.length; i < slot; i++) revisions[i] = -1
      revisions[slot] = node.revision
      verdicts[slot] = verdict
      return verdict
    }
  }

  #candidates(only: ReadonlySet<string> | undefined, rejections: Map<string, Rejection>): readonly NodeInfo[] {
    const { nodes } = this.#cluster.cache
    if (only === undefined) return nodes
    const named: NodeInfo[] = []
    for (const node of nodes) {
      if (only.has(node.name)) named.push(node)
      else rejections.set(node.name, absent)
    }
    return named
  }

  /** A node must do with, and also without, the pods that wait for room there and are no less important. */
  #checkWithNominated(pod: PodInfo, node: NodeInfo, filters: NodeFilter): Rejection | undefined {
    const { cache } = this.#cluster
    if (cache.hasNominations) {
      const waiting = cache.nominatedOn(node.name, pod)
      if (waiting.length > 0) {
        const rejection = cache.imagine(node, [], waiting, () => this.check(pod, node))
        if (rejection !== undefined) return rejection
      }
    }
    return filters.check(node)
  }

  #best(pod: PodInfo, nodes: readonly NodeInfo[]): Decision {
    if (nodes.length === 1) return { node: nodes[0]!, score: 0 }
    const totals = new Float64Array(nodes.length)
    for (const { plugin, weight } of this.#profile) {
      const scorer = weight > 0 ? plugin.score?.(pod, this.#cluster, nodes) : undefined
      if (scorer === undefined) continue
      const scores = new Array<number>(nodes.length)
      for (let i = 0; i < nodes.length; i++) scores[i] = scorer.score(nodes[i]!)
      scorer.normalise?.(scores)
      for (let i = 0; i < nodes.length; i++) totals[i]! += weight * scores[i]!
    }
    let best = 0
    let ties = 1
    for (let i = 1; i < totals.length; i++) {
      if (totals[i]! > totals[best]!) {
        best = i
        ties = 1
      } else if (totals[i] === totals[best] && randomInt(this.#random, ++ties) === 0) best = i
    }
    return { node: nodes[best]!, score: totals[best]! }
  }
}

const absent: Rejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't satisfy plugin(s) [NodeAffinity]"],
  unresolvable: true,
}
