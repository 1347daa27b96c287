import { PodDisruptionBudgets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { findCondition, matches } from '@canopus/apimachinery'
import { messageOf, type Random, randomInt } from '@canopus/base'
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
const notHelpful: Rejection = { plugin: name, reasons: ['Preemption is not helpful for scheduling'] }
const noVictims: Rejection = { plugin: name, reasons: ['No preemption victims found for incoming pod'] }

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
    hasBudgets: () => budgets.list().length > 0,
    askExtenders: context.askExtenders,
  })
  const evictions = new Evictions(context)
  return {
    name,
    // Whom it keeps out it lets in again itself.
    events: [],
    connect: () => evictions.connect(),
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
        throw new Error(`preemption: ${messageOf(error)}`, { cause: error })
      },
    )
  }
}

function choose(candidates: readonly PreemptionCandidate[]): PostFilterResult {
  if (candidates.length === 0) return { message: 'no candidate node for preemption' }
  let best = candidates[0]!
  let least = harmOf(best)
  for (const candidate of candidates) {
    const harm = harmOf(candidate)
    if (compare(harm, least) >= 0) continue
    best = candidate
    least = harm
  }
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
  const isResolvable = (node: NodeInfo): boolean => {
    const rejection = failure.early ?? failure.rejections.of(node)
    return rejection !== undefined && rejection.unresolvable !== true
  }
  const potential = countResolvable(failure, nodes.length)
  const remembered = memory.for(pod, cluster)
  const reasons = new Map<Rejection, number>(potential < nodes.length ? [[notHelpful, nodes.length - potential]] : [])
  const candidates = new Candidates(potential, options)
  const start = nodes.length === 0 ? 0 : randomInt(options.random, nodes.length)
  for (let i = 0; i < nodes.length && !candidates.areEnough; i++) {
    const node = nodes[(start + i) % nodes.length]!
    if (!isResolvable(node)) continue
    const found = remembered(node, () => victimsOn(node, pod, cluster, options))
    if ('reasons' in found) reasons.set(found, (reasons.get(found) ?? 0) + 1)
    else candidates.add(found)
  }
  const all = candidates.all()
  if (all.length > 0) return all
  const rejections = { of: () => undefined, counts: reasons }
  return { message: failureMessage({ rejections }, nodes.length), clearNomination: true }
}

/** On how many nodes eviction may help. */
function countResolvable({ early, rejections }: Failure, nodes: number): number {
  if (early !== undefined) return early.unresolvable === true ? 0 : nodes
  let count = 0
  for (const [{ unresolvable }, each] of rejections.counts) if (unresolvable !== true) count += each
  return count
}

/** Candidates as they are found: enough of them, of which one at least goes against no budget (DryRunPreemption upstream). */
class Candidates {
  readonly #harmless: PreemptionCandidate[] = []
  readonly #violating: PreemptionCandidate[] = []
  readonly #wanted: number

  /** `potential`: the number of nodes among which they are looked for. */
  constructor(potential: number, options: PreemptionArguments) {
    const { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = options
    const share = Math.floor((potential * minCandidateNodesPercentage) / 100)
    this.#wanted = Math.min(Math.max(share, minCandidateNodesAbsolute), potential)
  }

  get areEnough(): boolean {
    return this.#harmless.length > 0 && this.#harmless.length + this.#violating.length >= this.#wanted
  }

  add(candidate: PreemptionCandidate): void {
    const list = candidate.violations === 0 ? this.#harmless : this.#violating
    if (list.length < this.#wanted) list.push(candidate)
  }

  all(): PreemptionCandidate[] {
    return [...this.#harmless, ...this.#violating]
  }
}

/** Whether less important pods are leaving the node that the pod was promised already, as they were told to for a pod's sake. */
function waitsForVictims(pod: PodInfo, { cache }: ClusterView, failure: Failure): boolean {
  const nominated = cache.nominatedNode(pod.key) ?? pod.pod.status?.nominatedNodeName
  const node = nominated ? cache.node(nominated) : undefined
  if (node === undefined) return false
  // There is nothing to wait for where the pod could not run on the node even then.
  if ((failure.early ?? failure.rejections.of(node))?.unresolvable === true) return false
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
  if (lower.length === 0) return noVictims
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

/** What candidates are compared by, in this order: the less, the less harm (pickOneNodeForPreemption upstream). */
interface Harm {
  readonly violations: number
  readonly highest: number
  readonly sum: number
  readonly victims: number
  /** When the first of the most important ones started: the later, the less harm. */
  readonly earliest: string
}

/** Candidates are remembered for many pods, and each is compared with hundreds. */
const harms = new WeakMap<PreemptionCandidate, Harm>()

function harmOf(candidate: PreemptionCandidate): Harm {
  let harm = harms.get(candidate)
  if (harm === undefined) {
    const { victims, violations } = candidate
    const highest = victims[0]?.priority ?? Number.NEGATIVE_INFINITY
    const starts = victims.filter(pod => pod.priority === highest).map(startOf)
    harm = {
      violations,
      highest,
      // Priorities are shifted so that more victims always weigh more.
      sum: victims.reduce((total, pod) => total + pod.priority + 2 ** 31, 0),
      victims: victims.length,
      earliest: starts.sort()[0] ?? '',
    }
    harms.set(candidate, harm)
  }
  return harm
}

/** Negative where `a` does less harm. */
function compare(a: Harm, b: Harm): number {
  return (
    a.violations - b.violations ||
    (a.highest === b.highest ? 0 : a.highest - b.highest) ||
    a.sum - b.sum ||
    a.victims - b.victims ||
    (a.earliest > b.earliest ? -1 : a.earliest < b.earliest ? 1 : 0)
  )
}
