import type { Node, TopologySpreadConstraint } from '@canopus/api/core/v1'
import { matches } from '@canopus/apimachinery'
import type { ClusterChange, ClusterView, SchedulerPlugin } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import {
  type Constraint,
  type Counts,
  constraintsOf,
  countsFor,
  type Domains,
  defaultsFor,
  domainsOf,
  kindsOf,
  labelledBy,
  type When,
  whatever,
} from './spread-constraints.ts'
import { HOSTNAME, spreadScorer } from './spread-scores.ts'

const name = 'PodTopologySpread'
const skewed = { plugin: name, reasons: ["node(s) didn't match pod topology spread constraints"] }
const unlabelled = {
  plugin: name,
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  unresolvable: true,
}

export interface TopologySpreadOptions {
  /** For pods that ask for nothing; their selector is found by the pod's services and controller. Default: upstream's own. */
  defaultConstraints?: readonly TopologySpreadConstraint[]
}

const SYSTEM_DEFAULTS: readonly TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: HOSTNAME, whenUnsatisfiable: 'ScheduleAnyway' },
]

/** How many pods a domain may have at most, so that one more does not skew the spread. */
function limitOf(
  pod: PodInfo,
  { cache }: ClusterView,
  constraint: Constraint,
  { ids, pods }: Domains,
  counts: Counts | undefined,
): number {
  const { nodes } = cache.topology.column(constraint.topologyKey)
  const known = counts === undefined ? nodes : new Uint8Array(nodes.length)
  if (counts !== undefined) {
    for (const node of cache.nodes) {
      const id = ids[node.slot]!
      if (id >= 0 && known[id] === 0 && counts(node)) (known as Uint8Array)[id] = 1
    }
  }
  let fewest = Number.POSITIVE_INFINITY
  let domains = 0
  for (let id = 0; id < nodes.length; id++) {
    if (known[id] === 0) continue
    domains++
    if (pods[id]! < fewest) fewest = pods[id]!
  }
  if (domains < constraint.minDomains) fewest = 0
  return fewest + constraint.maxSkew - (matches(constraint.selector, pod.labels) ? 1 : 0)
}

/** Spreads pods evenly over zones, hosts or whatever label the pod names. */
export function createPodTopologySpread(options: TopologySpreadOptions = {}): SchedulerPlugin {
  const defaults = options.defaultConstraints ?? SYSTEM_DEFAULTS
  // The system's own defaults take nodes as they are; who asks for spreading means nodes that have the labels.
  const strict = options.defaultConstraints !== undefined
  const asks = (pod: PodInfo): boolean => (pod.pod.spec?.topologySpreadConstraints ?? []).length > 0
  const constraintsFor = (pod: PodInfo, cluster: ClusterView, when: When): readonly Constraint[] =>
    asks(pod) ? constraintsOf(pod, when) : defaultsFor(pod, cluster, defaults, when)
  return {
    name,
    hint: spreadHint,
    events: [
      'NodeAdd',
      'NodeDelete',
      'NodeLabel',
      'NodeTaint',
      'AssignedPodAdd',
      'AssignedPodUpdate',
      'AssignedPodDelete',
      'PodUpdate',
    ],
    filter(pod, cluster) {
      const constraints = constraintsFor(pod, cluster, 'DoNotSchedule')
      if (constraints.length === 0) return undefined
      const labelled = labelledBy(cluster, constraints)
      const counts = constraints.map(constraint => countsFor(pod, constraint, labelled))
      const counted = constraints.map((constraint, index) => ({
        constraint,
        column: cluster.cache.topology.column(constraint.topologyKey),
        domains: domainsOf(pod, cluster, constraint, counts[index]),
      }))
      const rules = counted.map(({ constraint, domains }, index) => ({
        ...domains,
        limit: limitOf(pod, cluster, constraint, domains, counts[index]),
      }))
      const does = (slot: number): boolean =>
        rules.every(({ ids, pods, limit }) => ids[slot]! >= 0 && pods[ids[slot]!]! <= limit)
      const isSimple = counts.every(each => each === undefined)
      return {
        ...(isSimple ? { alike: { ...kindsOf(pod, counted), does } } : {}),
        check({ slot }) {
          for (const { ids, pods, limit } of rules) {
            const id = ids[slot]!
            if (id < 0) return unlabelled
            if (pods[id]! > limit) return skewed
          }
          return undefined
        },
        keep(slots, all) {
          let count = all
          for (const { ids, pods, limit } of rules) {
            let kept = 0
            for (let i = 0; i < count; i++) {
              const id = ids[slots[i]!]!
              if (id >= 0 && pods[id]! <= limit) slots[kept++] = slots[i]!
            }
            count = kept
          }
          return count
        },
      }
    },
    score(pod, cluster, { slots }) {
      const constraints = constraintsFor(pod, cluster, 'ScheduleAnyway')
      if (constraints.length === 0) return undefined
      const labelled = strict || asks(pod) ? labelledBy(cluster, constraints) : whatever
      return spreadScorer(pod, cluster, constraints, labelled, slots)
    },
  }
}

export const podTopologySpread = createPodTopologySpread()

/** Whether the pod or node that changed is one that the constraints count. */
function spreadHint(pod: PodInfo, { pod: other, oldPod, node, oldNode }: ClusterChange): boolean {
  const constraints = constraintsOf(pod, 'DoNotSchedule')
  // Those by default have a selector that changes with services: any event may help.
  if (constraints.length === 0) return true
  if (node !== undefined) {
    const domains = (each: Node | undefined): string =>
      JSON.stringify(constraints.map(c => each?.metadata.labels?.[c.topologyKey]))
    const complete = constraints.every(each => node.metadata.labels?.[each.topologyKey] !== undefined)
    return oldNode === undefined ? complete : complete || domains(node) !== domains(oldNode)
  }
  const counted = (each: PodInfo | undefined): boolean =>
    each !== undefined &&
    each.namespace === pod.namespace &&
    constraints.some(constraint => matches(constraint.selector, each.labels))
  return other === undefined || counted(other) || counted(oldPod)
}
