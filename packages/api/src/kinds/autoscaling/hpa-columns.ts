/** The Targets column of autoscalers: `cpu: 40%/80%`, at most two metrics (printers.go, formatHPAMetrics). */
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget } from '../../generated/autoscaling.v2.ts'
import { withMore } from '../shared/columns.ts'

type Current = { value?: string; averageValue?: string; averageUtilization?: number } | undefined

const UNKNOWN = '<unknown>'

/** A quantity that is not there, as Go writes one. */
const MISSING = '<nil>'

const measured = (current: Current, which: 'value' | 'averageValue'): string =>
  current === undefined ? UNKNOWN : (current[which] ?? MISSING)

function averageText(target: MetricTarget | undefined, current: Current): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`
  return `${measured(current, 'value')}/${target?.value ?? MISSING}`
}

function resourceText(source: { name: string; target: MetricTarget } | undefined, current: Current): string {
  const { name = '', target } = source ?? {}
  if (target?.averageValue !== undefined) return `${name}: ${measured(current, 'averageValue')}/${target.averageValue}`
  const used = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`
  const wanted = target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`
  return `${name}: ${used}/${wanted}`
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return averageText(spec.external?.target, status?.external?.current)
    case 'Pods':
      return `${measured(status?.pods?.current, 'averageValue')}/${spec.pods?.target?.averageValue ?? MISSING}`
    case 'Object':
      return averageText(spec.object?.target, status?.object?.current)
    case 'Resource':
      return resourceText(spec.resource, status?.resource?.current)
    case 'ContainerResource':
      return resourceText(spec.containerResource, status?.containerResource?.current)
    default:
      return '<unknown type>'
  }
}

export function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec.metrics ?? []).map((metric, i) => metricText(metric, status?.currentMetrics?.[i]))
  if (texts.length === 0) return '<none>'
  return withMore(texts, 2, '<none>').replace(',', ', ')
}
