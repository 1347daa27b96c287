/**
 * How many replicas a figure asks for. Pure. Behaviour: kubernetes pkg/controller/podautoscaler/replica_calculator.go and
 * metrics/utilization.go. Figures are thousandths (`milliValue`), times milliseconds.
 */
import type { Pod } from '@canopus/api/core/v1'
import { findCondition, milliValue, parseTime } from '@canopus/apimachinery'
import { isReady } from '../common/pods.ts'

export interface PodMetric {
  value: number
  timestamp: number
  /** Over how long the figure was taken. */
  window: number
}

export type PodMetrics = ReadonlyMap<string, PodMetric>

/** By which share of the target a figure may differ before anything is done. */
export interface Tolerances {
  scaleUp: number
  scaleDown: number
}

export interface Timing {
  now: number
  /** How long after its start a pod's CPU counts only while the pod is ready. */
  cpuInitializationPeriod: number
  /** Within which the first change to ready counts as never having been ready before. */
  initialReadinessDelay: number
}

export interface PodFigures {
  /** The pods that the target selects. */
  pods: readonly Pod[]
  metrics: PodMetrics
  /** `cpu`, `memory`; empty where the figure is not of a resource. */
  resource: string
  /** The container that alone is meant; empty for whole pods. */
  container: string
  currentReplicas: number
  tolerances: Tolerances
  timing: Timing
}

export interface Proposal {
  replicas: number
  /** The figure as it is, per pod or altogether, as the target was given. */
  usage: number
  /** Per cent of the request, where the target is one. */
  utilization?: number
}

const within = ({ scaleUp, scaleDown }: Tolerances, ratio: number): boolean =>
  1 - scaleDown <= ratio && ratio <= 1 + scaleUp

interface Groups {
  ready: number
  unready: string[]
  missing: string[]
  ignored: string[]
}

/** Which pods count, and how. */
export function groupPods({ pods, metrics, resource, timing }: PodFigures): Groups {
  const groups: Groups = { ready: 0, unready: [], missing: [], ignored: [] }
  for (const pod of pods) {
    const { name } = pod.metadata
    const phase = pod.status?.phase
    const metric = metrics.get(name)
    if (pod.metadata.deletionTimestamp !== undefined || phase === 'Failed') groups.ignored.push(name)
    else if (phase === 'Pending') groups.unready.push(name)
    else if (metric === undefined) groups.missing.push(name)
    else if (resource === 'cpu' && isInitializing(pod, metric, timing)) groups.unready.push(name)
    else groups.ready += 1
  }
  return groups
}

/** CPU of pods that are starting says nothing about their load. */
function isInitializing(pod: Pod, metric: PodMetric, timing: Timing): boolean {
  const condition = findCondition(pod.status?.conditions, 'Ready')
  const started = parseTime(pod.status?.startTime ?? '')
  if (condition === undefined || started === undefined) return true
  const changed = parseTime(condition.lastTransitionTime ?? '') ?? 0
  const isFalse = condition.status === 'False'
  if (started + timing.cpuInitializationPeriod > timing.now) {
    return isFalse || metric.timestamp < changed + metric.window
  }
  return isFalse && started + timing.initialReadinessDelay > changed
}

/** What each pod asks for, in thousandths. Throws where a container asks for nothing: no share can be told then. */
export function podRequests(pods: readonly Pod[], resource: string, container: string): Map<string, number> {
  const requests = new Map<string, number>()
  for (const pod of pods) {
    const { name } = pod.metadata
    const whole = container === '' ? pod.spec?.resources?.requests?.[resource] : undefined
    if (whole !== undefined) {
      requests.set(name, milliValue(whole))
      continue
    }
    const sidecars = (pod.spec?.initContainers ?? []).filter(each => each.restartPolicy === 'Always')
    let sum = 0
    for (const each of [...(pod.spec?.containers ?? []), ...sidecars]) {
      if (container !== '' && container !== each.name) continue
      const request = each.resources?.requests?.[resource]
      if (request === undefined) {
        throw new Error(`missing request for ${resource} in container ${each.name} of Pod ${name}`)
      }
      sum += milliValue(request)
    }
    requests.set(name, sum)
  }
  return requests
}

interface Ratio {
  ratio: number
  usage: number
  utilization: number
}

function utilizationRatio(metrics: PodMetrics, requests: ReadonlyMap<string, number>, target: number): Ratio {
  let used = 0
  let requested = 0
  let count = 0
  for (const [name, { value }] of metrics) {
    const request = requests.get(name)
    if (request === undefined) continue
    used += value
    requested += request
    count += 1
  }
  if (requested === 0) throw new Error('no metrics returned matched known pods')
  const utilization = Math.trunc((used * 100) / requested)
  return { ratio: utilization / target, utilization, usage: Math.trunc(used / count) }
}

function plainRatio(metrics: PodMetrics, target: number): Ratio {
  let used = 0
  for (const { value } of metrics.values()) used += value
  const usage = Math.trunc(used / metrics.size)
  return { ratio: usage / target, usage, utilization: 0 }
}

/** From the share of their requests that pods use; `target` in per cent. Throws where that cannot be told. */
export function proposeByUtilization(figures: PodFigures, target: number): Proposal {
  const groups = checked(figures)
  const metrics = counted(figures.metrics, groups)
  const requests = podRequests(figures.pods, figures.resource, figures.container)
  const first = utilizationRatio(metrics, requests, target)
  // On the way down a pod without a figure counts as using all that it asked for, or the target where that is more.
  const share = Math.max(100, target)
  const replicas = decide(figures, groups, metrics, first.ratio, {
    whenDown: name => Math.trunc(((requests.get(name) ?? 0) * share) / 100),
    exactly: 'nothing',
    ratioOf: next => utilizationRatio(next, requests, target).ratio,
  })
  return { replicas, usage: first.usage, utilization: first.utilization }
}

/** From what pods use on average; `target` in thousandths. Throws where there are no figures. */
export function proposeByAverage(figures: PodFigures, target: number): Proposal {
  const groups = checked(figures)
  const metrics = counted(figures.metrics, groups)
  const first = plainRatio(metrics, target)
  const replicas = decide(figures, groups, metrics, first.ratio, {
    whenDown: () => target,
    exactly: 'zero',
    ratioOf: next => plainRatio(next, target).ratio,
  })
  return { replicas, usage: first.usage }
}

function checked(figures: PodFigures): Groups {
  if (figures.pods.length === 0) throw new Error('no pods returned by selector while calculating replica count')
  return groupPods(figures)
}

/** The figures of pods that serve. */
function counted(metrics: PodMetrics, { ignored, unready }: Groups): Map<string, PodMetric> {
  const left = new Map(metrics)
  for (const name of [...ignored, ...unready]) left.delete(name)
  if (left.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)')
  return left
}

interface Assumptions {
  /** What a pod without a figure is taken to use where fewer pods seem enough. */
  whenDown(name: string): number
  /** What it is taken to use where the figure is just the target. */
  exactly: 'nothing' | 'zero'
  ratioOf(metrics: PodMetrics): number
}

/** Pods that say nothing are taken to be such that less happens, and may never turn a way up into a way down. */
function decide(
  { currentReplicas, tolerances }: PodFigures,
  groups: Groups,
  metrics: Map<string, PodMetric>,
  ratio: number,
  assume: Assumptions,
): number {
  const rebalance = groups.unready.length > 0 && ratio > 1
  if (!rebalance && groups.missing.length === 0) {
    return within(tolerances, ratio) ? currentReplicas : Math.ceil(ratio * groups.ready)
  }
  const assumed = (value: number): PodMetric => ({ value, timestamp: 0, window: 0 })
  for (const name of groups.missing) {
    if (ratio < 1) metrics.set(name, assumed(assume.whenDown(name)))
    else if (ratio > 1 || assume.exactly === 'zero') metrics.set(name, assumed(0))
  }
  if (rebalance) for (const name of groups.unready) metrics.set(name, assumed(0))
  const next = assume.ratioOf(metrics)
  if (within(tolerances, next) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return currentReplicas
  const replicas = Math.ceil(next * metrics.size)
  const turns = (next < 1 && replicas > currentReplicas) || (next > 1 && replicas < currentReplicas)
  return turns ? currentReplicas : replicas
}

export interface TotalFigures {
  /** The pods that the target selects. */
  pods: readonly Pod[]
  /** The figure of the whole. */
  total: number
  tolerances: Tolerances
}

/** From a figure of the whole that should be `target`. Throws where there are no pods to compare with. */
export function proposeByTotal({ pods, total, tolerances }: TotalFigures, target: number, current: number): Proposal {
  const ratio = total / target
  if (current === 0) return { replicas: Math.ceil(ratio), usage: total }
  if (within(tolerances, ratio)) return { replicas: current, usage: total }
  if (pods.length === 0) {
    const why = 'no pods returned by selector while calculating replica count'
    throw new Error(`unable to calculate ready pods: ${why}`)
  }
  const ready = pods.filter(pod => pod.status?.phase === 'Running' && isReady(pod)).length
  return { replicas: Math.ceil(ratio * ready), usage: total }
}

/** From a figure of the whole of which each replica should have `target`; `current` are the replicas that there are. */
export function proposeByShare({ total, tolerances }: TotalFigures, target: number, current: number): Proposal {
  const ratio = total / (target * current)
  const replicas = within(tolerances, ratio) ? current : Math.ceil(total / target)
  return { replicas, usage: current === 0 ? total : Math.ceil(total / current) }
}
