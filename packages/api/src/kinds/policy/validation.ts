import { type FieldError, invalid, validateLabelSelector } from '@canopus/apimachinery'
import type { PodDisruptionBudget } from '../../generated/policy.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkIntOrPercent, checkNotMoreThanAll } from '../apps/template-validation.ts'
import { checkNonNegative, checkOptionalChoice, type Errors, push } from '../shared/check.ts'
import { checkConditions } from '../shared/conditions.ts'

/** pkg/apis/policy/validation/validation.go. */
export function validateBudget({ spec }: PodDisruptionBudget): FieldError[] {
  const errors: Errors = []
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const shown = goJson('policy.v1.PodDisruptionBudgetSpec', spec)
    errors.push(invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set'))
  }
  for (const [field, value] of [
    ['spec.minAvailable', minAvailable],
    ['spec.maxUnavailable', maxUnavailable],
  ] as const) {
    checkIntOrPercent(errors, field, value)
    checkNotMoreThanAll(errors, field, value)
  }
  push(errors, validateLabelSelector(selector, 'spec.selector'))
  const policies = ['AlwaysAllow', 'IfHealthyBudget']
  checkOptionalChoice(errors, 'spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, policies)
  return errors
}

export function validateBudgetStatusUpdate({ status }: PodDisruptionBudget): FieldError[] {
  const errors: Errors = []
  checkConditions(errors, 'status.conditions', status?.conditions)
  for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) {
    checkNonNegative(errors, `status.${field}`, status?.[field])
  }
  return errors
}
