import { type Counter, LruCache } from '@canopus/base'
import type { ClusterView, NodeFilter, NodeScorer, Rejection, SchedulerPlugin } from './framework.ts'
import { isRejection } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import type { PodInfo } from './pod-info.ts'
import type { Evaluations } from './profile-figures.ts'

const CLASSES_KEPT = 1000

/** A plugin with how often it was asked. */
export interface CountedPlugin {
  readonly plugin: SchedulerPlugin
  readonly evaluations: Evaluations
}

interface CountedFilter {
  readonly filter: NodeFilter
  readonly asked: Counter
}

/**
 * What the static plugins (those with a `staticKey`) say of all nodes, worked out once for all pods that ask for the same.
 * Most pods of a cluster are copies of a few templates, and nodes seldom change what these plugins look at.
 */
export class PodClasses {
  readonly #cluster: ClusterView
  readonly #filters: readonly CountedPlugin[]
  readonly #scorers: readonly CountedPlugin[]
  readonly #plugins: readonly SchedulerPlugin[]
  readonly #classes = new LruCache<string, PodClass>({ capacity: CLASSES_KEPT })

  constructor(plugins: readonly CountedPlugin[], cluster: ClusterView) {
    this.#cluster = cluster
    const ofNodes = plugins.filter(({ plugin }) => plugin.staticKey !== undefined)
    this.#plugins = ofNodes.map(each => each.plugin)
    this.#filters = ofNodes.filter(({ plugin }) => plugin.filter !== undefined)
    this.#scorers = ofNodes.filter(({ plugin }) => plugin.score !== undefined)
  }

  /** The class of the pod, current as of now; or the rejection of all nodes. */
  of(pod: PodInfo): PodClass | Rejection {
    const key = this.#plugins.map(plugin => plugin.staticKey!(pod)).join('\n')
    let known = this.#classes.get(key)
    if (known === undefined) {
      const filters: CountedFilter[] = []
      for (const { plugin, evaluations } of this.#filters) {
        const filter = plugin.filter!(pod, this.#cluster)
        if (filter === undefined) continue
        evaluations.PreFilter.add()
        if (isRejection(filter)) return filter
        filters.push({ filter, asked: evaluations.Filter })
      }
      known = new PodClass(key, pod, filters, this.#scorers, this.#cluster)
      this.#classes.set(key, known)
    }
    known.refresh()
    return known
  }
}

/** Raw scores of one static plugin, by slot. */
export interface StaticScores {
  readonly raw: Float64Array
  readonly scorer: NodeScorer
  /** All feasible nodes have the same. */
  readonly isUniform: boolean
}

export class PodClass {
  /** What all pods of the class have in common. */
  readonly key: string
  /** Slots of the nodes that the static filters let pass: the first `count` count. */
  feasible = new Int32Array(0)
  count = 0
  readonly #pod: PodInfo
  readonly #filters: readonly CountedFilter[]
  readonly #scorers: readonly CountedPlugin[]
  readonly #cluster: ClusterView
  readonly #only: ReadonlySet<string> | undefined
  #revisions = new Float64Array(0)
  #passes = new Uint8Array(0)
  #latest = -1
  #scores: ReadonlyMap<SchedulerPlugin, StaticScores> | undefined

  constructor(
    key: string,
    pod: PodInfo,
    filters: readonly CountedFilter[],
    scorers: readonly CountedPlugin[],
    cluster: ClusterView,
  ) {
    this.key = key
    this.#pod = pod
    this.#filters = filters
    this.#scorers = scorers
    this.#cluster = cluster
    const named = filters.flatMap(({ filter }) => (filter.only === undefined ? [] : [filter.only]))
    this.#only = named.length === 0 ? undefined : named.reduce((a, b) => a.intersection(b))
  }

  /** Looks again at the nodes that have changed since the last time. */
  refresh(): void {
    const { figures, nodes } = this.#cluster.cache
    if (this.#latest === figures.latest) return
    this.#latest = figures.latest
    this.#scores = undefined
    if (this.#passes.length < nodes.length) {
      const size = figures.revision.length
      this.#passes = copyInto(new Uint8Array(size), this.#passes)
      this.#revisions = copyInto(new Float64Array(size), this.#revisions)
      this.feasible = new Int32Array(size)
    }
    this.count = 0
    for (let slot = 0; slot < nodes.length; slot++) {
      const revision = figures.revision[slot]!
      if (this.#revisions[slot] !== revision) {
        this.#revisions[slot] = revision
        this.#passes[slot] = this.rejectionOf(nodes[slot]!) === undefined ? 1 : 0
      }
      if (this.#passes[slot] === 1) this.feasible[this.count++] = slot
    }
  }

  /** The same as `rejectionOf`, as of the last refresh: asks nothing of a node that passed then. */
  verdict(node: NodeInfo): Rejection | undefined {
    const { slot } = node
    // A node that has left the cache leaves its slot to another one.
    if (this.#passes[slot] === 1 && this.#cluster.cache.nodes[slot] === node) return undefined
    return this.rejectionOf(node)
  }

  /** Whether the static filters let the node in the slot pass, as of the last refresh. */
  passes(slot: number): boolean {
    return this.#passes[slot] === 1
  }

  /** Why the static filters refuse the node. */
  rejectionOf(node: NodeInfo): Rejection | undefined {
    if (this.#only !== undefined && !this.#only.has(node.name)) return notNamed
    for (const { filter, asked } of this.#filters) {
      asked.add()
      const rejection = filter.check(node)
      if (rejection !== undefined) return rejection
    }
    return undefined
  }

  /** Raw scores of the static plugin for all feasible nodes; nothing where it has no opinion. */
  scoresOf(plugin: SchedulerPlugin): StaticScores | undefined {
    this.#scores ??= this.#scoreAll()
    return this.#scores.get(plugin)
  }

  #scoreAll(): ReadonlyMap<SchedulerPlugin, StaticScores> {
    const { nodes } = this.#cluster.cache
    const slots = this.feasible.subarray(0, this.count)
    const candidates = { slots, nodes: Array.from(slots, slot => nodes[slot]!) }
    const scores = new Map<SchedulerPlugin, StaticScores>()
    for (const { plugin, evaluations } of this.#scorers) {
      const scorer = plugin.score!(this.#pod, this.#cluster, candidates)
      if (scorer === undefined) continue
      evaluations.PreScore.add()
      evaluations.Score.add(slots.length)
      const raw = new Float64Array(nodes.length)
      for (const node of candidates.nodes) raw[node.slot] = scorer.score(node)
      const first = slots[0] ?? 0
      const isUniform = slots.every(slot => raw[slot] === raw[first])
      scores.set(plugin, { raw, scorer, isUniform })
    }
    return scores
  }
}

const notNamed: Rejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't satisfy plugin(s) [NodeAffinity]"],
  unresolvable: true,
}

function copyInto<A extends Uint8Array | Float64Array>(target: A, source: A): A {
  target.set(source)
  return target
}
