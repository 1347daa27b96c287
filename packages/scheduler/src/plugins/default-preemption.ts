import { PodDisruptionBudgets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { findCondition, matches } from '@canopus/apimachinery'
import { type Random, randomInt } from '@canopus/base'
import { failureMessage } from '../diagnosis.ts'
import type {
  ClusterView,
  Failure,
  PluginContext,
  PostFilterResult,
  PreemptionCandidate,
  Rejection,
  SchedulerPlugin,
} from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import { type PodInfo, selectorOf } from '../pod-info.ts'
import { Evictions } from './evictions.ts'
import { VictimMemory, type VictimMemoryOptions } from './victim-memory.ts'

const name = 'DefaultPreemption'
const NOT_HELPFUL = 'Preemption is not helpful for scheduling'
const NO_VICTIMS = 'No preemption victims found for incoming pod'

export interface PreemptionOptions extends VictimMemoryOptions {
  random: Random
  /** Whether the pod would run on the node, as the cache is at that moment. */
  check(pod: PodInfo, node: NodeInfo): Rejection | undefined
  askExtenders?: PluginContext['askExtenders']
  /** How many nodes are looked at: so many percent of all, but no fewer than so many. Defaults 10 and 100, as upstream. */
  minCandidateNodesPercentage?: number
  minCandidateNodesAbsolute?: number
}

export type PreemptionArguments = Pick<PreemptionOptions, 'minCandidateNodesPercentage' | 'minCandidateNodesAbsolute'>

/**
 * Makes room for a pod by evicting less important ones: the fewest, the least important, from one node. The victims are
 * evicted in the background; until that is done, the pod is not tried again (pkg/scheduler/framework/preemption).
 */
export function defaultPreemption(context: PluginContext, args: PreemptionArguments = {}): SchedulerPlugin {
  const budgets = context.informers.informer(PodDisruptionBudgets).lister
  const decide = preemptionPlan({
    ...args,
    random: context.random,
    check: context.check,
    localKey: context.localKey,
    budgets: each => budgets.list(each),
    askExtenders: context.askExtenders,
  })
  const evictions = new Evictions(context)
  return {
    name,
    events: ['AssignedPodDelete', 'PodUpdate'],
    preEnqueue: pod => (evictions.isUnderWay(pod) ? beingPreempted : undefined),
    postFilter(pod, cluster, failure) {
      context.metrics?.preemptionAttempts.add()
      const carryOut = (result: PostFilterResult): PostFilterResult => {
        if (result.nomination !== undefined) evictions.start(pod, result.nomination)
        return result
      }
      const result = decide(pod, cluster, failure)
      return result instanceof Promise ? result.then(carryOut) : carryOut(result)
    },
  }
}

const beingPreempted: Rejection = {
  plugin: name,
  reasons: ['waiting for the preemption for this pod to be finished'],
  unresolvable: true,
}

/** Whom to evict for a pod. Decides only; at once, unless extenders want to be asked. */
export function preemptionPlan(
  options: PreemptionOptions,
): (pod: PodInfo, cluster: ClusterView, failure: Failure) => PostFilterResult | Promise<PostFilterResult> {
  const told = (result: PostFilterResult): PostFilterResult =>
    result.message === '' ? result : { ...result, message: `preemption: ${result.message}` }
  const memory = new VictimMemory<PreemptionCandidate | Rejection>(options)
  return (pod, cluster, failure) => {
    const found = findCandidates(pod, cluster, failure, options, memory)
    if ('message' in found) return told(found)
    const asked = options.askExtenders?.(pod, found)
    if (asked === undefined) return choose(found)
    return asked.then(
      left => told(choose(left)),
      error => {
        throw new Error(`preemption: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      },
    )
  }
}

function choose(candidates: readonly PreemptionCandidate[]): PostFilterResult {
  if (candidates.length === 0) return { message: 'no candidate node for preemption' }
  const best = candidates.reduce((a, b) => (compare(b, a) < 0 ? b : a))
  return { message: '', nomination: { node: best.node.name, victims: best.victims } }
}

function findCandidates(
  pod: PodInfo,
  cluster: ClusterView,
  failure: Failure,
  options: PreemptionOptions,
  memory: VictimMemory<PreemptionCandidate | Rejection>,
): PreemptionCandidate[] | PostFilterResult {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return { message: 'not eligible due to preemptionPolicy=Never.' }
  if (waitsForVictims(pod, cluster, failure)) {
    return { message: 'not eligible due to a terminating pod on the nominated node.' }
  }
  const { nodes } = cluster.cache
  const remembered = memory.for(pod, cluster)
  const reasons = new Map<string, Rejection>()
  const candidates: PreemptionCandidate[] = []
  const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = options
  const wanted = Math.max(Math.floor((nodes.length * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute)
  const start = nodes.length === 0 ? 0 : randomInt(options.random, nodes.length)
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[(start + i) % nodes.length]!
    const rejection = failure.early ?? failure.rejections.get(node.name)
    if (rejection === undefined || rejection.unresolvable === true) {
      reasons.set(node.name, { plugin: name, reasons: [NOT_HELPFUL] })
      continue
    }
    if (candidates.length >= wanted) break
    const found = remembered(node, () => victimsOn(node, pod, cluster, options))
    if ('reasons' in found) reasons.set(node.name, found)
    else candidates.push(found)
  }
  if (candidates.length > 0) return candidates
  return { message: failureMessage({ rejections: reasons }, nodes.length), clearNomination: true }
}

/** Whether less important pods are leaving the node that the pod was promised already, as they were told to for a pod's sake. */
function waitsForVictims(pod: PodInfo, { cache }: ClusterView, failure: Failure): boolean {
  const nominated = cache.nominatedNode(pod.key) ?? pod.pod.status?.nominatedNodeName
  const node = nominated ? cache.node(nominated) : undefined
  if (node === undefined) return false
  // There is nothing to wait for where the pod could not run on the node even then.
  if ((failure.early ?? failure.rejections.get(node.name))?.unresolvable === true) return false
  for (const other of node.pods.values()) if (other.priority < pod.priority && isPreempted(other.pod)) return true
  return false
}

function isPreempted({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false
  const target = findCondition(status?.conditions, 'DisruptionTarget')
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler'
}

function victimsOn(
  node: NodeInfo,
  pod: PodInfo,
  cluster: ClusterView,
  options: PreemptionOptions,
): PreemptionCandidate | Rejection {
  const lower = [...node.pods.values()].filter(other => other.priority < pod.priority)
  if (lower.length === 0) return { plugin: name, reasons: [NO_VICTIMS] }
  const fitsWithout = (gone: readonly PodInfo[]): Rejection | undefined => {
    const waiting = cluster.cache.nominatedOn(node.name, pod)
    return cluster.cache.imagine(node, gone, waiting, () => options.check(pod, node))
  }
  const rejection = fitsWithout(lower)
  if (rejection !== undefined) return rejection
  // Budgets are used up by the most important ones first.
  const guarded = guardedByBudgets([...lower].sort(byImportance), options)
  // Spare as many as possible: first those that a budget speaks for, the most important first.
  const order = [...lower].sort((a, b) => Number(guarded.has(b.key)) - Number(guarded.has(a.key)) || byImportance(a, b))
  let gone = lower
  for (const candidate of order) {
    const without = gone.filter(each => each !== candidate)
    if (fitsWithout(without) === undefined) gone = without
  }
  const victims = [...gone].sort(byImportance)
  return { node, victims, violations: victims.filter(each => guarded.has(each.key)).length }
}

const startOf = (pod: PodInfo): string => pod.pod.status?.startTime ?? '9999'

/** More important first; among equals those that have run longer. */
function byImportance(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  return startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0
}

/** The pods whose eviction would go against a disruption budget. */
function guardedByBudgets(pods: readonly PodInfo[], options: PreemptionOptions): ReadonlySet<string> {
  const guarded = new Set<string>()
  const left = new Map<PodDisruptionBudget, number>()
  for (const pod of pods) {
    for (const budget of options.budgets?.(pod.namespace) ?? []) {
      const selector = selectorOf(budget.spec?.selector)
      if (selector.length === 0 || !matches(selector, pod.labels)) continue
      if (budget.status?.disruptedPods?.[pod.pod.metadata.name] !== undefined) continue
      const allowed = (left.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1
      left.set(budget, allowed)
      if (allowed < 0) guarded.add(pod.key)
    }
  }
  return guarded
}

/** Negative where `a` does less harm; the order of upstream's pickOneNodeForPreemption. */
function compare(a: PreemptionCandidate, b: PreemptionCandidate): number {
  if (a.violations !== b.violations) return a.violations - b.violations
  const highest = (each: PreemptionCandidate): number => each.victims[0]?.priority ?? Number.NEGATIVE_INFINITY
  if (highest(a) !== highest(b)) return highest(a) - highest(b)
  // Priorities are shifted so that more victims always weigh more.
  const sum = (each: PreemptionCandidate): number =>
    each.victims.reduce((total, pod) => total + pod.priority + 2 ** 31, 0)
  if (sum(a) !== sum(b)) return sum(a) - sum(b)
  if (a.victims.length !== b.victims.length) return a.victims.length - b.victims.length
  const earliest = (each: PreemptionCandidate): string => {
    const top = each.victims.filter(pod => pod.priority === highest(each)).map(startOf)
    return top.sort()[0] ?? ''
  }
  return earliest(a) > earliest(b) ? -1 : earliest(a) < earliest(b) ? 1 : 0
}
