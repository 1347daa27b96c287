import type { Topology } from './topology.ts'

interface DomainSums {
  /** By the number of the domain in the topology's column; longer than that at times. */
  sums: Float64Array
  total: number
  /** As of which state of the nodes' labels. */
  latest: number
}

/** How many pods of some kind there are in the domains of one topology key. */
export interface Domains {
  /** Number of the domain of the node in each slot, or -1. */
  readonly ids: Int32Array
  /** Pods by the number of their domain. Never change it. */
  readonly pods: Float64Array
  /** Pods in all domains together; those on nodes without the label are in none. */
  readonly total: number
}

/**
 * Counts of pods by node and by domain (zone, host, ...), kept current by increments: a question costs nothing as long as
 * the labels of nodes stay as they are, and counts anew once where they have changed.
 */
export class DomainCounts {
  readonly #topology: Topology
  readonly #byNode = new Map<string, number>()
  readonly #byKey = new Map<string, DomainSums>()

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** Pods by the name of their node; nodes without any are missing. */
  get byNode(): ReadonlyMap<string, number> {
    return this.#byNode
  }

  get empty(): boolean {
    return this.#byNode.size === 0
  }

  add(node: string, amount: number): void {
    const count = (this.#byNode.get(node) ?? 0) + amount
    if (count === 0) this.#byNode.delete(node)
    else this.#byNode.set(node, count)
    for (const [key, known] of this.#byKey) {
      if (known.latest === this.#topology.latest) this.#addTo(known, key, node, amount)
    }
  }

  /** The counts by the domains of a key, as of now: to be read before anything else happens. */
  by(topologyKey: string): Domains {
    const { ids, names } = this.#topology.column(topologyKey)
    const { latest } = this.#topology
    let known = this.#byKey.get(topologyKey)
    if (known?.latest !== latest) {
      known = { sums: new Float64Array(names.length), total: 0, latest }
      for (const [node, count] of this.#byNode) this.#addTo(known, topologyKey, node, count)
      this.#byKey.set(topologyKey, known)
    }
    return { ids, pods: known.sums, total: known.total }
  }

  #addTo(known: DomainSums, topologyKey: string, node: string, amount: number): void {
    const id = this.#topology.domainOf(node, topologyKey)
    if (id < 0) return
    known.sums[id]! += amount
    known.total += amount
  }
}
