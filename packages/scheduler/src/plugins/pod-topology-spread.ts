import type { TopologySpreadConstraint } from '@canopus/api/core/v1'
import { matches, type Requirement, type Selector } from '@canopus/apimachinery'
import { type ClusterView, MAX_SCORE, type SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { type PodInfo, selectorOf } from '../pod-info.ts'
import { requiredNodeMatcher } from './node-affinity.ts'
import { untoleratedTaint } from './taint-toleration.ts'

const name = 'PodTopologySpread'
const skewed = { plugin: name, reasons: ["node(s) didn't match pod topology spread constraints"] }
const unlabelled = {
  plugin: name,
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  unresolvable: true,
}
const HOSTNAME = 'kubernetes.io/hostname'

interface Constraint {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly selector: Selector
  readonly minDomains: number
  readonly honourAffinity: boolean
  readonly honourTaints: boolean
}

function constraintOf(constraint: TopologySpreadConstraint, pod: PodInfo): Constraint {
  const own = (constraint.matchLabelKeys ?? [])
    .filter(key => pod.labels[key] !== undefined)
    .map((key): Requirement => ({ key, operator: 'in', values: [pod.labels[key]!] }))
  const selector = selectorOf(constraint.labelSelector)
  return {
    maxSkew: constraint.maxSkew,
    topologyKey: constraint.topologyKey,
    selector: selector === 'nothing' ? selector : [...selector, ...own],
    minDomains: constraint.minDomains ?? 1,
    honourAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honourTaints: constraint.nodeTaintsPolicy === 'Honor',
  }
}

function constraintsOf(pod: PodInfo, when: 'DoNotSchedule' | 'ScheduleAnyway'): Constraint[] {
  return (pod.pod.spec?.topologySpreadConstraints ?? [])
    .filter(each => each.whenUnsatisfiable === when)
    .map(each => constraintOf(each, pod))
}

/** Without a word from the pod: evenly over zones and hosts, as far as a service or controller holds pods together. */
function defaultConstraints(pod: PodInfo, cluster: ClusterView): Constraint[] {
  const selector = cluster.ownSelector(pod)
  if (selector.length === 0) return []
  const rest = { selector, minDomains: 1, honourAffinity: true, honourTaints: false }
  return [
    { ...rest, maxSkew: 3, topologyKey: 'topology.kubernetes.io/zone' },
    { ...rest, maxSkew: 5, topologyKey: HOSTNAME },
  ]
}

/** How many pods on the node the constraint counts. Pods on their way out do not. */
function countOn(node: NodeInfo, pod: PodInfo, selector: Selector): number {
  let count = 0
  for (const other of node.pods.values()) {
    if (other.namespace !== pod.namespace || other.pod.metadata.deletionTimestamp !== undefined) continue
    if (matches(selector, other.labels)) count++
  }
  return count
}

type Counts = Map<string, number>

/** Which nodes count for a constraint: those that the pod could be on at all. */
function inclusion(pod: PodInfo): (constraint: Constraint, node: NodeInfo) => boolean {
  const affinity = requiredNodeMatcher(pod)
  const tolerations = pod.pod.spec?.tolerations ?? []
  return (constraint, node) => {
    if (constraint.honourAffinity && affinity !== undefined && !affinity(node)) return false
    return !constraint.honourTaints || untoleratedTaint(node.node.spec?.taints ?? [], tolerations) === undefined
  }
}

const hasAllKeys = (node: NodeInfo, constraints: readonly Constraint[]): boolean =>
  constraints.every(each => node.labels[each.topologyKey] !== undefined)

function countsByDomain(pod: PodInfo, cluster: ClusterView, constraints: readonly Constraint[]): Counts[] {
  const counts = constraints.map((): Counts => new Map())
  const included = inclusion(pod)
  for (const node of cluster.cache.nodes) {
    if (!hasAllKeys(node, constraints)) continue
    for (const [index, constraint] of constraints.entries()) {
      if (!included(constraint, node)) continue
      const domain = node.labels[constraint.topologyKey]!
      const before = counts[index]!.get(domain) ?? 0
      counts[index]!.set(domain, before + countOn(node, pod, constraint.selector))
    }
  }
  return counts
}

/** Spreads pods evenly over zones, hosts or whatever label the pod names. */
export const podTopologySpread: SchedulerPlugin = {
  name,
  events: [
    'NodeAdd',
    'NodeLabel',
    'NodeTaint',
    'AssignedPodAdd',
    'AssignedPodUpdate',
    'AssignedPodDelete',
    'PodUpdate',
  ],
  filter(pod, cluster) {
    const constraints = constraintsOf(pod, 'DoNotSchedule')
    if (constraints.length === 0) return undefined
    const counts = countsByDomain(pod, cluster, constraints)
    const limits = constraints.map((constraint, index) => {
      const domains = counts[index]!
      const fewest = domains.size < constraint.minDomains ? 0 : Math.min(...domains.values())
      const self = matches(constraint.selector, pod.labels) ? 1 : 0
      return fewest + constraint.maxSkew - self
    })
    return {
      check(node) {
        for (const [index, { topologyKey }] of constraints.entries()) {
          const domain = node.labels[topologyKey]
          if (domain === undefined) return unlabelled
          if ((counts[index]!.get(domain) ?? 0) > limits[index]!) return skewed
        }
        return undefined
      },
    }
  },
  score(pod, cluster, nodes) {
    const own = constraintsOf(pod, 'ScheduleAnyway')
    const constraints =
      (pod.pod.spec?.topologySpreadConstraints ?? []).length > 0 ? own : defaultConstraints(pod, cluster)
    if (constraints.length === 0) return undefined
    // Defaults take nodes as they are; who asks for spreading means nodes that have the labels.
    const ignored = new Set(own.length > 0 ? nodes.filter(node => !hasAllKeys(node, constraints)) : [])
    const counters = constraints.map(constraint => domainCounter(constraint, pod, cluster, nodes, ignored))
    return {
      score(node) {
        if (ignored.has(node)) return Number.NaN
        let sum = 0
        for (const [index, counter] of counters.entries()) sum += counter(node) + (constraints[index]!.maxSkew - 1)
        return Math.round(sum)
      },
      normalise: invert,
    }
  },
}

/** For one constraint: how many pods are in the node's domain, weighed by how many domains there are. */
function domainCounter(
  constraint: Constraint,
  pod: PodInfo,
  cluster: ClusterView,
  nodes: readonly NodeInfo[],
  ignored: ReadonlySet<NodeInfo>,
): (node: NodeInfo) => number {
  const { topologyKey, selector } = constraint
  const counts: Counts = new Map()
  for (const node of nodes) {
    const domain = node.labels[topologyKey]
    if (domain !== undefined && !ignored.has(node)) counts.set(domain, 0)
  }
  const weight = Math.log((topologyKey === HOSTNAME ? nodes.length - ignored.size : counts.size) + 2)
  if (topologyKey === HOSTNAME) {
    return node => (node.labels[HOSTNAME] === undefined ? 0 : countOn(node, pod, selector) * weight)
  }
  const included = inclusion(pod)
  for (const node of cluster.cache.nodes) {
    const domain = node.labels[topologyKey]
    if (domain === undefined || !counts.has(domain) || !included(constraint, node)) continue
    counts.set(domain, counts.get(domain)! + countOn(node, pod, selector))
  }
  return node => (counts.get(node.labels[topologyKey] ?? '') ?? 0) * weight
}

/** The fewer pods the better; nodes that do not count (not a number) get nothing. */
function invert(scores: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY
  let highest = 0
  for (const score of scores) {
    if (Number.isNaN(score)) continue
    if (score < lowest) lowest = score
    if (score > highest) highest = score
  }
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (Number.isNaN(score)) scores[i] = 0
    else scores[i] = highest === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (highest + lowest - score)) / highest)
  }
}
