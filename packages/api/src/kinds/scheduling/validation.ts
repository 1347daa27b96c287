import { type FieldError, forbidden } from '@canopus/apimachinery'
import type { PriorityClass } from '../../generated/scheduling.v1.ts'
import { checkPreemption } from '../core/pod/validate-spec.ts'
import { checkImmutable, type Errors } from '../shared/check.ts'

const HIGHEST_OF_USERS = 1_000_000_000

/** The two classes that the system itself brings along. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

/** pkg/apis/scheduling/validation/validation.go. */
export function validatePriorityClass({ metadata, value, preemptionPolicy }: PriorityClass): FieldError[] {
  const errors: Errors = []
  const { name = '' } = metadata
  if (name.startsWith('system-')) {
    if (SYSTEM_PRIORITIES[name] !== value) {
      const text = `priority class names with 'system-' prefix are reserved for system use only. error: ${
        name in SYSTEM_PRIORITIES
          ? `value of ${name} PriorityClass must be ${SYSTEM_PRIORITIES[name]}`
          : `${name} is not a known system priority class`
      }`
      errors.push(forbidden('metadata.name', text))
    }
  } else if (value > HIGHEST_OF_USERS) {
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`))
  }
  if (preemptionPolicy !== undefined) checkPreemption(errors, 'preemptionPolicy', preemptionPolicy)
  return errors
}

export function validatePriorityClassUpdate(object: PriorityClass, old: PriorityClass): FieldError[] {
  const errors: Errors = []
  if (object.value !== old.value) errors.push(forbidden('value', 'may not be changed in an update.'))
  checkImmutable(errors, 'preemptionPolicy', object.preemptionPolicy, old.preemptionPolicy)
  return errors
}
