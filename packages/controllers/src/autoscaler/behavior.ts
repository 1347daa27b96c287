/**
 * From a proposal to what is done: limits, rates and what was proposed lately. Behaviour: kubernetes
 * pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas, normalizeDesiredReplicasWithBehaviors).
 */
import type { HorizontalPodAutoscalerBehavior, HPAScalingRules } from '@canopus/api/autoscaling/v2'

interface At {
  count: number
  at: number
}

/** What one autoscaler proposed and did; times in milliseconds. */
export class ScalingHistory {
  recommendations: readonly At[] = []
  /** Replicas added, and taken away. */
  ups: readonly At[] = []
  downs: readonly At[] = []

  /** The replicas found at first count as a proposal: a new controller must not scale down at once. */
  begin(replicas: number, now: number): void {
    if (this.recommendations.length === 0) this.recommendations = [{ count: replicas, at: now }]
  }

  recommend(count: number, now: number, keepMs: number): void {
    this.recommendations = [...this.recommendations.filter(each => each.at >= now - keepMs), { count, at: now }]
  }

  /** Notes that the target was scaled; for rules with periods only. */
  scaled(behavior: HorizontalPodAutoscalerBehavior | undefined, before: number, after: number, now: number): void {
    if (behavior === undefined) return
    const note = (events: readonly At[], rules: HPAScalingRules | undefined, count: number): At[] => {
      const longest = Math.max(0, ...(rules?.policies ?? []).map(each => each.periodSeconds)) * 1000
      return [...events.filter(each => each.at >= now - longest), { count, at: now }]
    }
    if (after > before) this.ups = note(this.ups, behavior.scaleUp, after - before)
    else this.downs = note(this.downs, behavior.scaleDown, before - after)
  }
}

export interface NormalizeInput {
  currentReplicas: number
  /** What the figures ask for. */
  proposed: number
  minReplicas: number
  maxReplicas: number
  behavior: HorizontalPodAutoscalerBehavior | undefined
  /** How long a way down waits for where rules do not say; milliseconds. */
  downscaleWindow: number
  now: number
}

export interface Verdict {
  reason: string
  message: string
}

export interface Normalized {
  replicas: number
  ableToScale: Verdict
  limited: Verdict & { status: 'True' | 'False' }
}

const READY: Verdict = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' }
const UP_STABILIZED: Verdict = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
}
const DOWN_STABILIZED: Verdict = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
}
const WITHIN: Verdict = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
}
const TOO_FAST: Verdict = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
}
const TOO_FAST_DOWN: Verdict = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
}
const TOO_MANY: Verdict = {
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
}
const TOO_FEW: Verdict = {
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
}

/** What is done about a proposal; the history takes it in. */
export function normalize(history: ScalingHistory, input: NormalizeInput): Normalized {
  const stabilized = input.behavior === undefined ? stabilizeDown(history, input) : stabilizeByRules(history, input)
  const wanted = stabilized.replicas
  const { replicas, ...verdict } =
    input.behavior === undefined ? limitPlainly(input, wanted) : limitByRules(history, input, wanted)
  return {
    replicas,
    ableToScale: wanted === input.proposed ? READY : stabilized.verdict,
    limited: { ...verdict, status: replicas === wanted ? 'False' : 'True' },
  }
}

interface Stabilized {
  replicas: number
  verdict: Verdict
}

function stabilizeDown(history: ScalingHistory, { proposed, downscaleWindow, now }: NormalizeInput): Stabilized {
  const recent = history.recommendations.filter(each => each.at >= now - downscaleWindow)
  history.recommend(proposed, now, downscaleWindow)
  return { replicas: Math.max(proposed, ...recent.map(each => each.count)), verdict: DOWN_STABILIZED }
}

function stabilizeByRules(history: ScalingHistory, input: NormalizeInput): Stabilized {
  const { behavior, proposed, currentReplicas, now } = input
  const upWindow = (behavior?.scaleUp?.stabilizationWindowSeconds ?? 0) * 1000
  const downSeconds = behavior?.scaleDown?.stabilizationWindowSeconds
  const downWindow = downSeconds === undefined ? input.downscaleWindow : downSeconds * 1000
  const since = (window: number): number[] =>
    history.recommendations.filter(each => each.at > now - window).map(each => each.count)
  const lowest = Math.min(proposed, ...since(upWindow))
  const highest = Math.max(proposed, ...since(downWindow))
  history.recommend(proposed, now, Math.max(upWindow, downWindow))
  return {
    replicas: Math.min(Math.max(currentReplicas, lowest), highest),
    verdict: proposed >= currentReplicas ? UP_STABILIZED : DOWN_STABILIZED,
  }
}

type Limited = Verdict & { replicas: number }

/** Without rules nothing more than doubles, or comes to four. */
function limitPlainly({ currentReplicas, minReplicas, maxReplicas }: NormalizeInput, wanted: number): Limited {
  const fastest = Math.max(2 * currentReplicas, 4)
  const most = Math.min(maxReplicas, fastest)
  if (wanted < minReplicas) return { replicas: minReplicas, ...TOO_FEW }
  if (wanted > most) return { replicas: most, ...(maxReplicas > fastest ? TOO_FAST : TOO_MANY) }
  return { replicas: wanted, ...WITHIN }
}

function limitByRules(history: ScalingHistory, input: NormalizeInput, wanted: number): Limited {
  const { currentReplicas, minReplicas, maxReplicas, behavior, now } = input
  if (wanted > currentReplicas) {
    const limit = Math.max(currentReplicas, upLimit(currentReplicas, history, behavior?.scaleUp, now))
    const most = Math.min(maxReplicas, limit)
    if (wanted > most) return { replicas: most, ...(maxReplicas > limit ? TOO_FAST : TOO_MANY) }
  } else if (wanted < currentReplicas) {
    const limit = Math.min(currentReplicas, downLimit(currentReplicas, history, behavior?.scaleDown, now))
    const fewest = Math.max(minReplicas, limit)
    if (wanted < fewest) return { replicas: fewest, ...(minReplicas < limit ? TOO_FAST_DOWN : TOO_FEW) }
  }
  return { replicas: wanted, ...WITHIN }
}

/** Most replicas that the rules allow now. */
export function upLimit(
  current: number,
  history: ScalingHistory,
  rules: HPAScalingRules | undefined,
  now: number,
): number {
  if (rules?.selectPolicy === 'Disabled') return current
  const limits = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = periodStart(current, history, periodSeconds, now)
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100))
  })
  return rules?.selectPolicy === 'Min' ? Math.min(MAX_INT, ...limits) : Math.max(-MAX_INT, ...limits)
}

/** Fewest replicas that the rules allow now. */
export function downLimit(
  current: number,
  history: ScalingHistory,
  rules: HPAScalingRules | undefined,
  now: number,
): number {
  if (rules?.selectPolicy === 'Disabled') return current
  const limits = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = periodStart(current, history, periodSeconds, now)
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100))
  })
  return rules?.selectPolicy === 'Min' ? Math.max(-MAX_INT, ...limits) : Math.min(MAX_INT, ...limits)
}

const MAX_INT = 2 ** 31 - 1

/** How many replicas there were when the period began. */
function periodStart(current: number, { ups, downs }: ScalingHistory, periodSeconds: number, now: number): number {
  const since = now - periodSeconds * 1000
  const sum = (events: readonly At[]): number =>
    events.filter(each => each.at > since).reduce((total, each) => total + each.count, 0)
  return current - sum(ups) + sum(downs)
}
