/** What counts as failure and as success of a job (validation.go: validatePodFailurePolicy, validateSuccessPolicy). */
import { checkQualifiedName, duplicate, invalid, invalidOmitted, notSupported, required } from '@canopus/apimachinery'
import type { JobSpec, PodFailurePolicyRule } from '../../generated/batch.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkNonNegative, checkText, type Errors, fieldError } from '../shared/check.ts'
import { countIndexes } from './index-intervals.ts'

const MOST_RULES = 20
const MOST_VALUES = 255
const MOST_PATTERNS = 20
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']

const tooMany = (field: string, count: number, most: number) =>
  fieldError('FieldValueTooMany', field, `Too many: ${count}: must have at most ${most} items`)

export function checkPodFailurePolicy(errors: Errors, path: string, spec: JobSpec): void {
  const rules = spec.podFailurePolicy?.rules ?? []
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {}
  const names = new Set([...containers, ...initContainers].map(each => each.name))
  if (rules.length > MOST_RULES) errors.push(tooMany(`${path}.rules`, rules.length, MOST_RULES))
  for (const [index, rule] of rules.entries()) checkRule(errors, `${path}.rules[${index}]`, rule, spec, names)
}

function checkRule(
  errors: Errors,
  path: string,
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  names: ReadonlySet<string>,
): void {
  if (!rule.action)
    errors.push(required(`${path}.action`, `valid values: [${ACTIONS.map(each => `"${each}"`).join(' ')}]`))
  else if (!ACTIONS.includes(rule.action)) errors.push(notSupported(`${path}.action`, rule.action, ACTIONS))
  else if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'))
  }
  const patterns = rule.onPodConditions ?? []
  if (rule.onExitCodes) checkExitCodes(errors, `${path}.onExitCodes`, rule.onExitCodes, names)
  if (patterns.length > MOST_PATTERNS) errors.push(tooMany(`${path}.onPodConditions`, patterns.length, MOST_PATTERNS))
  for (const [index, { type, status }] of patterns.entries()) {
    const at = `${path}.onPodConditions[${index}]`
    checkText(errors, `${at}.type`, type ?? '', checkQualifiedName)
    if (!['True', 'False', 'Unknown'].includes(status)) {
      errors.push(notSupported(`${at}.status`, status ?? '', ['False', 'True', 'Unknown']))
    }
  }
  if (rule.onExitCodes && patterns.length > 0) {
    errors.push(invalidOmitted(path, 'specifying both OnExitCodes and OnPodConditions is not supported'))
  }
  if (!rule.onExitCodes && patterns.length === 0) {
    errors.push(invalidOmitted(path, 'specifying one of OnExitCodes and OnPodConditions is required'))
  }
}

function checkExitCodes(
  errors: Errors,
  path: string,
  requirement: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  names: ReadonlySet<string>,
): void {
  const { operator, containerName, values = [] } = requirement
  if (!operator) errors.push(required(`${path}.operator`, 'valid values: ["In" "NotIn"]'))
  else if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(notSupported(`${path}.operator`, operator, ['In', 'NotIn']))
  }
  if (containerName !== undefined && !names.has(containerName)) {
    const text = 'must be one of the container or initContainer names in the pod template'
    errors.push(invalid(`${path}.containerName`, containerName, text))
  }
  if (values.length === 0) errors.push(invalid(`${path}.values`, requirement.values, 'at least one value is required'))
  else if (values.length > MOST_VALUES) errors.push(tooMany(`${path}.values`, values.length, MOST_VALUES))
  let ordered = true
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) {
      errors.push(invalid(`${path}.values[${index}]`, value, 'must not be 0 for the In operator'))
    }
    if (values.indexOf(value) < index) errors.push(duplicate(`${path}.values[${index}]`, value))
    else if (index > 0 && value < values[index - 1]!) ordered = false
  }
  if (!ordered) errors.push(invalid(`${path}.values`, values, 'must be ordered'))
}

export function checkSuccessPolicy(errors: Errors, path: string, spec: JobSpec): void {
  if (spec.completionMode !== 'Indexed') {
    errors.push(
      invalid(path, goJson('batch.v1.SuccessPolicy', spec.successPolicy!), 'requires indexed completion mode'),
    )
    return
  }
  const rules = spec.successPolicy?.rules ?? []
  const field = `${path}.rules`
  if (rules.length === 0)
    errors.push(required(field, 'at least one rules must be specified when the successPolicy is specified'))
  if (rules.length > MOST_RULES) errors.push(tooMany(field, rules.length, MOST_RULES))
  for (const [index, { succeededIndexes, succeededCount }] of rules.entries()) {
    const at = `${field}[${index}]`
    if (succeededIndexes === undefined && succeededCount === undefined) {
      errors.push(required(at, 'at least one of succeededCount or succeededIndexes must be specified'))
    }
    checkNonNegative(errors, `${at}.succeededCount`, succeededCount)
    const completions = spec.completions ?? 0
    if (succeededCount !== undefined && succeededCount > completions) {
      const text = `must be less than or equal to ${completions} (the number of specified completions)`
      errors.push(invalid(`${at}.succeededCount`, succeededCount, text))
    }
    if (succeededIndexes === undefined) continue
    const total = countIndexes(succeededIndexes, completions)
    if (typeof total === 'string') {
      const text = `error parsing succeededIndexes: ${total}`
      errors.push(invalid(`${at}.succeededIndexes`, succeededIndexes, text))
    } else if (succeededCount !== undefined && succeededCount > total) {
      const text = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`
      errors.push(invalid(`${at}.succeededCount`, succeededCount, text))
    }
  }
}
