import { matches, type Selector } from '@canopus/apimachinery'
import type { Domains } from '../domain-counts.ts'
import {
  type ClusterChange,
  type ClusterView,
  MAX_SCORE,
  type NodeFilter,
  type NodeScorer,
  type SchedulerPlugin,
} from '../framework.ts'
import type { PlacedTerms } from '../placed-terms.ts'
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
  readonly #columns = new Map<string, { ids: Int32Array; sums: Float64Array }>()

  add(topologyKey: string, { ids, pods }: Domains, weight: number): void {
    let column = this.#columns.get(topologyKey)
    if (column === undefined) {
      column = { ids, sums: new Float64Array(pods.length) }
      this.#columns.set(topologyKey, column)
    }
    const { sums } = column
    for (let id = 0; id < sums.length; id++) sums[id]! += weight * pods[id]!
  }

  /** The sums over all keys of the nodes in some slots. */
  fill(slots: Int32Array, totals: Float64Array): void {
    totals.fill(0)
    for (const { ids, sums } of this.#columns.values()) {
      for (let i = 0; i < totals.length; i++) {
        const id = ids[slots[i]!]!
        if (id >= 0) totals[i]! += sums[id]!
      }
    }
  }

  total(slot: number): number {
    const totals = new Float64Array(1)
    this.fill(Int32Array.of(slot), totals)
    return totals[0]!
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

/** The placed pods that the pod's own term means, by namespace. */
function ownDomains(term: AffinityTerm, cluster: ClusterView): Domains[] {
  const { selectorCounts } = cluster.cache
  return Array.from(namespacesOf(term, cluster), namespace =>
    selectorCounts.of(namespace, term.selector, true).by(term.topologyKey),
  )
}

const matchesAll = (terms: readonly AffinityTerm[], pod: PodInfo, labels: NamespaceLabels): boolean =>
  terms.every(term => termMatches(term, pod, labels))

/** For each required term the placed pods that all of them together mean: only such a pod is company. */
function companyOf(pod: PodInfo, cluster: ClusterView): Domains[][] {
  const terms = pod.requiredAffinity
  if (terms.length < 2) return terms.map(each => ownDomains(each, cluster))
  const selector: Selector = terms.flatMap(each => (each.selector === 'nothing' ? [] : each.selector))
  const selectsNothing = terms.some(each => each.selector === 'nothing')
  const everywhere = terms.map(each => new Set(namespacesOf(each, cluster)))
  const namespaces = selectsNothing ? [] : [...everywhere.reduce((a, b) => a.intersection(b))]
  const counts = namespaces.map(namespace => cluster.cache.selectorCounts.of(namespace, selector, true))
  return terms.map(({ topologyKey }) => counts.map(each => each.by(topologyKey)))
}

/** Whether the node in the slot is in a domain with any of the pods. */
function isAmong(domains: readonly Domains[], slot: number): boolean {
  for (const { ids, pods } of domains) {
    const id = ids[slot]!
    if (id >= 0 && pods[id]! > 0) return true
  }
  return false
}

function preferences(pod: PodInfo, cluster: ClusterView, requiredWeight: number, others: boolean): TopologySums {
  const { placedTerms } = cluster.cache
  const sums = new TopologySums()
  const addOwn = (term: AffinityTerm, weight: number): void => {
    for (const each of ownDomains(term, cluster)) sums.add(term.topologyKey, each, weight)
  }
  for (const term of pod.preferredAffinity) addOwn(term, term.weight)
  for (const term of pod.preferredAntiAffinity) addOwn(term, -term.weight)
  if (!others) return sums
  const addTheirs = (terms: PlacedTerms, weightOf: (term: AffinityTerm) => number): void => {
    for (const { term, counts } of terms.about(pod, cluster.namespaceLabels)) {
      const weight = weightOf(term)
      if (weight !== 0) sums.add(term.topologyKey, counts.by(term.topologyKey), weight)
    }
  }
  addTheirs(placedTerms.requiredAffinity, () => requiredWeight)
  addTheirs(placedTerms.preferredAffinity, term => term.weight)
  addTheirs(placedTerms.preferredAntiAffinity, term => -term.weight)
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
  if (!(range > 0)) {
    scores.fill(0)
    return
  }
  for (let i = 0; i < scores.length; i++) {
    scores[i] = Math.floor((MAX_SCORE * (scores[i]! - lowest)) / range)
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
    filter: affinityFilter,
    score(pod, cluster): NodeScorer | undefined {
      const wishes = pod.preferredAffinity.length + pod.preferredAntiAffinity.length
      const others = wishes > 0 || options.ignorePreferredTermsOfExistingPods !== true
      if (wishes === 0 && (!others || noneWishes(cluster))) return undefined
      const sums = preferences(pod, cluster, options.hardPodAffinityWeight ?? 1, others)
      if (sums.empty) return undefined
      return {
        score: node => sums.total(node.slot),
        scoreAll: (slots, scores) => sums.fill(slots, scores),
        normalise: spreadBetweenExtremes,
      }
    },
  }
}

const noneWishes = ({ cache: { placedTerms } }: ClusterView): boolean =>
  placedTerms.requiredAffinity.empty && placedTerms.preferredAffinity.empty && placedTerms.preferredAntiAffinity.empty

function affinityFilter(pod: PodInfo, cluster: ClusterView): NodeFilter | undefined {
  const { cache, namespaceLabels } = cluster
  const { requiredAffinity, requiredAntiAffinity } = pod
  const near = companyOf(pod, cluster)
  const far = requiredAntiAffinity.flatMap(term => ownDomains(term, cluster)).filter(each => each.total > 0)
  const unwanted: Domains[] = []
  for (const { term, counts } of cache.placedTerms.requiredAntiAffinity.about(pod, namespaceLabels)) {
    unwanted.push(counts.by(term.topologyKey))
  }
  if (requiredAffinity.length + far.length + unwanted.length === 0) return undefined
  const labelled = requiredAffinity.map(term => cache.topology.column(term.topologyKey).ids)
  // The first of a group that wants to be together has nobody to be near to.
  const isFirst =
    near.every(domains => domains.every(each => each.total === 0)) && matchesAll(requiredAffinity, pod, namespaceLabels)
  const isNear = (slot: number): boolean => {
    for (const ids of labelled) if (ids[slot]! < 0) return false
    if (isFirst) return true
    for (const domains of near) if (!isAmong(domains, slot)) return false
    return true
  }
  return {
    check({ slot }) {
      if (!isNear(slot)) return noAffinity
      if (isAmong(far, slot)) return ownAnti
      return isAmong(unwanted, slot) ? othersAnti : undefined
    },
    keep(slots, count) {
      let kept = 0
      for (let i = 0; i < count; i++) {
        const slot = slots[i]!
        if (isNear(slot) && !isAmong(far, slot) && !isAmong(unwanted, slot)) slots[kept++] = slot
      }
      return kept
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
