/** Metrics and behaviour of autoscalers as v1 has them: in annotations (pkg/apis/autoscaling/v1/conversion.go). */
import { compareQuantities, DecodeError, decodeValue, type JsonObject, type LabelSelector } from '@canopus/apimachinery'
import type { MetricSpec as MetricSpecV1, MetricStatus as MetricStatusV1 } from '../../generated/autoscaling.v1.ts'
import type {
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerCondition,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../generated/autoscaling.v2.ts'
import { goJson } from '../../go-json.ts'
import { schemas } from '../../schemas.ts'

/** What the annotation says, of messages of that name; nothing where it cannot be read. */
export function annotated<T>(text: string | undefined, message: string): T[] | undefined {
  const value = parsed(text)
  if (!Array.isArray(value)) return undefined
  const decoded = value.map(each => decodedAs(message, each ?? {}) as T | undefined)
  return decoded.every(each => each !== undefined) ? decoded : undefined
}

/** Nothing where it is no such message. */
function decodedAs(message: string, value: unknown): object | undefined {
  try {
    return decodeValue(schemas.schemaOf(message), value).object
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const BEHAVIOR = 'autoscaling.v2.HorizontalPodAutoscalerBehavior'

/** Upstream writes its internal type, whose fields are called as in Go. */
export const behaviorText = (behavior: HorizontalPodAutoscalerBehavior): string =>
  JSON.stringify(goJson(BEHAVIOR, behavior))

/** Nothing where nothing is in it. */
export function annotatedBehavior(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
  const value = parsed(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const object = decodedAs(BEHAVIOR, withSmallNames(value))
  return Object.keys(object ?? {}).length === 0 ? undefined : (object as HorizontalPodAutoscalerBehavior)
}

function withSmallNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSmallNames)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, each]) => [
    `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`,
    withSmallNames(each),
  ])
  return Object.fromEntries(entries) as JsonObject
}

interface Identified {
  metric: { name: string; selector?: LabelSelector }
}

const selecting = ({ metric: { selector } }: Identified) => (selector === undefined ? {} : { selector })

/** With the fields in the order of Go's structures. */
export function metricToV1({ type, object, pods, resource, containerResource, external }: MetricSpec): MetricSpecV1 {
  return {
    type,
    ...(object && {
      object: {
        target: referenceOf(object.describedObject),
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        ...selecting(object),
        ...(object.target.averageValue !== undefined && { averageValue: object.target.averageValue }),
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        ...selecting(pods),
      },
    }),
    ...(resource && { resource: { name: resource.name, ...usageToV1(resource.target) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...usageToV1(containerResource.target),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        ...(external.metric.selector && { metricSelector: external.metric.selector }),
        ...(external.target.value !== undefined && { targetValue: external.target.value }),
        ...(external.target.averageValue !== undefined && { targetAverageValue: external.target.averageValue }),
      },
    }),
  }
}

const referenceOf = ({ kind, name, apiVersion }: { kind: string; name: string; apiVersion?: string }) => ({
  kind,
  name,
  ...(apiVersion && { apiVersion }),
})

const usageToV1 = ({ averageUtilization, averageValue }: MetricTarget) => ({
  ...(averageUtilization !== undefined && { targetAverageUtilization: averageUtilization }),
  ...(averageValue !== undefined && { targetAverageValue: averageValue }),
})

interface SelectingV1 {
  metricName: string
  selector?: LabelSelector
}

const identified = ({ metricName, selector }: SelectingV1) => ({
  metric: { name: metricName ?? '', ...(selector && { selector }) },
})

export function metricFromV1(metric: MetricSpecV1): MetricSpec {
  const { type, object, pods, resource, containerResource, external } = metric
  return {
    type,
    ...(object && {
      object: {
        describedObject: referenceOf(object.target ?? {}),
        target: objectTarget(object.targetValue ?? '0', object.averageValue),
        ...identified(object),
      },
    }),
    ...(pods && {
      pods: { ...identified(pods), target: { type: 'AverageValue', averageValue: pods.targetAverageValue ?? '0' } },
    }),
    ...(resource && { resource: { name: resource.name, target: usageFromV1(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        target: usageFromV1(containerResource),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        ...identified({ metricName: external.metricName, ...selectorOf(external) }),
        target: {
          type: external.targetValue === undefined ? 'AverageValue' : 'Value',
          ...(external.targetValue !== undefined && { value: external.targetValue }),
          ...(external.targetAverageValue !== undefined && { averageValue: external.targetAverageValue }),
        },
      },
    }),
  }
}

const selectorOf = ({ metricSelector }: { metricSelector?: LabelSelector }) =>
  metricSelector === undefined ? {} : { selector: metricSelector }

/** v1 cannot leave the value out: nought beside an average is none. */
function objectTarget(value: string, averageValue: string | undefined): MetricTarget {
  if (averageValue === undefined) return { type: 'Value', value }
  return { type: 'AverageValue', ...(compareQuantities(value, '0') !== 0 && { value }), averageValue }
}

interface UsageV1 {
  targetAverageUtilization?: number
  targetAverageValue?: string
}

const usageFromV1 = ({ targetAverageUtilization: share, targetAverageValue: value }: UsageV1): MetricTarget => ({
  type: share === undefined ? 'AverageValue' : 'Utilization',
  ...(value !== undefined && { averageValue: value }),
  ...(share !== undefined && { averageUtilization: share }),
})

/** With the fields in the order of Go's structures. */
export function figureToV1({
  type,
  object,
  pods,
  resource,
  containerResource,
  external,
}: MetricStatus): MetricStatusV1 {
  return {
    type,
    ...(object && {
      object: {
        target: referenceOf(object.describedObject),
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        ...selecting(object),
        ...(object.current.averageValue !== undefined && { averageValue: object.current.averageValue }),
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? '0',
        ...selecting(pods),
      },
    }),
    ...(resource && { resource: { name: resource.name, ...usedToV1(resource.current) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        ...usedToV1(containerResource.current),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        ...(external.metric.selector && { metricSelector: external.metric.selector }),
        currentValue: external.current.value ?? '0',
        ...(external.current.averageValue !== undefined && { currentAverageValue: external.current.averageValue }),
      },
    }),
  }
}

const usedToV1 = ({ averageUtilization, averageValue }: MetricValueStatus = {}) => ({
  ...(averageUtilization !== undefined && { currentAverageUtilization: averageUtilization }),
  currentAverageValue: averageValue ?? '0',
})

export function figureFromV1(figure: MetricStatusV1): MetricStatus {
  const { type, object, pods, resource, containerResource, external } = figure
  return {
    type,
    ...(object && {
      object: {
        ...identified(object),
        current: {
          value: object.currentValue ?? '0',
          ...(object.averageValue !== undefined && { averageValue: object.averageValue }),
        },
        describedObject: referenceOf(object.target ?? {}),
      },
    }),
    ...(pods && { pods: { ...identified(pods), current: { averageValue: pods.currentAverageValue ?? '0' } } }),
    ...(resource && { resource: { name: resource.name, current: usedFromV1(resource) } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource.name,
        current: usedFromV1(containerResource),
        container: containerResource.container,
      },
    }),
    ...(external && {
      external: {
        ...identified({ metricName: external.metricName, ...selectorOf(external) }),
        current: {
          value: external.currentValue ?? '0',
          ...(external.currentAverageValue !== undefined && { averageValue: external.currentAverageValue }),
        },
      },
    }),
  }
}

interface UsedV1 {
  currentAverageUtilization?: number
  currentAverageValue: string
}

const usedFromV1 = ({ currentAverageUtilization: share, currentAverageValue: value }: UsedV1): MetricValueStatus => ({
  averageValue: value ?? '0',
  ...(share !== undefined && { averageUtilization: share }),
})

/** As Go writes it: the time is there also where nothing is known of it. */
export const conditionToV1 = (condition: HorizontalPodAutoscalerCondition) => {
  const { type, status, lastTransitionTime = null, reason, message } = condition
  return { type, status, lastTransitionTime, ...(reason && { reason }), ...(message && { message }) }
}
