import { checkQualifiedName, type FieldError, forbidden, invalid } from '@canopus/apimachinery'
import type { Lease } from '../../generated/coordination.v1.ts'
import { checkNonNegative, checkOptionalChoice, checkText, type Errors } from '../shared/check.ts'

/** pkg/apis/coordination/validation/validation.go. */
export function validateLease({ spec }: Lease): FieldError[] {
  const errors: Errors = []
  const seconds = spec?.leaseDurationSeconds
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  }
  checkNonNegative(errors, 'spec.leaseTransitions', spec?.leaseTransitions)
  const { strategy, preferredHolder } = spec ?? {}
  // Upstream names the strategy twice.
  const field = 'spec.strategy.strategy'
  if (strategy?.includes('/')) checkText(errors, field, strategy, checkQualifiedName)
  else if (strategy !== undefined) checkOptionalChoice(errors, field, strategy, ['OldestEmulationVersion'])
  if (preferredHolder && !strategy) {
    errors.push(forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined'))
  }
  return errors
}
