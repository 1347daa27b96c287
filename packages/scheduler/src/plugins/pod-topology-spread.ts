import type { Node, TopologySpreadConstraint } from '@canopus/api/core/v1'
import { matches, type Requirement, type Selector } from '@canopus/apimachinery'
import type { Domains as DomainCounts } from '../domain-counts.ts'
import { type ClusterChange, type ClusterView, MAX_SCORE, type SchedulerPlugin } from '../framework.ts'
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

type When = 'DoNotSchedule' | 'ScheduleAnyway'

function constraintsOf(pod: PodInfo, when: When): Constraint[] {
  return (pod.pod.spec?.topologySpreadConstraints ?? [])
    .filter(each => each.whenUnsatisfiable === when)
    .map(each => constraintOf(each, pod))
}

export interface TopologySpreadOptions {
  /** For pods that ask for nothing; their selector is found by the pod's services and controller. Default: upstream's own. */
  defaultConstraints?: readonly TopologySpreadConstraint[]
}

const SYSTEM_DEFAULTS: readonly TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: HOSTNAME, whenUnsatisfiable: 'ScheduleAnyway' },
]

/** Without a word from the pod: evenly, as far as a service or controller holds pods together. */
function defaultsFor(
  pod: PodInfo,
  cluster: ClusterView,
  defaults: readonly TopologySpreadConstraint[],
  when: When,
): Constraint[] {
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
type Domains = Pick<DomainCounts, 'ids' | 'pods'>

/** Nodes of which pods and domains count, where it is not all that have the label. */
type Counts = (node: NodeInfo) => boolean

/** Which nodes count for a constraint of which `labelled` says that they have the labels of all constraints. */
function countsFor(pod: PodInfo, constraint: Constraint, labelled: Labelled): Counts | undefined {
  const included = inclusion(pod, constraint)
  if (labelled.all) return included
  return node => labelled.has(node.slot) && (included === undefined || included(node))
}

/** Sums up the pods on the nodes that count. */
function domainsOf(pod: PodInfo, { cache }: ClusterView, constraint: Constraint, counts: Counts | undefined): Domains {
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

/** Which nodes have all the labels that some constraints name. */
interface Labelled {
  readonly all: boolean
  has(slot: number): boolean
}

const whatever: Labelled = { all: true, has: () => true }

function labelledBy({ cache }: ClusterView, constraints: readonly Constraint[]): Labelled {
  const columns = constraints.map(each => cache.topology.column(each.topologyKey))
  // Of one constraint only nodes with its label are ever counted.
  if (constraints.length === 1 || columns.every(each => each.complete)) {
    const [first] = columns
    return { all: true, has: slot => first!.ids[slot]! >= 0 }
  }
  return { all: false, has: slot => columns.every(({ ids }) => ids[slot]! >= 0) }
}

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
  const constraintsFor = (pod: PodInfo, cluster: ClusterView, when: When): Constraint[] =>
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
      const rules = constraints.map(constraint => {
        const counts = countsFor(pod, constraint, labelled)
        const domains = domainsOf(pod, cluster, constraint, counts)
        return { ...domains, limit: limitOf(pod, cluster, constraint, domains, counts) }
      })
      return {
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
    score(pod, cluster, candidates) {
      const constraints = constraintsFor(pod, cluster, 'ScheduleAnyway')
      const asked = strict || asks(pod)
      if (constraints.length === 0) return undefined
      const labelled = asked ? labelledBy(cluster, constraints) : whatever
      const eligible = asked ? candidates.slots.filter(slot => labelled.has(slot)) : candidates.slots
      const rules = constraints.map(constraint => {
        const domains = domainsOf(pod, cluster, constraint, countsFor(pod, constraint, labelled))
        return { ...domains, weight: weightOf(constraint, domains, eligible), rest: constraint.maxSkew - 1 }
      })
      const at = (slot: number): number => {
        if (!labelled.has(slot)) return Number.NaN
        let sum = 0
        for (const { ids, pods, weight, rest } of rules) {
          const id = ids[slot]!
          if (id >= 0) sum += pods[id]! * weight + rest
        }
        return Math.round(sum)
      }
      return {
        score: node => at(node.slot),
        scoreAll(slots, scores) {
          for (let i = 0; i < scores.length; i++) scores[i] = at(slots[i]!)
        },
        normalise: invert,
      }
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

/** The more domains there are, the more a pod in one of them weighs. Every host is a domain. */
function weightOf({ topologyKey }: Constraint, { ids, pods }: Domains, slots: Int32Array): number {
  if (topologyKey === HOSTNAME) return Math.log(slots.length + 2)
  const known = new Uint8Array(pods.length)
  let domains = 0
  for (let i = 0; i < slots.length; i++) {
    const id = ids[slots[i]!]!
    if (id < 0 || known[id] === 1) continue
    known[id] = 1
    domains++
  }
  return Math.log(domains + 2)
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
