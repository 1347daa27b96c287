import { type FieldError, invalid, required } from '@canopus/apimachinery'
import type { ReplicationController } from '../../generated/core.v1.ts'
import { checkAlwaysRunning, checkCounts } from '../apps/template-validation.ts'
import { checkNonNegative, type Errors } from '../shared/check.ts'
import { checkPodTemplate } from './pod/validate-spec.ts'

export function validateReplicationController({ spec }: ReplicationController): FieldError[] {
  const errors: Errors = []
  checkNonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds)
  const selector = Object.entries(spec.selector ?? {})
  if (selector.length === 0) errors.push(required('spec.selector'))
  checkNonNegative(errors, 'spec.replicas', spec.replicas)
  const { template } = spec
  if (template === undefined) {
    errors.push(required('spec.template'))
    return errors
  }
  const labels = template.metadata?.labels
  if (!selector.every(([key, value]) => labels?.[key] === value)) {
    errors.push(invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'))
  }
  checkPodTemplate(errors, 'spec.template', template)
  checkAlwaysRunning(errors, template, 'ReplicationController')
  return errors
}

export function validateReplicationControllerStatusUpdate({ status }: ReplicationController): FieldError[] {
  const errors: Errors = []
  checkCounts(errors, status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'])
  return errors
}
