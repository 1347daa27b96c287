import { formatSelector, type Selector } from '@canopus/apimachinery'
import { DomainCounts } from './domain-counts.ts'
import { type AffinityTerm, type NamespaceLabels, type PodInfo, termMatches } from './pod-info.ts'
import type { Topology } from './topology.ts'

/** Placed pods that have the same term. */
export interface TermGroup {
  readonly term: AffinityTerm
  readonly counts: DomainCounts
}

/**
 * The affinity terms of placed pods, those that say the same together: pods are mostly copies of a few templates, so that
 * what placed pods think of a new one is found out per template instead of per pod.
 */
export class PlacedTerms {
  readonly #topology: Topology
  readonly #groups = new Map<string, TermGroup>()

  constructor(topology: Topology) {
    this.#topology = topology
  }

  get empty(): boolean {
    return this.#groups.size === 0
  }

  /** `amount`: 1 for a pod that came, -1 for one that goes. */
  add(terms: readonly AffinityTerm[], node: string, amount: number): void {
    for (const term of terms) {
      const key = termKey(term)
      let group = this.#groups.get(key)
      if (group === undefined) {
        group = { term, counts: new DomainCounts(this.#topology) }
        this.#groups.set(key, group)
      }
      group.counts.add(node, amount)
      if (group.counts.empty) this.#groups.delete(key)
    }
  }

  /** Terms that speak of the pod, with where the pods are that have them. */
  *about(pod: PodInfo, namespaceLabels: NamespaceLabels): Generator<TermGroup> {
    for (const group of this.#groups.values()) if (termMatches(group.term, pod, namespaceLabels)) yield group
  }
}

const keys = new WeakMap<AffinityTerm, string>()

/** The same for terms that say the same. */
function termKey(term: AffinityTerm): string {
  let key = keys.get(term)
  if (key === undefined) {
    const { topologyKey, namespaces, namespaceSelector, selector, weight } = term
    const parts = [
      topologyKey,
      [...namespaces].sort().join(),
      selectorKey(namespaceSelector),
      selectorKey(selector),
      weight,
    ]
    key = parts.join('|')
    keys.set(term, key)
  }
  return key
}

/** A text that is the same for equal selectors; that nothing is selected is not the same as that everything is. */
export function selectorKey(selector: Selector): string {
  if (selector === 'nothing') return '!'
  let key = selectorKeys.get(selector)
  if (key === undefined) {
    key = formatSelector(selector)
    selectorKeys.set(selector, key)
  }
  return key
}

const selectorKeys = new WeakMap<Exclude<Selector, 'nothing'>, string>()
