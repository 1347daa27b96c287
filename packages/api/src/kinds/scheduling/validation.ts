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

function wrongSystemClass(name: string, value: number, globalDefault: boolean | undefined): string | undefined {
  if (!Object.hasOwn(SYSTEM_PRIORITIES, name)) return `${name} is not a known system priority class`
  if (SYSTEM_PRIORITIES[name] !== value) return `value of ${name} PriorityClass must be ${SYSTEM_PRIORITIES[name]}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}

/** pkg/apis/scheduling/validation/validation.go. */
export function validatePriorityClass({
  metadata: { name = '' },
  value,
  globalDefault,
  preemptionPolicy,
}: PriorityClass): FieldError[] {
  const errors: Errors = []
  if (name.startsWith('system-')) {
    const wrong = wrongSystemClass(name, value, globalDefault)
    const text = "priority class names with 'system-' prefix are reserved for system use only. error: "
    if (wrong !== undefined) errors.push(forbidden('metadata.name', text + wrong))
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
