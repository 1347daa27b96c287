/**
 * Scales what has a scale by what its pods use. Behaviour: kubernetes pkg/controller/podautoscaler/horizontal.go.
 * Each autoscaler is looked at every fifteen seconds, not on events: figures do not come faster.
 */
import { HorizontalPodAutoscalers, Pods } from '@canopus/api'
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '@canopus/api/autoscaling/v2'
import type { Pod } from '@canopus/api/core/v1'
import {
  formatTime,
  matches,
  parseLabelSelector,
  parseQuantity,
  type Selector,
  semanticEqual,
  setCondition,
} from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'
import { podsBySelector } from '../common/selected-pods.ts'
import { type AutoscalerMetrics, autoscalerMetrics, FAILED, type Outcome, outcomeOf } from './autoscaler-metrics.ts'
import { normalize, ScalingHistory } from './behavior.ts'
import { createMetricsSource, type MetricsSource } from './metrics-source.ts'
import { MetricFailure, type MetricProposal, type ProposalSources, proposeFor, type Situation } from './proposals.ts'
import type { Tolerances } from './replicas.ts'
import { KindMap, readScale, type Scale, type ScaleTarget } from './scale-target.ts'

/** Milliseconds, as the flags `--horizontal-pod-autoscaler-*` have them; upstream's defaults where missing. */
export interface AutoscalerOptions {
  syncPeriod?: number
  downscaleStabilization?: number
  cpuInitializationPeriod?: number
  initialReadinessDelay?: number
  /** A share: 0.1 is ten per cent. */
  tolerance?: number
  /** Where figures come from; the metrics APIs where missing. */
  metrics?: MetricsSource
}

const DEFAULTS = {
  syncPeriod: 15_000,
  downscaleStabilization: 300_000,
  cpuInitializationPeriod: 300_000,
  initialReadinessDelay: 30_000,
  tolerance: 0.1,
}

export function createHorizontalPodAutoscaler(context: ControllerContext, options: AutoscalerOptions = {}): Controller {
  const settings = { ...DEFAULTS, ...options }
  const autoscalers = context.informers.informer(HorizontalPodAutoscalers)
  const figures = context.metrics && autoscalerMetrics(context.metrics)
  if (figures !== undefined) figures.count = () => autoscalers.lister.list().length
  const autoscaling = new Autoscaling(context, settings, figures)
  return defineController(context, {
    name: 'horizontal-pod-autoscaler-controller',
    triggers: [
      on(HorizontalPodAutoscalers, ({ object, deleted }, enqueue) =>
        enqueue(keyOf(object), deleted ? 0 : settings.syncPeriod),
      ),
      on(Pods, () => {}),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const found = autoscalers.lister.get(name, namespace)
      if (found === undefined) {
        autoscaling.forget(key)
        return undefined
      }
      const begun = context.clock.monotonic()
      let outcome = FAILED
      try {
        outcome = await autoscaling.reconcile(found, key)
      } catch (error) {
        // The next look comes by itself; sooner nothing would be known that is not known now.
        context.logger.debug('an autoscaler could not do its work', { key, error })
      }
      figures?.looked(outcome, (context.clock.monotonic() - begun) / 1000)
      return { requeueAfter: settings.syncPeriod }
    },
  })
}

interface Settings extends Required<Omit<AutoscalerOptions, 'metrics'>> {
  metrics?: MetricsSource
}

/** The status in the making: conditions are set one after the other while an autoscaler is looked at. */
class Draft {
  readonly hpa: HorizontalPodAutoscaler
  readonly now: number
  conditions: readonly HorizontalPodAutoscalerCondition[]

  constructor(hpa: HorizontalPodAutoscaler, now: number) {
    this.hpa = hpa
    this.now = now
    this.conditions = hpa.status?.conditions ?? []
  }

  set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    this.conditions = setCondition(this.conditions, { type, status, reason, message }, formatTime(this.now))
  }

  status(current: number, desired: number, metrics: MetricStatus[], rescaled: boolean): HorizontalPodAutoscalerStatus {
    const lastScaleTime = rescaled ? formatTime(this.now) : this.hpa.status?.lastScaleTime
    return {
      currentReplicas: current,
      desiredReplicas: desired,
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      currentMetrics: metrics,
      conditions: [...this.conditions],
    }
  }
}

interface Computed {
  /** Nothing where the figures do not tell. */
  replicas: number | undefined
  metric: string
  statuses: MetricStatus[]
  failure: string | undefined
}

class Autoscaling {
  readonly #context: ControllerContext
  readonly #settings: Settings
  readonly #figures: AutoscalerMetrics | undefined
  readonly #sources: ProposalSources
  readonly #kinds: KindMap
  readonly #selectedPods: ReturnType<typeof podsBySelector>
  readonly #histories = new Map<string, ScalingHistory>()
  /** Whom each autoscaler governs, by its key: no pod may have two. */
  readonly #selectors = new Map<string, Selector>()

  constructor(context: ControllerContext, settings: Settings, figures: AutoscalerMetrics | undefined) {
    this.#context = context
    this.#settings = settings
    this.#figures = figures
    this.#kinds = new KindMap(context.client, context.clock)
    this.#selectedPods = podsBySelector(context)
    this.#sources = {
      metrics: settings.metrics ?? createMetricsSource(context.client),
      describe: async (_namespace, { kind, name, apiVersion }) => {
        const [type] = await this.#kinds.resources({ kind, name, ...(apiVersion ? { apiVersion } : {}) })
        const { plural, group } = type!
        return { kind, name, resource: group === '' ? plural : `${plural}.${group}` }
      },
    }
  }

  forget(key: string): void {
    this.#histories.delete(key)
    this.#selectors.delete(key)
  }

  async reconcile(hpa: HorizontalPodAutoscaler, key: string): Promise<Outcome> {
    const { events, clock, client } = this.#context
    const draft = new Draft(hpa, clock.now())
    const { namespace = '' } = hpa.metadata
    let target: ScaleTarget
    try {
      target = await readScale(client, this.#kinds, namespace, hpa.spec.scaleTargetRef)
    } catch (error) {
      const text = messageOf(error)
      events.event(hpa, 'Warning', 'FailedGetScale', text)
      const why = `the HPA controller was unable to get the target's current scale: ${text}`
      draft.set('AbleToScale', 'False', 'FailedGetScale', why)
      await this.#write(hpa, { ...(hpa.status ?? { desiredReplicas: 0 }), conditions: [...draft.conditions] })
      return FAILED
    }
    draft.set(
      'AbleToScale',
      'True',
      'SucceededGetScale',
      "the HPA controller was able to get the target's current scale",
    )
    const history = this.#historyOf(key)
    const current = target.scale.spec?.replicas ?? 0
    history.begin(current, draft.now)
    return this.#act(draft, target, history, await this.#decide(draft, key, target.scale, history))
  }

  #historyOf(key: string): ScalingHistory {
    const history = this.#histories.get(key) ?? new ScalingHistory()
    this.#histories.set(key, history)
    return history
  }

  /** How many replicas there should be. */
  async #decide(draft: Draft, key: string, scale: Scale, history: ScalingHistory): Promise<Decision> {
    const { spec } = draft.hpa
    const { minReplicas = 1, maxReplicas, behavior } = spec
    const current = scale.spec?.replicas ?? 0
    if (current === 0 && minReplicas !== 0) {
      const why = 'scaling is disabled since the replica count of the target is zero'
      draft.set('ScalingActive', 'False', 'ScalingDisabled', why)
      return { replicas: current, reason: '', metrics: [] }
    }
    if (current > maxReplicas) {
      return { replicas: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas', metrics: [] }
    }
    if (current < minReplicas) {
      return { replicas: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas', metrics: [] }
    }
    const computed = await this.#compute(draft, key, scale)
    const { replicas: proposed, statuses: metrics } = computed
    if (proposed === undefined) {
      return { replicas: undefined, reason: '', metrics, failure: computed.failure ?? '' }
    }
    let reason = ''
    if (proposed > current) reason = `${computed.metric} above target`
    if (proposed < current) reason = 'All metrics below target'
    const { now } = draft
    const { downscaleStabilization: downscaleWindow } = this.#settings
    const bounds = { currentReplicas: current, minReplicas, maxReplicas }
    const normal = normalize(history, { ...bounds, proposed, behavior, downscaleWindow, now })
    draft.set('AbleToScale', 'True', normal.ableToScale.reason, normal.ableToScale.message)
    draft.set('ScalingLimited', normal.limited.status, normal.limited.reason, normal.limited.message)
    return { replicas: normal.replicas, reason, metrics }
  }

  async #act(draft: Draft, target: ScaleTarget, history: ScalingHistory, decision: Decision): Promise<Outcome> {
    const { events } = this.#context
    const { hpa, now } = draft
    const { replicas, reason, metrics } = decision
    const current = target.scale.spec?.replicas ?? 0
    const desired = hpa.status?.desiredReplicas ?? 0
    if (replicas === undefined) {
      await this.#write(hpa, draft.status(current, desired, metrics, false))
      events.event(hpa, 'Warning', 'FailedComputeMetricsReplicas', decision.failure ?? '')
      return FAILED
    }
    const rescale = replicas !== current
    if (rescale) {
      try {
        await target.rescale(replicas)
      } catch (error) {
        const text = messageOf(error)
        events.event(hpa, 'Warning', 'FailedRescale', `New size: ${replicas}; reason: ${reason}; error: ${text}`)
        const why = `the HPA controller was unable to update the target scale: ${text}`
        draft.set('AbleToScale', 'False', 'FailedUpdateScale', why)
        await this.#write(hpa, draft.status(current, desired, metrics, false))
        return FAILED
      }
      const done = `the HPA controller was able to update the target scale to ${replicas}`
      draft.set('AbleToScale', 'True', 'SucceededRescale', done)
      events.event(hpa, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`)
      history.scaled(hpa.spec.behavior, current, replicas, now)
    }
    await this.#write(hpa, draft.status(current, replicas, metrics, rescale))
    this.#figures?.wants(hpa.metadata.namespace ?? '', hpa.metadata.name, replicas)
    return outcomeOf(current, replicas)
  }

  async #compute(draft: Draft, key: string, scale: Scale): Promise<Computed> {
    const found = this.#podsOf(draft, key, scale.status?.selector ?? '')
    if ('failure' in found) return { replicas: undefined, metric: '', statuses: [], failure: found.failure }
    const { hpa, now } = draft
    const { cpuInitializationPeriod, initialReadinessDelay } = this.#settings
    const situation: Situation = {
      namespace: hpa.metadata.namespace ?? '',
      selector: scale.status?.selector ?? '',
      pods: found.pods,
      specReplicas: scale.spec?.replicas ?? 0,
      statusReplicas: scale.status?.replicas ?? 0,
      tolerances: this.#tolerances(hpa),
      timing: { now, cpuInitializationPeriod, initialReadinessDelay },
    }
    const results: (MetricProposal | MetricFailure)[] = []
    for (const spec of hpa.spec.metrics ?? []) results.push(await this.#propose(hpa, spec, situation))
    return this.#choose(draft, results, situation.specReplicas)
  }

  async #propose(
    hpa: HorizontalPodAutoscaler,
    spec: NonNullable<HorizontalPodAutoscaler['spec']['metrics']>[number],
    situation: Situation,
  ): Promise<MetricProposal | MetricFailure> {
    const { clock } = this.#context
    const begun = clock.monotonic()
    const computed = (outcome: Outcome): void =>
      this.#figures?.computed(outcome, spec.type, (clock.monotonic() - begun) / 1000)
    try {
      const proposal = await proposeFor(spec, situation, this.#sources)
      computed(outcomeOf(hpa.status?.currentReplicas ?? 0, proposal.replicas))
      return proposal
    } catch (error) {
      computed(FAILED)
      if (!(error instanceof MetricFailure)) throw error
      this.#context.events.event(hpa, 'Warning', error.reason, error.text)
      return error
    }
  }

  /** The highest proposal counts; a way down only where all figures are known. */
  #choose(draft: Draft, results: readonly (MetricProposal | MetricFailure)[], current: number): Computed {
    const statuses = results.map(each => (each instanceof MetricFailure ? { type: '' } : each.status))
    const failures = results.filter(each => each instanceof MetricFailure)
    let best: MetricProposal | undefined
    for (const each of results) {
      if (!(each instanceof MetricFailure) && (best === undefined || each.replicas > best.replicas)) best = each
    }
    const [first] = failures
    const failure =
      first && `invalid metrics (${failures.length} invalid out of ${results.length}), first error is: ${first.message}`
    if (best === undefined || (first !== undefined && best.replicas < current)) {
      const why = `the HPA was unable to compute the replica count: ${first?.text ?? ''}`
      draft.set('ScalingActive', 'False', first?.reason ?? '', why)
      return { replicas: undefined, metric: '', statuses, failure }
    }
    const why = `the HPA was able to successfully calculate a replica count from ${best.name}`
    draft.set('ScalingActive', 'True', 'ValidMetricFound', why)
    return { replicas: best.replicas, metric: best.name, statuses, failure }
  }

  /** The target's pods, or why they cannot be told. */
  #podsOf(draft: Draft, key: string, text: string): { pods: readonly Pod[] } | { failure: string } {
    const { hpa } = draft
    const { events } = this.#context
    if (text === '') {
      events.event(hpa, 'Warning', 'SelectorRequired', 'selector is required')
      draft.set('ScalingActive', 'False', 'InvalidSelector', "the HPA target's scale is missing a selector")
      return { failure: 'selector is required' }
    }
    let selector: Selector
    try {
      selector = parseLabelSelector(text)
    } catch (error) {
      const failure = `couldn't convert selector into a corresponding internal selector object: ${messageOf(error)}`
      events.event(hpa, 'Warning', 'InvalidSelector', failure)
      draft.set('ScalingActive', 'False', 'InvalidSelector', failure)
      return { failure }
    }
    this.#selectors.set(key, selector)
    const pods = this.#selectedPods(hpa.metadata.namespace, selector)
    const rivals = this.#governorsOf(pods, hpa.metadata.namespace ?? '')
    if (rivals.length > 1) {
      const failure = `pods by selector ${text} are controlled by multiple HPAs: [${rivals.join(' ')}]`
      events.event(hpa, 'Warning', 'AmbiguousSelector', failure)
      draft.set('ScalingActive', 'False', 'AmbiguousSelector', failure)
      return { failure }
    }
    return { pods }
  }

  /** The autoscalers that select one of the pods. */
  #governorsOf(pods: readonly Pod[], namespace: string): string[] {
    return [...this.#selectors]
      .map(([key, selector]) => ({ ...splitKey(key), selector }))
      .filter(each => each.namespace === namespace)
      .filter(({ selector }) => pods.some(pod => matches(selector, pod.metadata.labels)))
      .map(({ name }) => `{${name} ${namespace}}`)
      .sort()
  }

  #tolerances({ spec: { behavior } }: HorizontalPodAutoscaler): Tolerances {
    const { tolerance } = this.#settings
    const share = (text: string | undefined): number => (text === undefined ? tolerance : numberOf(text))
    return { scaleUp: share(behavior?.scaleUp?.tolerance), scaleDown: share(behavior?.scaleDown?.tolerance) }
  }

  async #write(hpa: HorizontalPodAutoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> {
    const { client, events } = this.#context
    if (semanticEqual(hpa.status, status)) return
    try {
      await client.resource(HorizontalPodAutoscalers).updateStatus({ ...hpa, status })
    } catch (error) {
      events.event(hpa, 'Warning', 'FailedUpdateStatus', messageOf(error))
      throw error
    }
  }
}

interface Decision {
  /** Nothing where nobody knows. */
  replicas: number | undefined
  reason: string
  metrics: MetricStatus[]
  failure?: string
}

function numberOf(text: string): number {
  const { mantissa, scale } = parseQuantity(text)
  return Number(mantissa) * 10 ** scale
}
