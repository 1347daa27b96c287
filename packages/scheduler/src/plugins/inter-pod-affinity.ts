import { type ClusterView, MAX_SCORE, type NodeScorer, type SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { type AffinityTerm, type NamespaceLabels, type PodInfo, termMatches } from '../pod-info.ts'

const name = 'InterPodAffinity'
const noAffinity = { plugin: name, reasons: ["node(s) didn't match pod affinity rules"], unresolvable: true }
const ownAnti = { plugin: name, reasons: ["node(s) didn't match pod anti-affinity rules"] }
const othersAnti = { plugin: name, reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] }
/** How much a required affinity of a placed pod draws others (upstream's HardPodAffinityWeight). */
const REQUIRED_WEIGHT = 1

/** Sums by topology key and value, for example by zone. */
class TopologySums {
  readonly #byKey = new Map<string, Map<string, number>>()

  add(node: NodeInfo, topologyKey: string, amount: number): void {
    const value = node.labels[topologyKey]
    if (value === undefined) return
    let values = this.#byKey.get(topologyKey)
    if (values === undefined) {
      values = new Map()
      this.#byKey.set(topologyKey, values)
    }
    values.set(value, (values.get(value) ?? 0) + amount)
  }

  at(node: NodeInfo, topologyKey: string): number {
    const value = node.labels[topologyKey]
    return value === undefined ? 0 : (this.#byKey.get(topologyKey)?.get(value) ?? 0)
  }

  total(node: NodeInfo): number {
    let sum = 0
    for (const key of this.#byKey.keys()) sum += this.at(node, key)
    return sum
  }

  any(node: NodeInfo): boolean {
    for (const key of this.#byKey.keys()) if (this.at(node, key) > 0) return true
    return false
  }

  get empty(): boolean {
    return this.#byKey.size === 0
  }
}

const matchesAll = (terms: readonly AffinityTerm[], pod: PodInfo, labels: NamespaceLabels): boolean =>
  terms.every(term => termMatches(term, pod, labels))

/** What the placed pods mean for the new one: whom it wants near, whom it wants far, who wants it far. */
function countRequired(pod: PodInfo, { cache, namespaceLabels }: ClusterView) {
  const near = new TopologySums()
  const far = new TopologySums()
  const unwanted = new TopologySums()
  const { requiredAffinity, requiredAntiAffinity } = pod
  const looksAtAll = requiredAffinity.length + requiredAntiAffinity.length > 0
  for (const node of cache.nodes) {
    for (const other of node.podsWithRequiredAntiAffinity.values()) {
      for (const term of other.requiredAntiAffinity) {
        if (termMatches(term, pod, namespaceLabels)) unwanted.add(node, term.topologyKey, 1)
      }
    }
    if (!looksAtAll) continue
    for (const other of node.pods.values()) {
      if (requiredAffinity.length > 0 && matchesAll(requiredAffinity, other, namespaceLabels)) {
        for (const term of requiredAffinity) near.add(node, term.topologyKey, 1)
      }
      for (const term of requiredAntiAffinity) {
        if (termMatches(term, other, namespaceLabels)) far.add(node, term.topologyKey, 1)
      }
    }
  }
  return { near, far, unwanted }
}

function preferences(pod: PodInfo, { cache, namespaceLabels }: ClusterView): TopologySums {
  const sums = new TopologySums()
  const wishes = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0
  const add = (terms: readonly AffinityTerm[], about: PodInfo, node: NodeInfo, sign: 1 | -1, weight?: number): void => {
    for (const term of terms) {
      if (termMatches(term, about, namespaceLabels)) sums.add(node, term.topologyKey, sign * (weight ?? term.weight))
    }
  }
  for (const node of cache.nodes) {
    for (const other of (wishes ? node.pods : node.podsWithAffinity).values()) {
      add(pod.preferredAffinity, other, node, 1)
      add(pod.preferredAntiAffinity, other, node, -1)
      add(other.requiredAffinity, pod, node, 1, REQUIRED_WEIGHT)
      add(other.preferredAffinity, pod, node, 1)
      add(other.preferredAntiAffinity, pod, node, -1)
    }
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
export const interPodAffinity: SchedulerPlugin = {
  name,
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
    const own = pod.requiredAffinity.length + pod.requiredAntiAffinity.length
    if (own === 0 && cluster.cache.podsWithRequiredAntiAffinity === 0) return undefined
    const { near, far, unwanted } = countRequired(pod, cluster)
    const isFirst = near.empty && matchesAll(pod.requiredAffinity, pod, cluster.namespaceLabels)
    const isNear = (node: NodeInfo): boolean => {
      if (pod.requiredAffinity.some(term => node.labels[term.topologyKey] === undefined)) return false
      // The first of a group that wants to be together has nobody to be near to.
      return isFirst || pod.requiredAffinity.every(term => near.at(node, term.topologyKey) > 0)
    }
    return {
      check(node) {
        if (pod.requiredAffinity.length > 0 && !isNear(node)) return noAffinity
        if (pod.requiredAntiAffinity.some(term => far.at(node, term.topologyKey) > 0)) return ownAnti
        return unwanted.any(node) ? othersAnti : undefined
      },
    }
  },
  score(pod, cluster): NodeScorer | undefined {
    const wishes = pod.preferredAffinity.length + pod.preferredAntiAffinity.length
    if (wishes === 0 && cluster.cache.podsWithAffinity === 0) return undefined
    const sums = preferences(pod, cluster)
    if (sums.empty) return undefined
    return { score: node => sums.total(node), normalise: spreadBetweenExtremes }
  },
}
