import {
  checkDns1123Label,
  duplicate,
  type FieldError,
  IMMUTABLE_MESSAGE,
  invalid,
  required,
  validateLabels,
} from '@canopus/apimachinery'
import type { Toleration } from '../../generated/core.v1.ts'
import type { RuntimeClass } from '../../generated/node.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkTolerations } from '../core/pod/validate-affinity.ts'
import { checkResources } from '../core/pod/validate-resources.ts'
import { checkText, type Errors, push } from '../shared/check.ts'

/** pkg/apis/node/validation/validation.go. */
export function validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  const errors: Errors = []
  if (!handler) errors.push(required('handler'))
  else checkText(errors, 'handler', handler, checkDns1123Label)
  if (overhead) checkResources(errors, 'overhead', { limits: overhead.podFixed ?? {} }, new Set())
  if (scheduling) {
    push(errors, validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector'))
    const { tolerations = [] } = scheduling
    checkTolerations(errors, 'scheduling.tolerations', tolerations)
    checkUnique(errors, 'scheduling.tolerations', tolerations)
  }
  return errors
}

function checkUnique(errors: Errors, path: string, tolerations: readonly Toleration[]): void {
  const seen = new Set<string>()
  for (const [index, toleration] of tolerations.entries()) {
    const { key = '', operator = '', value = '', effect = '' } = toleration
    const same = JSON.stringify([key, operator, value, effect])
    if (seen.has(same)) errors.push(duplicate(`${path}[${index}]`, goJson('core.v1.Toleration', toleration)))
    seen.add(same)
  }
}

export function validateRuntimeClassUpdate(object: RuntimeClass, old: RuntimeClass): FieldError[] {
  const errors = validateRuntimeClass(object)
  if (object.handler !== old.handler) errors.push(invalid('handler', object.handler, IMMUTABLE_MESSAGE))
  return errors
}
