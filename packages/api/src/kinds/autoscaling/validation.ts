/** Autoscalers (pkg/apis/autoscaling/validation/validation.go). */
import {
  checkDns1123Label,
  checkPathSegmentName,
  compareQuantities,
  type FieldError,
  forbidden,
  invalid,
  isFeatureOn,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type {
  CrossVersionObjectReference,
  ExternalMetricSource,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../../generated/autoscaling.v2.ts'
import { checkNonNegative, checkText, type Errors, NEGATIVE_MESSAGE } from '../shared/check.ts'
import { checkContainerResourceName } from '../shared/resource-names.ts'

/** What was wrong with `old` is let be (pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go). */
export function validateAutoscaler({ spec }: HorizontalPodAutoscaler, old?: HorizontalPodAutoscaler): FieldError[] {
  const errors: Errors = []
  const { minReplicas, maxReplicas } = spec
  const lowest = old?.spec.minReplicas === 0 || isFeatureOn('HPAScaleToZero') ? 0 : 1
  if (minReplicas !== undefined && minReplicas < lowest) {
    errors.push(invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`))
  }
  if (!maxReplicas) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'))
  else if (maxReplicas < 0) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  }
  const target = spec.scaleTargetRef
  const before = old?.spec.scaleTargetRef
  const sameTarget = before !== undefined && before.kind === target?.kind && before.apiVersion === target?.apiVersion
  checkReference(errors, 'spec.scaleTargetRef', target)
  if (!sameTarget) checkVersion(errors, 'spec.scaleTargetRef', target, target?.kind === 'ReplicationController')
  const wasWrong = (old?.spec.metrics ?? []).some(
    ({ object }) => object && versionProblem(object.describedObject?.apiVersion ?? '', true) !== undefined,
  )
  const metrics = spec.metrics ?? []
  for (const [index, metric] of metrics.entries()) checkMetric(errors, `spec.metrics[${index}]`, metric, wasWrong)
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    const text = 'must specify at least one Object or External metric to support scaling to zero replicas'
    errors.push(forbidden('spec.metrics', text))
  }
  const { scaleUp, scaleDown } = spec.behavior ?? {}
  if (scaleUp) checkRules(errors, 'spec.behavior.scaleUp', scaleUp)
  if (scaleDown) checkRules(errors, 'spec.behavior.scaleDown', scaleDown)
  return errors
}

function checkReference(errors: Errors, path: string, reference: CrossVersionObjectReference | undefined): void {
  for (const field of ['kind', 'name'] as const) {
    const value = reference?.[field]
    if (!value) errors.push(required(`${path}.${field}`))
    else checkText(errors, `${path}.${field}`, value, checkPathSegmentName)
  }
}

function versionProblem(apiVersion: string, coreToo: boolean): string | undefined {
  const slashes = apiVersion.split('/').length - 1
  if (slashes > 1) return `unexpected GroupVersion string: ${apiVersion}`
  return coreToo || slashes === 1 ? undefined : 'apiVersion must specify API group'
}

function checkVersion(
  errors: Errors,
  path: string,
  reference: CrossVersionObjectReference | undefined,
  coreToo: boolean,
): void {
  const problem = versionProblem(reference?.apiVersion ?? '', coreToo)
  if (problem !== undefined) errors.push(invalid(`${path}.apiVersion`, reference?.apiVersion ?? '', problem))
}

const TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'] as const
const FIELDS = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const

const ORDER = ['object', 'external', 'pods', 'resource', 'containerResource'] as const

function checkMetric(errors: Errors, path: string, metric: MetricSpec, anyVersion: boolean): void {
  const type = metric.type as (typeof TYPES)[number]
  const known = TYPES.includes(type)
  const unknown = notSupported(`${path}.type`, type ?? '', TYPES)
  if (!type) errors.push(required(`${path}.type`, 'must specify a metric source type'))
  if (!known) errors.push(unknown)
  const present = ORDER.filter(field => metric[field])
  if (present[0] !== undefined) checkSource(errors, path, { type, [present[0]]: metric[present[0]] }, anyVersion)
  const wanted = known ? FIELDS[type] : undefined
  if (wanted === undefined) errors.push(unknown)
  else if (!metric[wanted]) {
    errors.push(required(`${path}.${wanted}`, 'must populate information for the given metric source'))
  }
  if (present.length === 1) return
  for (const field of present) {
    if (field === wanted) continue
    errors.push(forbidden(`${path}.${field}`, 'must populate the given metric source only'))
  }
}

function checkSource(errors: Errors, path: string, metric: MetricSpec, anyVersion: boolean): void {
  const { object, pods, resource, external, containerResource } = metric
  if (object) {
    checkReference(errors, `${path}.object.describedObject`, object.describedObject)
    if (!anyVersion) checkVersion(errors, `${path}.object.describedObject`, object.describedObject, true)
    checkIdentifier(errors, `${path}.object.metric`, object.metric)
    checkTarget(errors, `${path}.object.target`, object.target)
    const { value, averageValue } = object.target ?? {}
    if (value === undefined && averageValue === undefined) {
      errors.push(required(`${path}.object.target.averageValue`, 'must set either a target value or averageValue'))
    }
  }
  if (external) checkExternal(errors, `${path}.external`, external)
  if (pods) {
    checkIdentifier(errors, `${path}.pods.metric`, pods.metric)
    checkTarget(errors, `${path}.pods.target`, pods.target)
    if (pods.target?.averageValue === undefined) {
      errors.push(required(`${path}.pods.target.averageValue`, 'must specify a positive target averageValue'))
    }
  }
  if (resource) {
    if (!resource.name) errors.push(required(`${path}.resource.name`, 'must specify a resource name'))
    checkTarget(errors, `${path}.resource.target`, resource.target)
    checkUsage(errors, `${path}.resource.target`, resource.target)
  }
  if (containerResource) {
    const at = `${path}.containerResource`
    const { name, container } = containerResource
    if (!name) errors.push(required(`${at}.name`, 'must specify a resource name'))
    else checkContainerResourceName(errors, `${at}.name`, name)
    if (!container) errors.push(required(`${at}.container`, 'must specify a container'))
    else checkText(errors, `${at}.container`, container, checkDns1123Label)
    checkTarget(errors, `${at}.target`, containerResource.target)
    checkUsage(errors, `${at}.target`, containerResource.target)
  }
}

function checkExternal(errors: Errors, path: string, { metric, target }: ExternalMetricSource): void {
  checkIdentifier(errors, `${path}.metric`, metric)
  checkTarget(errors, `${path}.target`, target)
  const { value, averageValue } = target ?? {}
  if (value === undefined && averageValue === undefined) {
    const text = 'must set either a target value for metric or a per-pod target'
    errors.push(required(`${path}.target.averageValue`, text))
  }
  if (value === undefined || averageValue === undefined) return
  const text = 'may not set both a target value for metric and a per-pod target'
  errors.push(forbidden(`${path}.target.value`, text))
}

function checkIdentifier(errors: Errors, path: string, metric: MetricIdentifier | undefined): void {
  if (!metric?.name) errors.push(required(`${path}.name`, 'must specify a metric name'))
  else checkText(errors, `${path}.name`, metric.name, checkPathSegmentName)
}

const TARGETS = ['Utilization', 'Value', 'AverageValue']

function checkTarget(errors: Errors, path: string, target: MetricTarget | undefined): void {
  const { type = '', value, averageValue, averageUtilization } = target ?? {}
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'))
  if (!TARGETS.includes(type)) {
    errors.push(invalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'))
  }
  if (value !== undefined && compareQuantities(value, '0') <= 0) {
    errors.push(invalid(`${path}.value`, value, 'must be positive'))
  }
  if (averageValue !== undefined && compareQuantities(averageValue, '0') <= 0) {
    errors.push(invalid(`${path}.averageValue`, averageValue, 'must be positive'))
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  }
}

/** Of a resource either an amount or a share of the request. */
function checkUsage(errors: Errors, path: string, target: MetricTarget | undefined): void {
  const { averageValue, averageUtilization } = target ?? {}
  if (averageUtilization === undefined && averageValue === undefined) {
    const text = 'must set either a target raw value or a target utilization'
    errors.push(required(`${path}.averageUtilization`, text))
  } else if (averageUtilization !== undefined && averageValue !== undefined) {
    const text = 'may not set both a target raw value and a target utilization'
    errors.push(forbidden(`${path}.averageValue`, text))
  }
}

const SELECT = ['Disabled', 'Max', 'Min']

function checkRules(errors: Errors, path: string, rules: HPAScalingRules): void {
  const window = rules.stabilizationWindowSeconds
  if (window !== undefined && window < 0) {
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'))
  }
  if (window !== undefined && window > 3600) {
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600'))
  }
  if (rules.selectPolicy !== undefined && !SELECT.includes(rules.selectPolicy)) {
    errors.push(notSupported(`${path}.selectPolicy`, rules.selectPolicy, SELECT))
  }
  const policies = rules.policies ?? []
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'))
  for (const [index, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${path}.policies[${index}]`
    if (type !== 'Pods' && type !== 'Percent') errors.push(notSupported(`${at}.type`, type ?? '', ['Percent', 'Pods']))
    if (!(value > 0)) errors.push(invalid(`${at}.value`, value ?? 0, 'must be greater than zero'))
    if (!(periodSeconds > 0)) {
      errors.push(invalid(`${at}.periodSeconds`, periodSeconds ?? 0, 'must be greater than zero'))
    } else if (periodSeconds > 1800) {
      errors.push(invalid(`${at}.periodSeconds`, periodSeconds, 'must be less than or equal to 1800'))
    }
  }
  const tolerance = rules.tolerance
  if (tolerance !== undefined && compareQuantities(tolerance, '0') < 0) {
    errors.push(invalid(`${path}.tolerance`, tolerance, NEGATIVE_MESSAGE))
  }
}

export function validateAutoscalerStatusUpdate({ status }: HorizontalPodAutoscaler): FieldError[] {
  const errors: Errors = []
  checkNonNegative(errors, 'status.currentReplicas', status?.currentReplicas)
  checkNonNegative(errors, 'status.desiredReplicas', status?.desiredReplicas)
  return errors
}
