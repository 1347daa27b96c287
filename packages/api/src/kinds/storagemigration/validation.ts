/** Storage version migrations (pkg/apis/storagemigration/validation/validation.go). */
import {
  checkDns1035Label,
  checkDns1123Subdomain,
  type FieldError,
  invalid,
  isConditionTrue,
  required,
  resourceVersionProblem,
} from '@canopus/apimachinery'
import type { StorageVersionMigration } from '../../generated/storagemigration.v1beta1.ts'
import { checkImmutable, type Errors } from '../shared/check.ts'
import { checkConditions } from '../shared/conditions.ts'

type Migration = StorageVersionMigration

export function validateMigration({ spec }: Migration): FieldError[] {
  const errors: Errors = []
  const { group = '', resource = '' } = spec.resource ?? {}
  if (resource === '') errors.push(required('spec.resource.resource', 'resource is required to be set'))
  else checkName(errors, 'spec.resource.resource', resource, checkDns1035Label)
  if (group !== '') checkName(errors, 'spec.resource.group', group, checkDns1123Subdomain)
  return errors
}

/** All that is wrong with a name is one finding. */
function checkName(errors: Errors, field: string, name: string, rule: (name: string) => string[]): void {
  const problems = rule(name)
  if (problems.length > 0) errors.push(invalid(field, name, problems.join(',')))
}

export function validateMigrationUpdate(object: Migration, old: Migration): FieldError[] {
  const errors = validateMigration(object)
  checkImmutable(errors, 'spec', object.spec, old.spec)
  return errors
}

/** What is over stays over, and the state that everything is compared with is chosen once. */
export function validateMigrationStatusUpdate({ status }: Migration, { status: old }: Migration): FieldError[] {
  const errors: Errors = []
  const { resourceVersion = '', conditions = [] } = status ?? {}
  const problem = resourceVersion === '' ? undefined : resourceVersionProblem(resourceVersion)
  if (problem !== undefined) errors.push(invalid('status.resourceVersion', resourceVersion, problem))
  checkConditions(errors, 'status.conditions', conditions)
  if (old?.resourceVersion && old.resourceVersion !== resourceVersion) {
    errors.push(invalid('status.resourceVersion', resourceVersion, 'field is immutable'))
  }
  const is = (type: string): boolean => isConditionTrue(conditions, type)
  const was = (type: string): boolean => isConditionTrue(old?.conditions, type)
  const refuse = (text: string): unknown => errors.push(invalid('status.conditions', conditions, text))
  if (is('Succeeded') && is('Failed')) refuse('Both success and failed conditions cannot be true at the same time')
  if (was('Succeeded') && !is('Succeeded')) refuse('Success condition cannot be set to false once it is true')
  if (was('Failed') && !is('Failed')) refuse('Failed condition cannot be set to false once it is true')
  return errors
}
