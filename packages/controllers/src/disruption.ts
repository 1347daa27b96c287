/** How many pods may be disrupted now, by each budget (kubernetes pkg/controller/disruption). */

import {
  Deployments,
  PodDisruptionBudgets,
  Pods,
  ReplicaSets,
  ReplicationControllers,
  StatefulSets,
} from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '@canopus/api/policy/v1'
import {
  controllerOf,
  formatTime,
  labelSelector,
  matches,
  parseApiVersion,
  parseTime,
  selectorText,
  semanticEqual,
  setCondition,
} from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  defineController,
  on,
  patchStatus,
  primary,
  type ReconcileResult,
} from '@canopus/operator'
import { scaledValue } from './common/int-or-percent.ts'
import { isReady } from './common/pods.ts'
import { staleIn, takeBackStale } from './stale-disruption.ts'

/** How long an evicted pod may take to show that it is going. */
const DELETION_TIMEOUT_MS = 120_000

export interface BudgetState {
  budget: PodDisruptionBudget
  /** The pods that it covers. */
  pods: readonly Pod[]
  /** How many pods their controllers want together; nothing where the pods themselves are all there is to count. */
  scale: number | undefined
  now: number
}

export interface BudgetPlan {
  status: PodDisruptionBudgetStatus
  /** Milliseconds until an announced disruption counts as given up. */
  waitMs: number | undefined
  /** Pods whose announced disruption has just been given up. */
  spared: readonly Pod[]
}

/** Pods that have ended count too: they are ready no longer, once their kubelet has said so (upstream's countHealthyPods). */
export function planBudget({ budget, pods, scale, now }: BudgetState): BudgetPlan {
  const { minAvailable, maxUnavailable } = budget.spec
  let expectedPods = scale ?? pods.length
  let desiredHealthy = 0
  if (maxUnavailable !== undefined) {
    desiredHealthy = Math.max(0, expectedPods - (scaledValue(maxUnavailable, expectedPods, 'up') ?? 0))
  } else if (typeof minAvailable === 'string') desiredHealthy = scaledValue(minAvailable, expectedPods, 'up') ?? 0
  else if (minAvailable !== undefined) {
    expectedPods = pods.length
    desiredHealthy = minAvailable
  }
  const { disruptedPods, waitMs, spared } = stillDisrupted(budget, pods, now)
  const currentHealthy = pods.filter(
    pod => isReady(pod) && !pod.metadata.deletionTimestamp && disruptedPods[pod.metadata.name] === undefined,
  ).length
  const spare = currentHealthy - desiredHealthy
  const disruptionsAllowed = expectedPods <= 0 || spare <= 0 ? 0 : spare
  const condition = {
    type: 'DisruptionAllowed',
    status: disruptionsAllowed > 0 ? 'True' : 'False',
    reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: budget.metadata.generation ?? 0,
    lastTransitionTime: formatTime(now),
  }
  const status: PodDisruptionBudgetStatus = {
    observedGeneration: budget.metadata.generation ?? 0,
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    conditions: [...setCondition(budget.status?.conditions, condition, formatTime(now))],
    ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
  }
  return { status, waitMs, spared }
}

/** Evictions that were granted and whose pods have not begun to go. */
function stillDisrupted(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
): { disruptedPods: Record<string, string>; waitMs: number | undefined; spared: Pod[] } {
  const spared: Pod[] = []
  const disruptedPods: Record<string, string> = {}
  let waitMs: number | undefined
  for (const pod of pods) {
    const time = status?.disruptedPods?.[pod.metadata.name]
    if (time === undefined || pod.metadata.deletionTimestamp) continue
    const left = (parseTime(time) ?? 0) + DELETION_TIMEOUT_MS - now
    if (left <= 0) {
      spared.push(pod)
      continue
    }
    disruptedPods[pod.metadata.name] = time
    waitMs = Math.min(waitMs ?? Number.POSITIVE_INFINITY, left)
  }
  return { disruptedPods, waitMs, spared }
}

/** Marks keys of pods that may say in vain that they are about to go. */
const STALE = '!'

export function createDisruptionController(context: ControllerContext): Controller {
  const budgets = context.informers.informer(PodDisruptionBudgets)
  const pods = context.informers.informer(Pods)
  const scales = new Scales(context)
  return defineController(context, {
    name: 'disruption-controller',
    triggers: [
      primary(PodDisruptionBudgets),
      on(Pods, ({ object, old, deleted }, enqueue) => {
        const matching: PodDisruptionBudget[] = []
        for (const budget of budgets.lister.list(object.metadata.namespace)) {
          const selector = labelSelector(budget.spec.selector)
          const isCovered = matches(selector, object.metadata.labels)
          if (isCovered) matching.push(budget)
          if (isCovered || (old && matches(selector, old.metadata.labels))) enqueue(keyOf(budget))
        }
        const isNews = !deleted && !semanticEqual(old?.metadata.labels, object.metadata.labels)
        if (matching.length > 1 && isNews) tellMultiple(context, object, matching[0]!)
        if (!deleted && staleIn(object, context.clock.now()) !== undefined) enqueue(`${STALE}${keyOf(object)}`)
      }),
    ],
    async reconcile(key) {
      if (key.startsWith(STALE)) {
        const { name, namespace } = splitKey(key.slice(STALE.length))
        const pod = pods.lister.get(name, namespace)
        return after(pod && (await takeBackStale(context, pod)))
      }
      const { name, namespace } = splitKey(key)
      const budget = budgets.lister.get(name, namespace)
      if (!budget) return undefined
      const selector = labelSelector(budget.spec.selector)
      const covered = pods.lister.list(namespace).filter(pod => matches(selector, pod.metadata.labels))
      if (covered.length === 0) context.events.event(budget, 'Normal', 'NoPods', 'No matching pods found')
      const now = context.clock.now()
      const { replicas, unmanaged, failure } = isFixed(budget) ? UNSCALED : scales.of(covered)
      if (failure !== undefined) {
        const text = `Failed to calculate the number of expected pods: ${failure}`
        context.events.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', text)
      }
      if (unmanaged.length > 0) tellUnmanaged(context, budget)
      const { status, waitMs, spared } =
        failure === undefined
          ? planBudget({ budget, pods: covered, scale: replicas, now })
          : { status: failSafe(budget, failure, now), waitMs: undefined, spared: [] }
      for (const pod of spared) {
        const text = `Pod was expected by PDB ${namespace}/${name} to be deleted but it wasn't`
        context.events.event(pod, 'Warning', 'NotDeleted', text)
      }
      await patchStatus(
        context.client.resource(PodDisruptionBudgets),
        budget,
        latest => {
          // An eviction that was granted meanwhile must not be forgotten: it is counted by the next look.
          if (latest !== budget && !semanticEqual(latest.status?.disruptedPods, budget.status?.disruptedPods)) {
            return undefined
          }
          return semanticEqual(latest.status, status) ? undefined : { ...latest, status }
        },
        { clock: context.clock },
      )
      return after(waitMs)
    },
  })
}

const after = (waitMs: number | undefined): ReconcileResult | undefined =>
  waitMs === undefined ? undefined : { requeueAfter: waitMs }

/** An eviction is refused where several budgets speak for the pod, so whoever made them should know. */
function tellMultiple({ events }: ControllerContext, pod: Pod, budget: PodDisruptionBudget): void {
  const { namespace, name } = pod.metadata
  const text =
    `Pod ${JSON.stringify(namespace)}/${JSON.stringify(name)} matches multiple PodDisruptionBudgets.  ` +
    `Chose ${JSON.stringify(budget.metadata.name)} arbitrarily.`
  events.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', text)
}

/** Where the number of pods is all that matters, nobody's wishes are asked for. */
const isFixed = ({ spec }: PodDisruptionBudget): boolean =>
  spec.maxUnavailable === undefined && typeof spec.minAvailable !== 'string'

/** Nothing may be disrupted while nobody knows how many pods there should be. */
function failSafe(budget: PodDisruptionBudget, message: string, now: number): PodDisruptionBudgetStatus {
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'SyncFailed',
    message,
    observedGeneration: budget.status?.observedGeneration ?? 0,
    lastTransitionTime: formatTime(now),
  }
  return {
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
    ...budget.status,
    disruptionsAllowed: 0,
    conditions: [...setCondition(budget.status?.conditions, condition, formatTime(now))],
  }
}

function tellUnmanaged({ events }: ControllerContext, budget: PodDisruptionBudget): void {
  const text =
    `Pods selected by this PodDisruptionBudget (selector: ${selectorText(budget.spec.selector)}) were found ` +
    'to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined ' +
    'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
  events.event(budget, 'Warning', 'UnmanagedPods', text)
}

interface Scale {
  /** The sum over all controllers; nothing where one is of a kind of somebody else's making. */
  replicas?: number
  /** Pods without a controller. */
  unmanaged: string[]
  /** Why the sum cannot be told. */
  failure?: string
}

const UNSCALED: Scale = { unmanaged: [] }

/** Kinds whose wishes are read here. */
const SCALED: ReadonlySet<string> = new Set(['/ReplicationController', 'apps/ReplicaSet', 'apps/StatefulSet'])

/** Kinds that have pods and no scale. */
const WITHOUT_SCALE: Readonly<Record<string, string>> = {
  'batch/Job': 'jobs.batch',
  'batch/CronJob': 'cronjobs.batch',
  'apps/DaemonSet': 'daemonsets.apps',
  '/Node': 'nodes',
}

/** What the controllers of pods want. */
class Scales {
  readonly #context: ControllerContext

  constructor(context: ControllerContext) {
    this.#context = context
    for (const type of [Deployments, ReplicaSets, ReplicationControllers, StatefulSets]) {
      // All of them, so that they are in step before the first count.
      context.informers.informer<{ metadata: Pod['metadata'] }>(type)
    }
  }

  of(pods: readonly Pod[]): Scale {
    const wanted = new Map<string, number>()
    const unmanaged: string[] = []
    for (const pod of pods) {
      const controller = controllerOf(pod)
      if (!controller) {
        unmanaged.push(pod.metadata.name)
        continue
      }
      const { apiVersion, kind, name } = controller
      const { group } = parseApiVersion(apiVersion)
      const unscaled = WITHOUT_SCALE[`${group}/${kind}`]
      if (unscaled) return { unmanaged, failure: `${unscaled} does not implement the scale subresource` }
      if (!SCALED.has(`${group}/${kind}`)) return { unmanaged }
      const scale = this.#scaleOf(apiVersion, kind, name, pod.metadata.namespace!)
      if (!scale) return { unmanaged, failure: `found no controllers for pod ${JSON.stringify(pod.metadata.name)}` }
      wanted.set(scale.uid, scale.replicas)
    }
    return { unmanaged, replicas: [...wanted.values()].reduce((sum, replicas) => sum + replicas, 0) }
  }

  #scaleOf(
    apiVersion: string,
    kind: string,
    name: string,
    namespace: string,
  ): { uid: string; replicas: number } | undefined {
    const { informers } = this.#context
    const { group } = parseApiVersion(apiVersion)
    const found = (object: { metadata: { uid: string }; spec?: { replicas?: number } } | undefined) =>
      object && { uid: object.metadata.uid, replicas: object.spec?.replicas ?? 1 }
    if (group === '' && kind === 'ReplicationController') {
      return found(informers.informer(ReplicationControllers).lister.get(name, namespace))
    }
    if (group !== 'apps') return undefined
    if (kind === 'StatefulSet') return found(informers.informer(StatefulSets).lister.get(name, namespace))
    if (kind !== 'ReplicaSet') return undefined
    const set = informers.informer(ReplicaSets).lister.get(name, namespace)
    const owner = set && controllerOf(set)
    if (owner?.kind !== 'Deployment') return found(set)
    return found(informers.informer(Deployments).lister.get(owner.name, namespace))
  }
}
