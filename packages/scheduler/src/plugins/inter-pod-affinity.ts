import { matches, type Selector } from '@canopus/apimachinery'
import type { ClusterCache } from '../cache.ts'
import { type ClusterChange, type ClusterView, MAX_SCORE, type NodeScorer, type SchedulerPlugin } from '../framework.ts'
import { type AffinityTerm, type NamespaceLabels, type PodInfo, termMatches } from '../pod-info.ts'

const name = 'InterPodAffinity'
const noAffinity = { plugin: name, reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true }
const ownAnti = { plugin: name, reasons: ["node(s) didn't match pod anti-affinity rules"] }
const othersAnti = { plugin: name, reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] }
export interface InterPodAffinityOptions {
  /** How much a required affinity of a placed pod draws others. Default 1. */
  hardPodAffinityWeight?: number
  /** Wishes of placed pods count only where the new pod has any itself. */
  ignorePreferredTermsOfExistingPods?: boolean
}

/** Sums by domain (zone, host, ...), for several topology keys. */
class TopologySums {
  readonly #cache: ClusterCache
  readonly #columns = new Map<string, { ids: Int32Array; sums: Float64Array }>()

  constructor(cache: ClusterCache) {
    this.#cache = cache
  }

  /** Adds to the domain of the node, where both are known. */
  add(nodeName: string, topologyKey: string, amount: number): void {
    const node = this.#cache.node(nodeName)
    if (node === undefined) return
    let column = this.#columns.get(topologyKey)
    if (column === undefined) {
      const { ids, names } = this.#cache.topology.column(topologyKey)
      column = { ids, sums: new Float64Array(names.length) }
      this.#columns.set(topologyKey, column)
    }
    const id = column.ids[node.slot]!
    if (id >= 0) column.sums[id]! += amount
  }

  at(slot: number, topologyKey: string): number {
    const column = this.#columns.get(topologyKey)
    const id = column?.ids[slot] ?? -1
    return id < 0 ? 0 : column!.sums[id]!
  }

  /** The sum over all keys. */
  total(slot: number): number {
    let total = 0
    for (const { ids, sums } of this.#columns.values()) {
      const id = ids[slot]!
      if (id >= 0) total += sums[id]!
    }
    return total
  }

  any(slot: number): boolean {
    for (const { ids, sums } of this.#columns.values()) {
      const id = ids[slot]!
      if (id >= 0 && sums[id]! > 0) return true
    }
    return false
  }

  get empty(): boolean {
    for (const { sums } of this.#columns.values()) if (sums.some(each => each !== 0)) return false
    return true
  }
}

/** The namespaces that a term speaks of, among those that have pods on nodes. */
function namespacesOf(term: AffinityTerm, { cache, namespaceLabels }: ClusterView): Iterable<string> {
  if (term.namespaceSelector === 'nothing') return term.namespaces
  const selected = new Set(term.namespaces)
  for (const namespace of cache.selectorCounts.namespaces()) {
    if (matches(term.namespaceSelector, namespaceLabels(namespace))) selected.add(namespace)
  }
  return selected
}

/** Adds up the placed pods that the pod's own term means, by their domains. */
function addOwn(sums: TopologySums, term: AffinityTerm, cluster: ClusterView, weight: number): void {
  for (const namespace of namespacesOf(term, cluster)) {
    const counts = cluster.cache.selectorCounts.of(namespace, term.selector, true)
    for (const [node, count] of counts) sums.add(node, term.topologyKey, weight * count)
  }
}

const matchesAll = (terms: readonly AffinityTerm[], pod: PodInfo, labels: NamespaceLabels): boolean =>
  terms.every(term => termMatches(term, pod, labels))

/** Adds up the placed pods that all required terms together mean: only such a pod is company. */
function addCompany(sums: TopologySums, pod: PodInfo, cluster: ClusterView): void {
  const terms = pod.requiredAffinity
  const [first] = terms
  if (first === undefined) return
  if (terms.length === 1) {
    addOwn(sums, first, cluster, 1)
    return
  }
  const selector: Selector = terms.flatMap(each => (each.selector === 'nothing' ? [] : each.selector))
  const selectsNothing = terms.some(each => each.selector === 'nothing')
  const everywhere = terms.map(each => new Set(namespacesOf(each, cluster)))
  const namespaces = selectsNothing ? [] : everywhere.reduce((a, b) => a.intersection(b))
  for (const namespace of namespaces) {
    const counts = cluster.cache.selectorCounts.of(namespace, selector, true)
    for (const [node, count] of counts) for (const term of terms) sums.add(node, term.topologyKey, count)
  }
}

function preferences(pod: PodInfo, cluster: ClusterView, requiredWeight: number, others: boolean): TopologySums {
  const { cache, namespaceLabels } = cluster
  const sums = new TopologySums(cache)
  for (const term of pod.preferredAffinity) addOwn(sums, term, cluster, term.weight)
  for (const term of pod.preferredAntiAffinity) addOwn(sums, term, cluster, -term.weight)
  if (!others) return sums
  for (const [other, node] of cache.podsWithAffinity) {
    const add = (terms: readonly AffinityTerm[], weightOf: (term: AffinityTerm) => number): void => {
      for (const term of terms) {
        if (termMatches(term, pod, namespaceLabels)) sums.add(node, term.topologyKey, weightOf(term))
      }
    }
    add(other.requiredAffinity, () => requiredWeight)
    add(other.preferredAffinity, term => term.weight)
    add(other.preferredAntiAffinity, term => -term.weight)
  }
  return sums
}

function spreadBetweenExtremes(scores: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (const score of scores) {
    if (score < lowest) lowest = score
    if (score > highest) highest = score
  }
  const range = highest - lowest
  for (let i = 0; i < scores.length; i++) {
    scores[i] = range > 0 ? Math.floor((MAX_SCORE * (scores[i]! - lowest)) / range) : 0
  }
}

/** Pods that want to be near or far from other pods, and those that want others near or far. */
export function createInterPodAffinity(options: InterPodAffinityOptions = {}): SchedulerPlugin {
  return {
    name,
    hint: affinityHint,
    events: [
      'NodeAdd',
      'NodeLabel',
      'AssignedPodAdd',
      'AssignedPodUpdate',
      'AssignedPodDelete',
      'NamespaceUpdate',
      'PodUpdate',
    ],
    filter(pod, cluster) {
      const { cache, namespaceLabels } = cluster
      const { requiredAffinity, requiredAntiAffinity } = pod
      if (requiredAffinity.length + requiredAntiAffinity.length + cache.podsWithRequiredAntiAffinity.size === 0) {
        return undefined
      }
      const near = new TopologySums(cache)
      const far = new TopologySums(cache)
      const unwanted = new TopologySums(cache)
      addCompany(near, pod, cluster)
      for (const term of requiredAntiAffinity) addOwn(far, term, cluster, 1)
      for (const [other, node] of cache.podsWithRequiredAntiAffinity) {
        for (const term of other.requiredAntiAffinity) {
          if (termMatches(term, pod, namespaceLabels)) unwanted.add(node, term.topologyKey, 1)
        }
      }
      const labelled = requiredAffinity.map(term => cache.topology.column(term.topologyKey).ids)
      // The first of a group that wants to be together has nobody to be near to.
      const isFirst = near.empty && matchesAll(requiredAffinity, pod, namespaceLabels)
      const isNear = (slot: number): boolean =>
        labelled.every(ids => ids[slot]! >= 0) &&
        (isFirst || requiredAffinity.every(term => near.at(slot, term.topologyKey) > 0))
      return {
        check({ slot }) {
          if (!isNear(slot)) return noAffinity
          if (requiredAntiAffinity.some(term => far.at(slot, term.topologyKey) > 0)) return ownAnti
          return unwanted.any(slot) ? othersAnti : undefined
        },
      }
    },
    score(pod, cluster): NodeScorer | undefined {
      const wishes = pod.preferredAffinity.length + pod.preferredAntiAffinity.length
      const others = wishes > 0 || options.ignorePreferredTermsOfExistingPods !== true
      if (wishes === 0 && (!others || cluster.cache.podsWithAffinity.size === 0)) return undefined
      const sums = preferences(pod, cluster, options.hardPodAffinityWeight ?? 1, others)
      if (sums.empty) return undefined
      return {
        score: node => sums.total(node.slot),
        scoreAll(slots, scores) {
          for (let i = 0; i < scores.length; i++) scores[i] = sums.total(slots[i]!)
        },
        normalise: spreadBetweenExtremes,
      }
    },
  }
}

export const interPodAffinity = createInterPodAffinity()

/** Whether the pod that came or went, or the node, is one that the terms speak of (isSchedulableAfterPodChange upstream). */
function affinityHint(pod: PodInfo, { event, pod: other, oldPod, node, oldNode }: ClusterChange): boolean {
  const terms = [...pod.requiredAffinity, ...pod.requiredAntiAffinity]
  if (node !== undefined) {
    if (terms.length === 0 || oldNode === undefined) return true
    return terms.some(each => node.metadata.labels?.[each.topologyKey] !== oldNode.metadata.labels?.[each.topologyKey])
  }
  if (other === undefined) return true
  const speakOf = (each: PodInfo): boolean => terms.some(term => mayMatch(term, each))
  const spokenOf = (each: PodInfo): boolean => each.requiredAntiAffinity.some(term => mayMatch(term, pod))
  switch (event) {
    case 'AssignedPodAdd':
      return pod.requiredAffinity.some(term => mayMatch(term, other))
    case 'AssignedPodDelete':
      return speakOf(other) || spokenOf(other)
    case 'AssignedPodUpdate':
      return speakOf(other) || (oldPod !== undefined && (speakOf(oldPod) || spokenOf(oldPod)))
    default:
      return true
  }
}

/** Whether the labels match, where the namespace may: what a selector of namespaces says is not looked up for a hint. */
const mayMatch = (term: AffinityTerm, pod: PodInfo): boolean =>
  matches(term.selector, pod.labels) && (term.namespaces.has(pod.namespace) || term.namespaceSelector !== 'nothing')
