/** Conditions in the common form (apimachinery, pkg/apis/meta/v1/validation: ValidateConditions). */
import {
  byteLength,
  checkQualifiedName,
  duplicate,
  invalid,
  notSupported,
  patternMessage,
  required,
  tooLong,
} from '@canopus/apimachinery'
import { checkText, type Errors } from './check.ts'

interface Condition {
  type?: string
  status?: string
  observedGeneration?: number
  lastTransitionTime?: string
  reason?: string
  message?: string
}

const STATUSES = ['False', 'True', 'Unknown']
const LONGEST_REASON = 1024
const LONGEST_MESSAGE = 32 * 1024
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const REASON_RULE =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
const REASON_EXAMPLES = ['my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB']

export function checkConditions(errors: Errors, path: string, conditions: readonly Condition[] = []): void {
  for (const [index, condition] of conditions.entries()) {
    const at = `${path}[${index}]`
    const { type = '', status = '', observedGeneration = 0, reason = '', message = '' } = condition
    if (conditions.findIndex(each => (each.type ?? '') === type) < index) errors.push(duplicate(`${at}.type`, type))
    checkText(errors, `${at}.type`, type, checkQualifiedName)
    if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status, STATUSES))
    if (observedGeneration < 0) {
      const text = 'must be greater than or equal to zero'
      errors.push(invalid(`${at}.observedGeneration`, observedGeneration, text))
    }
    if (!condition.lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`))
    if (reason === '') errors.push(required(`${at}.reason`))
    else if (!new RegExp(`^${REASON}$`).test(reason)) {
      errors.push(invalid(`${at}.reason`, reason, patternMessage(REASON_RULE, REASON, ...REASON_EXAMPLES)))
    }
    if (byteLength(reason) > LONGEST_REASON) errors.push(tooLong(`${at}.reason`, LONGEST_REASON))
    if (byteLength(message) > LONGEST_MESSAGE) errors.push(tooLong(`${at}.message`, LONGEST_MESSAGE))
  }
}
