import type { KubeObject } from '@canopus/apimachinery'
import type {
  HorizontalPodAutoscaler as HpaV1,
  MetricSpec as MetricSpecV1,
  MetricStatus as MetricStatusV1,
} from '../../generated/autoscaling.v1.ts'
import type {
  HorizontalPodAutoscalerCondition as Condition,
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
} from '../../generated/autoscaling.v2.ts'
import { HorizontalPodAutoscalers, HorizontalPodAutoscalersV1 } from '../../resources.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { HorizontalPodAutoscalerKind } from './horizontalpodautoscaler.ts'
import {
  annotated,
  annotatedBehavior,
  behaviorText,
  conditionToV1,
  figureFromV1,
  figureToV1,
  metricFromV1,
  metricToV1,
} from './v1-metrics.ts'
import { validateAutoscaler, validateAutoscalerStatusUpdate } from './validation.ts'

/** What v1 has no field for travels in annotations (pkg/apis/autoscaling/v1/conversion.go). */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics'
const CURRENT = 'autoscaling.alpha.kubernetes.io/current-metrics'
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions'
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior'

/** Per cent of the requested CPU. */
const DEFAULT_UTILIZATION = 80

const ROUND_TRIP = [
  METRICS,
  BEHAVIOR,
  'autoscaling.alpha.kubernetes.io/scale-down-tolerance',
  'autoscaling.alpha.kubernetes.io/scale-up-tolerance',
  CURRENT,
  CONDITIONS,
]

const isCpu = (metric: MetricSpec | MetricStatus): boolean =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu'
const isCpuUtilization = (metric: MetricSpec): boolean =>
  isCpu(metric) && metric.resource?.target.averageUtilization !== undefined

type Meta = HpaV1['metadata']

function withoutAnnotations({ annotations, ...metadata }: Meta): Meta {
  const left = Object.entries(annotations ?? {}).filter(([key]) => !ROUND_TRIP.includes(key))
  return left.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(left) }
}

const cpuMetric = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})

const metricsOf = (annotations: Annotations) =>
  annotated<MetricSpecV1>(annotations[METRICS], 'autoscaling.v1.MetricSpec')?.map(metricFromV1)

export function toV2(object: HpaV1): HorizontalPodAutoscaler {
  const annotations = object.metadata.annotations ?? {}
  const { targetCPUUtilizationPercentage: percent, ...spec } = object.spec
  const metrics = metricsOf(annotations) ?? []
  if (percent !== undefined) metrics.push(cpuMetric(percent))
  if (metrics.length === 0) metrics.push(cpuMetric(DEFAULT_UTILIZATION))
  const behavior = annotatedBehavior(annotations[BEHAVIOR])
  return {
    ...object,
    apiVersion: 'autoscaling/v2',
    metadata: withoutAnnotations(object.metadata),
    spec: { ...spec, metrics, ...(behavior && { behavior }) },
    ...(object.status && { status: statusToV2(object.status, annotations) }),
  }
}

type Annotations = Readonly<Record<string, string>>

function statusToV2(
  status: NonNullable<HpaV1['status']>,
  annotations: Annotations,
): NonNullable<HorizontalPodAutoscaler['status']> {
  // Only v1 always writes how many there are.
  const { currentCPUUtilizationPercentage: percent, currentReplicas, ...rest } = status
  const used = percent === undefined ? [] : [cpuFigure(percent)]
  const told = annotated<MetricStatusV1>(annotations[CURRENT], 'autoscaling.v1.MetricStatus')?.map(figureFromV1)
  const conditions = annotated<Condition>(annotations[CONDITIONS], 'autoscaling.v1.HorizontalPodAutoscalerCondition')
  const current = currentReplicas ? { currentReplicas } : {}
  return { ...rest, ...current, currentMetrics: told ?? used, ...(conditions && { conditions }) }
}

const cpuFigure = (averageUtilization: number): MetricStatus => ({
  type: 'Resource',
  resource: { name: 'cpu', current: { averageUtilization } },
})

export function fromV2(object: HorizontalPodAutoscaler): HpaV1 {
  const { metrics = [], behavior, ...spec } = object.spec
  const cpu = metrics.find(isCpuUtilization)
  const { currentMetrics, conditions, ...status } = object.status ?? { desiredReplicas: 0 }
  const used = currentMetrics?.findLast(each => isCpu(each) && each.resource?.current.averageUtilization !== undefined)
  const percent = cpu?.resource?.target.averageUtilization
  const usedPercent = used?.resource?.current.averageUtilization
  return {
    ...object,
    apiVersion: 'autoscaling/v1',
    metadata: annotatedMeta(object),
    spec: { ...spec, ...(percent !== undefined && { targetCPUUtilizationPercentage: percent }) },
    status: {
      ...status,
      currentReplicas: status.currentReplicas ?? 0,
      ...(usedPercent !== undefined && { currentCPUUtilizationPercentage: usedPercent }),
    },
  }
}

/** The metadata with what v1 has no field for. */
function annotatedMeta({ metadata, spec, status }: HorizontalPodAutoscaler): Meta {
  const others = (spec.metrics ?? []).filter(metric => !isCpuUtilization(metric))
  const { currentMetrics, conditions } = status ?? {}
  const own = {
    ...(others.length > 0 && { [METRICS]: JSON.stringify(others.map(metricToV1)) }),
    ...(currentMetrics?.length && { [CURRENT]: JSON.stringify(currentMetrics.map(figureToV1)) }),
    ...(spec.behavior && { [BEHAVIOR]: behaviorText(spec.behavior) }),
    ...(conditions?.length && { [CONDITIONS]: JSON.stringify(conditions.map(conditionToV1)) }),
  }
  const left = withoutAnnotations(metadata)
  return Object.keys(own).length === 0 ? left : { ...left, annotations: { ...left.annotations, ...own } }
}

/**
 * What is decoded goes to upstream's internal type, without the annotations that say more: they come back from there, made anew. The
 * default of the utilization is given on that way too.
 */
function throughInternal(object: HpaV1): void {
  const { spec, metadata, status } = object
  const annotations = metadata.annotations ?? {}
  spec.minReplicas ??= 1
  if (spec.targetCPUUtilizationPercentage === undefined && (metricsOf(annotations) ?? []).length === 0) {
    spec.targetCPUUtilizationPercentage = DEFAULT_UTILIZATION
  }
  const isPlain = status?.currentCPUUtilizationPercentage === undefined && !ROUND_TRIP.some(key => key in annotations)
  if (isPlain) return
  const { metadata: next } = fromV2(toV2(object))
  if (next.annotations === undefined) delete metadata.annotations
  else metadata.annotations = next.annotations
}

/** What annotations tell of the status is as little to be written here as the status itself. */
function keepTold(object: HpaV1, old: HpaV1 | undefined): void {
  const { annotations, ...metadata } = object.metadata
  const told = [CURRENT, CONDITIONS]
  const others = Object.entries(annotations ?? {}).filter(([key]) => !told.includes(key))
  const kept = Object.entries(old?.metadata.annotations ?? {}).filter(([key]) => told.includes(key))
  const all = [...others, ...kept]
  if (annotations === undefined && all.length === 0) return
  object.metadata = all.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(all) }
}

export const HorizontalPodAutoscalerV1Kind = defineKind<HpaV1>({
  type: HorizontalPodAutoscalersV1,
  message: 'autoscaling.v1.HorizontalPodAutoscaler',
  storagePrefix: 'horizontalpodautoscalers',
  strategy: strategyOf<HpaV1>(
    { spec: true, status: () => ({ currentReplicas: 0, desiredReplicas: 0 }) },
    {
      default(object) {
        if (object.spec) throughInternal(object)
      },
      prepareForCreate: object => keepTold(object, undefined),
      prepareForUpdate: keepTold,
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
