/** Autoscalers (pkg/apis/autoscaling/validation/validation.go). */
import {
  checkPathSegmentName,
  compareQuantities,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../../generated/autoscaling.v2.ts'
import { checkChoice, checkText, type Errors } from '../shared/check.ts'

export function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const errors: Errors = []
  const { minReplicas, maxReplicas } = spec
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'))
  }
  if (!(maxReplicas >= 1)) errors.push(invalid('spec.maxReplicas', maxReplicas ?? 0, 'must be greater than 0'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  }
  checkReference(errors, 'spec.scaleTargetRef', spec.scaleTargetRef)
  for (const [index, metric] of (spec.metrics ?? []).entries()) checkMetric(errors, `spec.metrics[${index}]`, metric)
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

const TYPES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'] as const
const FIELDS = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const

function checkMetric(errors: Errors, path: string, metric: MetricSpec): void {
  const type = metric.type as (typeof TYPES)[number]
  if (!type) {
    errors.push(required(`${path}.type`, 'must specify a metric source type'))
    return
  }
  if (!TYPES.includes(type)) {
    errors.push(notSupported(`${path}.type`, type, TYPES))
    return
  }
  const wanted = FIELDS[type]
  for (const field of Object.values(FIELDS)) {
    if (field === wanted || !metric[field]) continue
    errors.push(forbidden(`${path}.${field}`, 'must populate the given metric source only'))
  }
  if (!metric[wanted]) {
    const text = `must populate information for the given metric source`
    errors.push(required(`${path}.${wanted}`, text))
    return
  }
  checkSource(errors, path, metric)
}

function checkSource(errors: Errors, path: string, metric: MetricSpec): void {
  const { object, pods, resource, external, containerResource } = metric
  if (object) {
    checkReference(errors, `${path}.object.describedObject`, object.describedObject)
    checkIdentifier(errors, `${path}.object.metric`, object.metric)
    checkTarget(errors, `${path}.object.target`, object.target, false)
  }
  if (external) {
    checkIdentifier(errors, `${path}.external.metric`, external.metric)
    checkTarget(errors, `${path}.external.target`, external.target, false)
  }
  if (pods) {
    checkIdentifier(errors, `${path}.pods.metric`, pods.metric)
    checkTarget(errors, `${path}.pods.target`, pods.target, false)
    if (pods.target && pods.target.averageValue === undefined) {
      errors.push(required(`${path}.pods.target.averageValue`, 'must specify a positive target averageValue'))
    }
  }
  if (resource) {
    if (!resource.name) errors.push(required(`${path}.resource.name`, 'must specify a resource name'))
    checkTarget(errors, `${path}.resource.target`, resource.target, true)
  }
  if (containerResource) {
    const at = `${path}.containerResource`
    if (!containerResource.name) errors.push(required(`${at}.name`, 'must specify a resource name'))
    if (!containerResource.container) errors.push(required(`${at}.container`, 'must specify a container'))
    checkTarget(errors, `${at}.target`, containerResource.target, true)
  }
}

function checkIdentifier(errors: Errors, path: string, metric: MetricIdentifier | undefined): void {
  if (!metric?.name) errors.push(required(`${path}.name`))
  else checkText(errors, `${path}.name`, metric.name, checkPathSegmentName)
}

function checkTarget(errors: Errors, path: string, target: MetricTarget | undefined, ofResource: boolean): void {
  checkChoice(errors, `${path}.type`, target?.type, ['AverageValue', 'Utilization', 'Value'])
  if (target === undefined) return
  const { value, averageValue, averageUtilization } = target
  if (value !== undefined && compareQuantities(value, '0') <= 0) {
    errors.push(invalid(`${path}.value`, value, 'must be positive'))
  }
  if (averageValue !== undefined && compareQuantities(averageValue, '0') <= 0) {
    errors.push(invalid(`${path}.averageValue`, averageValue, 'must be positive'))
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  }
  if (ofResource) {
    if (averageUtilization === undefined && averageValue === undefined) {
      const text = 'must set either a target raw value or a target utilization'
      errors.push(required(`${path}.averageUtilization`, text))
    } else if (averageUtilization !== undefined && averageValue !== undefined) {
      const text = 'may not set both a target raw value and a target utilization'
      errors.push(forbidden(`${path}.averageValue`, text))
    }
  } else if (value === undefined && averageValue === undefined) {
    errors.push(required(`${path}.averageValue`, 'must set either a target value or averageValue'))
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
}
