import type { KubeObject } from '@canopus/apimachinery'
import type { HorizontalPodAutoscaler as HpaV1 } from '../../generated/autoscaling.v1.ts'
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../generated/autoscaling.v2.ts'
import { HorizontalPodAutoscalers, HorizontalPodAutoscalersV1 } from '../../resources.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { HorizontalPodAutoscalerKind } from './horizontalpodautoscaler.ts'
import { validateAutoscaler, validateAutoscalerStatusUpdate } from './validation.ts'

/** What v1 has no field for travels in annotations (pkg/apis/autoscaling/v1/conversion.go). */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics'
const CURRENT = 'autoscaling.alpha.kubernetes.io/current-metrics'
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions'
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior'

/** Per cent of the requested CPU. */
const DEFAULT_UTILIZATION = 80

const isCpu = (metric: MetricSpec | MetricStatus): boolean =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu'
const isCpuUtilization = (metric: MetricSpec): boolean =>
  isCpu(metric) && metric.resource?.target.averageUtilization !== undefined

function parsed<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

function withoutAnnotations(object: HpaV1): HpaV1['metadata'] {
  const { [METRICS]: _m, [CURRENT]: _c, [CONDITIONS]: _o, [BEHAVIOR]: _b, ...rest } = object.metadata.annotations ?? {}
  const { annotations: _annotations, ...metadata } = object.metadata
  return Object.keys(rest).length === 0 ? metadata : { ...metadata, annotations: rest }
}

export function toV2(object: HpaV1): HorizontalPodAutoscaler {
  const annotations = object.metadata.annotations ?? {}
  const { targetCPUUtilizationPercentage: percent, ...spec } = object.spec
  const metrics = parsed<MetricSpec[]>(annotations[METRICS]) ?? []
  if (percent !== undefined) {
    const target = { type: 'Utilization', averageUtilization: percent }
    metrics.unshift({ type: 'Resource', resource: { name: 'cpu', target } })
  }
  if (metrics.length === 0) {
    const target = { type: 'Utilization', averageUtilization: DEFAULT_UTILIZATION }
    metrics.push({ type: 'Resource', resource: { name: 'cpu', target } })
  }
  const behavior = parsed<HorizontalPodAutoscaler['spec']['behavior']>(annotations[BEHAVIOR])
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: withoutAnnotations(object),
    spec: { ...spec, metrics, ...(behavior && { behavior }) },
    ...(object.status && { status: statusToV2(object.status, annotations) }),
  }
}

function statusToV2(
  status: NonNullable<HpaV1['status']>,
  annotations: Readonly<Record<string, string>>,
): HorizontalPodAutoscaler['status'] {
  const { currentCPUUtilizationPercentage: percent, ...rest } = status
  const currentMetrics = parsed<MetricStatus[]>(annotations[CURRENT]) ?? []
  if (percent !== undefined && !currentMetrics.some(isCpu)) {
    currentMetrics.push({ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: percent } } })
  }
  const conditions = parsed<NonNullable<HorizontalPodAutoscaler['status']>['conditions']>(annotations[CONDITIONS])
  return { ...rest, currentMetrics, ...(conditions && { conditions }) }
}

export function fromV2(object: HorizontalPodAutoscaler): HpaV1 {
  const { metrics = [], behavior, ...spec } = object.spec
  const cpu = metrics.find(isCpuUtilization)
  const others = metrics.filter(metric => metric !== cpu)
  const { currentMetrics, conditions, ...status } = object.status ?? { desiredReplicas: 0 }
  const used = currentMetrics?.find(isCpu)?.resource?.current.averageUtilization
  const annotations = {
    ...object.metadata.annotations,
    ...(others.length > 0 && { [METRICS]: JSON.stringify(others) }),
    ...(behavior && { [BEHAVIOR]: JSON.stringify(behavior) }),
    ...(currentMetrics && currentMetrics.length > 0 && { [CURRENT]: JSON.stringify(currentMetrics) }),
    ...(conditions && conditions.length > 0 && { [CONDITIONS]: JSON.stringify(conditions) }),
  }
  const percent = cpu?.resource?.target.averageUtilization
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: Object.keys(annotations).length === 0 ? object.metadata : { ...object.metadata, annotations },
    spec: { ...spec, ...(percent !== undefined && { targetCPUUtilizationPercentage: percent }) },
    status: {
      ...status,
      currentReplicas: status.currentReplicas ?? 0,
      ...(used !== undefined && { currentCPUUtilizationPercentage: used }),
    },
  }
}

export const HorizontalPodAutoscalerV1Kind = defineKind<HpaV1>({
  type: HorizontalPodAutoscalersV1,
  message: 'autoscaling.v1.HorizontalPodAutoscaler',
  storagePrefix: 'horizontalpodautoscalers',
  strategy: strategyOf(
    { spec: true, status: () => ({ currentReplicas: 0, desiredReplicas: 0 }) },
    {
      default(object) {
        const { spec } = object
        if (!spec) return
        spec.minReplicas ??= 1
        if (spec.targetCPUUtilizationPercentage !== undefined) return
        // In upstream, what is converted comes back with it.
        const others = parsed<MetricSpec[]>(object.metadata.annotations?.[METRICS]) ?? []
        if (others.length === 0) spec.targetCPUUtilizationPercentage = DEFAULT_UTILIZATION
      },
      validate: object => validateAutoscaler(toV2(object)),
      validateUpdate: (object, old) => validateAutoscaler(toV2(object), toV2(old)),
      validateStatusUpdate: object => validateAutoscalerStatusUpdate(toV2(object)),
    },
  ),
  columns: HorizontalPodAutoscalerKind.columns.map(column => ({
    ...column,
    value: (object: HpaV1, now: number) => column.value(toV2(object), now),
  })),
  storedAs: {
    type: HorizontalPodAutoscalers,
    toStored: toV2,
    fromStored: (object: KubeObject) => fromV2(object as HorizontalPodAutoscaler),
  },
})
