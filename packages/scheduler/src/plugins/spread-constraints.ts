/** What a pod says about spreading, and how pods are counted for it. */
import type { TopologySpreadConstraint } from '@canopus/api/core/v1'
import type { Requirement, Selector } from '@canopus/apimachinery'
import type { Domains as DomainCounts } from '../domain-counts.ts'
import type { ClusterView, NodeKinds } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { selectorKey } from '../placed-terms.ts'
import { type PodInfo, selectorOf } from '../pod-info.ts'
import type { TopologyColumn } from '../topology.ts'
import { requiredNodeMatcher } from './node-affinity.ts'
import { untoleratedTaint } from './taint-toleration.ts'

export interface Constraint {
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

export type When = 'DoNotSchedule' | 'ScheduleAnyway'

const known = new WeakMap<PodInfo, ReadonlyMap<When, readonly Constraint[]>>()

/** What the pod itself asks for; kept as long as the pod is. */
export function constraintsOf(pod: PodInfo, when: When): readonly Constraint[] {
  let constraints = known.get(pod)
  if (constraints === undefined) {
    const all = pod.pod.spec?.topologySpreadConstraints ?? []
    const of = (wanted: When) =>
      all.filter(each => each.whenUnsatisfiable === wanted).map(each => constraintOf(each, pod))
    constraints = new Map((['DoNotSchedule', 'ScheduleAnyway'] as const).map(each => [each, of(each)]))
    known.set(pod, constraints)
  }
  return constraints.get(when)!
}

/** Without a word from the pod: evenly, as far as a service or controller holds pods together. */
export function defaultsFor(
  pod: PodInfo,
  cluster: ClusterView,
  defaults: readonly TopologySpreadConstraint[],
  when: When,
): readonly Constraint[] {
  const wanted = defaults.filter(each => each.whenUnsatisfiable === when)
  if (wanted.length === 0) return []
  const selector = cluster.ownSelector(pod)
  return selector.length === 0 ? [] : wanted.map(each => ({ ...constraintOf(each, pod), selector }))
}

/** Which nodes count for a constraint: those that the pod could be on at all. Nothing: all of them. */
function inclusion(pod: PodInfo, constraint: Constraint): ((node: NodeInfo) => boolean) | undefined {
  const affinity = constraint.honourAffinity ? requiredNodeMatcher(pod) : undefined
  const tolerations = pod.pod.spec?.tolerations ?? []
  if (affinity === undefined && !constraint.honourTaints) return undefined
  return node =>
    (affinity === undefined || affinity(node)) &&
    (!constraint.honourTaints || untoleratedTaint(node.node.spec?.taints ?? [], tolerations) === undefined)
}

/** Pods that the constraint counts, by the number of their domain. */
export type Domains = Pick<DomainCounts, 'ids' | 'pods'>

/** Nodes of which pods and domains count, where it is not all that have the label. */
export type Counts = (node: NodeInfo) => boolean

/** Which nodes count for a constraint of which `labelled` says that they have the labels of all constraints. */
export function countsFor(pod: PodInfo, constraint: Constraint, labelled: Labelled): Counts | undefined {
  const included = inclusion(pod, constraint)
  if (labelled.all) return included
  return node => labelled.has(node.slot) && (included === undefined || included(node))
}

/** Sums up the pods on the nodes that count. */
export function domainsOf(
  pod: PodInfo,
  { cache }: ClusterView,
  constraint: Constraint,
  counts: Counts | undefined,
): Domains {
  const selected = cache.selectorCounts.of(pod.namespace, constraint.selector, false)
  if (counts === undefined) return selected.by(constraint.topologyKey)
  const { ids, names } = cache.topology.column(constraint.topologyKey)
  const pods = new Float64Array(names.length)
  for (const [name, count] of selected.byNode) {
    const node = cache.node(name)
    if (node === undefined || ids[node.slot]! < 0 || !counts(node)) continue
    pods[ids[node.slot]!]! += count
  }
  return { ids, pods }
}

/** A constraint with the pods that it counts. */
export interface Counted {
  readonly constraint: Constraint
  readonly domains: Domains
  readonly column: TopologyColumn
}

/**
 * Nodes are alike that are in the same domains. Where each node is a domain of its own (hosts), what counts is how many pods
 * it has, which nothing but the pods on it changes. For constraints of which all nodes with their labels count.
 */
export function kindsOf(pod: PodInfo, counted: readonly Counted[]): NodeKinds {
  const traits = counted.map(({ column: { ids, distinct }, domains: { pods } }) =>
    distinct
      ? (slot: number): number => (ids[slot]! < 0 ? -1 : pods[ids[slot]!]!)
      : (slot: number): number => ids[slot]!,
  )
  const [first] = traits
  const keys = counted.map(({ constraint: { topologyKey, selector }, column }) =>
    column.distinct ? [topologyKey, pod.namespace, selectorKey(selector)].join() : topologyKey,
  )
  return {
    key: keys.join('/'),
    of: slot => (traits.length === 1 ? first!(slot) : traits.map(trait => trait(slot)).join()),
  }
}

/** Which nodes have all the labels that some constraints name. */
export interface Labelled {
  readonly all: boolean
  has(slot: number): boolean
}

export const whatever: Labelled = { all: true, has: () => true }

export function labelledBy({ cache }: ClusterView, constraints: readonly Constraint[]): Labelled {
  const columns = constraints.map(each => cache.topology.column(each.topologyKey))
  if (columns.every(each => each.complete)) return whatever
  // Of one constraint only nodes with its label are ever counted.
  if (columns.length === 1) {
    const [{ ids }] = columns as [TopologyColumn]
    return { all: true, has: slot => ids[slot]! >= 0 }
  }
  return { all: false, has: slot => columns.every(({ ids }) => ids[slot]! >= 0) }
}
