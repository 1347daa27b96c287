/** The Targets column of autoscalers: `cpu: 40%/80%`, at most two metrics (printers.go, formatHPAMetrics). */
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget } from '../../generated/autoscaling.v2.ts'
import { withMore } from '../shared/columns.ts'

type Current = { value?: string; averageValue?: string; averageUtilization?: number } | undefined

const UNKNOWN = '<unknown>'

function averageText(target: MetricTarget | undefined, current: Current): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`
  return `${current?.value ?? UNKNOWN}/${target?.value ?? ''}`
}

function resourceText(name: string, target: MetricTarget | undefined, current: Current): string {
  if (target?.averageValue !== undefined) return `${name}: ${current?.averageValue ?? UNKNOWN}/${target.averageValue}`
  const used = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`
  const wanted = target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`
  return `${name}: ${used}/${wanted}`
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  if (spec.external) return averageText(spec.external.target, status?.external?.current)
  if (spec.pods) return `${status?.pods?.current?.averageValue ?? UNKNOWN}/${spec.pods.target?.averageValue ?? ''}`
  if (spec.object) return averageText(spec.object.target, status?.object?.current)
  if (spec.resource) return resourceText(spec.resource.name, spec.resource.target, status?.resource?.current)
  if (spec.containerResource) {
    const { name, target } = spec.containerResource
    return resourceText(name, target, status?.containerResource?.current)
  }
  return '<unknown type>'
}

export function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec.metrics ?? []).map((metric, i) => metricText(metric, status?.currentMetrics?.[i]))
  if (texts.length === 0) return '<none>'
  return withMore(texts, 2, '<none>').replace(',', ', ')
}
