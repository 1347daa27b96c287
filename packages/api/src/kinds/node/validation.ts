import { checkDns1123Label, type FieldError, IMMUTABLE_MESSAGE, invalid, validateLabels } from '@canopus/apimachinery'
import type { RuntimeClass } from '../../generated/node.v1.ts'
import { checkTolerations } from '../core/pod/validate-affinity.ts'
import { checkResources } from '../core/pod/validate-resources.ts'
import { checkText, type Errors, push } from '../shared/check.ts'

/** pkg/apis/node/validation/validation.go. */
export function validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  const errors: Errors = []
  checkText(errors, 'handler', handler ?? '', checkDns1123Label)
  if (overhead) checkResources(errors, 'overhead', { limits: overhead.podFixed ?? {} }, new Set())
  if (scheduling) {
    push(errors, validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector'))
    checkTolerations(errors, 'scheduling.tolerations', scheduling.tolerations ?? [])
  }
  return errors
}

export function validateRuntimeClassUpdate(object: RuntimeClass, old: RuntimeClass): FieldError[] {
  const errors = validateRuntimeClass(object)
  if (object.handler !== old.handler) errors.push(invalid('handler', object.handler, IMMUTABLE_MESSAGE))
  return errors
}
