/**
 * What each metric of an autoscaler asks for. Behaviour: kubernetes pkg/controller/podautoscaler/horizontal.go
 * (computeReplicasForMetric and what it calls).
 */
import type {
  ContainerResourceMetricSource,
  CrossVersionObjectReference,
  ExternalMetricSource,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  ObjectMetricSource,
  PodsMetricSource,
} from '@canopus/api/autoscaling/v2'
import type { Pod } from '@canopus/api/core/v1'
import {
  formatQuantity,
  formatSelector,
  labelSelector,
  milliQuantityOf,
  milliValue,
  selectorText,
} from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import type { DescribedObject, MetricsSource } from './metrics-source.ts'
import {
  type PodFigures,
  type Proposal,
  proposeByAverage,
  proposeByShare,
  proposeByTotal,
  proposeByUtilization,
  type Timing,
  type Tolerances,
} from './replicas.ts'

export interface Situation {
  namespace: string
  /** Selects the target's pods, as its scale says. */
  selector: string
  pods: readonly Pod[]
  specReplicas: number
  statusReplicas: number
  tolerances: Tolerances
  timing: Timing
}

export interface MetricProposal {
  replicas: number
  /** What the figure is called in messages. */
  name: string
  status: MetricStatus
}

/** A metric that could not be had. `reason` and `text` go into the event and the condition; `message` is what failed. */
export class MetricFailure extends Error {
  readonly reason: string
  readonly text: string

  constructor(reason: string, text: string, message: string) {
    super(message)
    this.reason = reason
    this.text = text
  }
}

/** Where figures and names come from. */
export interface ProposalSources {
  metrics: MetricsSource
  /** Finds the resource of a kind; throws where there is none. */
  describe(namespace: string, object: CrossVersionObjectReference): Promise<DescribedObject>
}

/** Throws `MetricFailure`. */
export async function proposeFor(
  spec: MetricSpec,
  situation: Situation,
  sources: ProposalSources,
): Promise<MetricProposal> {
  const { resource, containerResource, object, pods, external } = spec
  if (spec.type === 'Resource' && resource) {
    const attempt = (): Promise<MetricProposal> => forResource(resource, situation, sources)
    return orFail('FailedGetResourceMetric', `failed to get ${resource.name} resource metric value`, attempt)
  }
  if (spec.type === 'ContainerResource' && containerResource) {
    const what = `failed to get ${containerResource.container} container metric value`
    const attempt = (): Promise<MetricProposal> => forResource(containerResource, situation, sources)
    return orFail('FailedGetContainerResourceMetric', what, attempt)
  }
  if (spec.type === 'Object' && object) {
    const attempt = (): Promise<MetricProposal> => forObject(object, situation, sources)
    return orFail('FailedGetObjectMetric', 'failed to get object metric value', attempt)
  }
  if (spec.type === 'Pods' && pods) {
    const attempt = (): Promise<MetricProposal> => forPods(pods, situation, sources)
    return orFail('FailedGetPodsMetric', 'failed to get pods metric value', attempt)
  }
  if (spec.type === 'External' && external) {
    const attempt = (): Promise<MetricProposal> => forExternal(external, situation, sources)
    return orFail('FailedGetExternalMetric', `failed to get ${external.metric.name} external metric value`, attempt)
  }
  const text = `unknown metric source type ${JSON.stringify(spec.type)}`
  throw new MetricFailure('InvalidMetricSourceType', text, text)
}

/** The event tells the cause; what is told further is said with what failed. */
async function orFail(reason: string, what: string, attempt: () => Promise<MetricProposal>): Promise<MetricProposal> {
  try {
    return await attempt()
  } catch (error) {
    if (error instanceof Described) throw new MetricFailure(reason, error.cause, `${what}: ${error.message}`)
    const text = messageOf(error)
    throw new MetricFailure(reason, text, `${what}: ${text}`)
  }
}

/** An error whose event tells less than its message. */
class Described extends Error {
  override readonly cause: string

  constructor(message: string, cause: string) {
    super(message)
    this.cause = cause
  }
}

/** Runs `attempt`; `what` is put before the message of its error. */
async function explained<T>(what: string, attempt: () => Promise<T>, joint = ': '): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    throw new Error(`${what}${joint}${messageOf(error)}`)
  }
}

const milli = (value: number): string => formatQuantity(milliQuantityOf(value))

async function forResource(
  source: { name: string; target: MetricTarget } | ContainerResourceMetricSource,
  situation: Situation,
  { metrics }: ProposalSources,
): Promise<MetricProposal> {
  const { name: resource, target } = source
  const container = 'container' in source ? source.container : ''
  const figures = (): Promise<PodFigures> =>
    podFigures(situation, resource, container, () =>
      explained(`unable to get metrics for resource ${resource}`, () =>
        metrics.resource({ namespace: situation.namespace, resource, container, selector: situation.selector }),
      ),
    )
  const statusOf = (current: MetricValueStatus): MetricStatus =>
    container === ''
      ? { type: 'Resource', resource: { name: resource, current } }
      : { type: 'ContainerResource', containerResource: { name: resource, container, current } }
  const { averageValue, averageUtilization } = target
  if (averageValue !== undefined) {
    const { replicas, usage } = await explained(`failed to get ${resource} usage`, async () =>
      proposeByAverage(await figures(), milliValue(averageValue)),
    )
    return { replicas, name: `${resource} resource`, status: statusOf({ averageValue: milli(usage) }) }
  }
  if (averageUtilization === undefined) {
    throw new Error(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    )
  }
  const { replicas, usage, utilization } = await explained(`failed to get ${resource} utilization`, async () =>
    proposeByUtilization(await figures(), averageUtilization),
  )
  const kind = container === '' ? 'resource' : 'container resource'
  return {
    replicas,
    name: `${resource} ${kind} utilization (percentage of request)`,
    status: statusOf({ averageUtilization: utilization!, averageValue: milli(usage) }),
  }
}

async function podFigures(
  { pods, specReplicas, tolerances, timing }: Situation,
  resource: string,
  container: string,
  read: () => Promise<PodFigures['metrics']>,
): Promise<PodFigures> {
  const metrics = await read()
  return { pods, metrics, resource, container, currentReplicas: specReplicas, tolerances, timing }
}

const metricName = ({ name, selector }: MetricIdentifier): { name: string; selector: string } => ({
  name,
  selector: selector === undefined ? '' : formatSelector(labelSelector(selector)),
})

const identifier = ({ name, selector }: MetricIdentifier): MetricIdentifier => ({
  name,
  ...(selector === undefined ? {} : { selector }),
})

async function forPods(
  { metric, target }: PodsMetricSource,
  situation: Situation,
  { metrics }: ProposalSources,
): Promise<MetricProposal> {
  const { namespace, selector } = situation
  const figures = await podFigures(situation, '', '', () =>
    explained(`unable to get metric ${metric.name}`, () =>
      metrics.pods({ namespace, metric: metricName(metric), selector }),
    ),
  )
  const { replicas, usage } = proposeByAverage(figures, milliValue(target.averageValue ?? '0'))
  const current = { averageValue: milli(usage) }
  return {
    replicas,
    name: `pods metric ${metric.name}`,
    status: { type: 'Pods', pods: { metric: identifier(metric), current } },
  }
}

async function forObject(
  { metric, target, describedObject }: ObjectMetricSource,
  situation: Situation,
  { metrics, describe }: ProposalSources,
): Promise<MetricProposal> {
  const { namespace } = situation
  const { kind, name } = describedObject
  const total = (): Promise<number> =>
    // Upstream's words are in this odd order, and clients may look for them.
    explained(
      `unable to get metric ${metric.name}: ${kind} on ${namespace} ${name}`,
      async () =>
        metrics.object({ namespace, metric: metricName(metric), object: await describe(namespace, describedObject) }),
      '/',
    )
  const statusOf = (current: MetricValueStatus): MetricStatus => ({
    type: 'Object',
    object: { metric: identifier(metric), current, describedObject: { ...describedObject } },
  })
  if (target.type === 'Value' && target.value !== undefined) {
    const { replicas, usage } = byTotal(situation, await total(), milliValue(target.value))
    return { replicas, name: `${kind} metric ${metric.name}`, status: statusOf({ value: milli(usage) }) }
  }
  if (target.type === 'AverageValue' && target.averageValue !== undefined) {
    const wanted = milliValue(target.averageValue)
    const { replicas, usage } = byShare(situation, await averaged(`${metric.name} object metric`, total), wanted)
    const text = `external metric ${metric.name}(${selectorText(metric.selector)})`
    return { replicas, name: text, status: statusOf({ averageValue: milli(usage) }) }
  }
  throw new Error('invalid object metric source: neither a value target nor an average value target was set')
}

async function forExternal(
  { metric, target }: ExternalMetricSource,
  situation: Situation,
  { metrics }: ProposalSources,
): Promise<MetricProposal> {
  const { namespace } = situation
  const selector = selectorText(metric.selector)
  const total = (): Promise<number> =>
    explained(`unable to get external metric ${namespace}/${metric.name}/${selector}`, async () => {
      const values = await metrics.external({ namespace, metric: metricName(metric) })
      return values.reduce((sum, value) => sum + value, 0)
    })
  const name = `external metric ${metric.name}(${selector})`
  const statusOf = (current: MetricValueStatus): MetricStatus => ({
    type: 'External',
    external: { metric: identifier(metric), current },
  })
  if (target.averageValue !== undefined) {
    const wanted = milliValue(target.averageValue)
    const { replicas, usage } = byShare(situation, await averaged(`${metric.name} external metric`, total), wanted)
    return { replicas, name, status: statusOf({ averageValue: milli(usage) }) }
  }
  if (target.value !== undefined) {
    const found = await averaged(`external metric ${metric.name}`, total)
    const { replicas, usage } = byTotal(situation, found, milliValue(target.value))
    return { replicas, name, status: statusOf({ value: milli(usage) }) }
  }
  throw new Error('invalid external metric source: neither a value target nor an average value target was set')
}

/** Upstream tells the cause alone in the event, and what failed before it everywhere else. */
async function averaged(what: string, total: () => Promise<number>): Promise<number> {
  try {
    return await total()
  } catch (error) {
    throw new Described(`failed to get ${what}: ${messageOf(error)}`, messageOf(error))
  }
}

const byTotal = ({ pods, tolerances, specReplicas }: Situation, total: number, target: number): Proposal =>
  proposeByTotal({ pods, total, tolerances }, target, specReplicas)

const byShare = ({ pods, tolerances, statusReplicas }: Situation, total: number, target: number): Proposal =>
  proposeByShare({ pods, total, tolerances }, target, statusReplicas)
