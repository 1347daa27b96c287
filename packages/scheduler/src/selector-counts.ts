import { matches, type Selector } from '@canopus/apimachinery'
import { DomainCounts } from './domain-counts.ts'
import { selectorKey } from './placed-terms.ts'
import type { PodInfo } from './pod-info.ts'
import type { Topology } from './topology.ts'

/** Per namespace; what was asked for longest ago is forgotten first. */
const SELECTORS_KEPT = 200

interface Tracked {
  readonly selector: Selector
  /** Whether pods on their way out count too. */
  readonly leaving: boolean
  /** How many pods the selector selects. */
  readonly counts: DomainCounts
}

interface NamespaceCounts {
  readonly pods: Map<string, { pod: PodInfo; node: string }>
  readonly tracked: Map<string, Tracked>
}

/**
 * How many pods of a namespace a selector selects on each node and in each domain: what spreading and affinity ask for each
 * pod anew. Counted once per selector, and kept current from then on.
 */
export class SelectorCounts {
  readonly #topology: Topology
  readonly #none: DomainCounts
  readonly #namespaces = new Map<string, NamespaceCounts>()

  constructor(topology: Topology) {
    this.#topology = topology
    this.#none = new DomainCounts(topology)
  }

  /** Namespaces that have pods on nodes. */
  namespaces(): Iterable<string> {
    return this.#namespaces.keys()
  }

  /** Those on their way out count only with `leaving`. */
  of(namespace: string, selector: Selector, leaving: boolean): DomainCounts {
    const known = this.#namespaces.get(namespace)
    if (known === undefined) return this.#none
    const { pods, tracked } = known
    const key = `${leaving}${selectorKey(selector)}`
    let found = tracked.get(key)
    if (found === undefined) {
      found = { selector, leaving, counts: new DomainCounts(this.#topology) }
      for (const { pod, node } of pods.values()) count(found, pod, node, 1)
      if (tracked.size >= SELECTORS_KEPT) tracked.delete(tracked.keys().next().value!)
    } else tracked.delete(key)
    tracked.set(key, found)
    return found.counts
  }

  add(pod: PodInfo, node: string): void {
    const { pods, tracked } = this.#namespace(pod.namespace)
    pods.set(pod.key, { pod, node })
    for (const each of tracked.values()) count(each, pod, node, 1)
  }

  /** Takes over another version of a pod on the node, of which at most the labels are others. */
  replace(pod: PodInfo, node: string, before: PodInfo): void {
    const { pods, tracked } = this.#namespace(pod.namespace)
    pods.set(pod.key, { pod, node })
    if (before.labels === pod.labels) return
    for (const each of tracked.values()) {
      count(each, before, node, -1)
      count(each, pod, node, 1)
    }
  }

  remove(pod: PodInfo, node: string): void {
    const known = this.#namespaces.get(pod.namespace)
    if (known?.pods.delete(pod.key) !== true) return
    for (const each of known.tracked.values()) count(each, pod, node, -1)
    if (known.pods.size === 0) this.#namespaces.delete(pod.namespace)
  }

  #namespace(name: string): NamespaceCounts {
    let namespace = this.#namespaces.get(name)
    if (namespace === undefined) {
      namespace = { pods: new Map(), tracked: new Map() }
      this.#namespaces.set(name, namespace)
    }
    return namespace
  }
}

function count(tracked: Tracked, pod: PodInfo, node: string, sign: 1 | -1): void {
  if (!tracked.leaving && pod.pod.metadata.deletionTimestamp !== undefined) return
  if (!matches(tracked.selector, pod.labels)) return
  tracked.counts.add(node, sign)
}
