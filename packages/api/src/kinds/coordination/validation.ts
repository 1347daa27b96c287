import { type FieldError, invalid } from '@canopus/apimachinery'
import type { Lease } from '../../generated/coordination.v1.ts'
import { checkNonNegative, type Errors } from '../shared/check.ts'

/** pkg/apis/coordination/validation/validation.go. */
export function validateLease({ spec }: Lease): FieldError[] {
  const errors: Errors = []
  const seconds = spec?.leaseDurationSeconds
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  }
  checkNonNegative(errors, 'spec.leaseTransitions', spec?.leaseTransitions)
  return errors
}
