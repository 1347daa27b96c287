import { aggregateText, type FieldError, fieldErrorText, invalid } from './field-error.ts'
import type { LabelSelector } from './generated/meta.ts'
import { checkLabelValue, checkQualifiedName } from './names.ts'

export type Labels = Readonly<Record<string, string>>

export type RequirementOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'

export interface Requirement {
  readonly key: string
  readonly operator: RequirementOperator
  readonly values: readonly string[]
}

/** A parsed selector: every requirement must hold. `'nothing'` matches no object, an empty list every object. */
export type Selector = readonly Requirement[] | 'nothing'

export const everything: Selector = []
export const nothing: Selector = 'nothing'

/** The selector cannot be used; the message is upstream's. */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SelectorError'
  }
}

/** Whether an object with `labels` is selected. */
export function matches(selector: Selector, labels: Labels | undefined): boolean {
  if (selector === 'nothing') return false
  for (const requirement of selector) if (!matchesRequirement(requirement, labels)) return false
  return true
}

function matchesRequirement(requirement: Requirement, labels: Labels | undefined): boolean {
  const { key, operator, values } = requirement
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value)
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt':
      return compareNumbers(operator, value, values[0])
  }
}

const int64Pattern = /^[+-]?[0-9]+$/
function parseInt64(text: string | undefined): bigint | undefined {
  if (text === undefined || !int64Pattern.test(text) || text.length > 20) return undefined
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}

function compareNumbers(operator: 'gt' | 'lt', text: string | undefined, boundText: string | undefined): boolean {
  const value = parseInt64(text)
  const bound = parseInt64(boundText)
  if (value === undefined || bound === undefined) return false
  return operator === 'gt' ? value > bound : value < bound
}

const operatorsOfObject: Readonly<Record<string, RequirementOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
}
/** Node selectors compare numbers too. */
const operatorsOfNodes: Readonly<Record<string, RequirementOperator>> = { ...operatorsOfObject, Gt: 'gt', Lt: 'lt' }

/**
 * The selector that a `LabelSelector` object means: absent selects nothing, empty selects everything. Throws
 * `SelectorError` where it is invalid.
 */
export function labelSelector(selector: LabelSelector | undefined | null): Selector {
  if (selector === undefined || selector === null) return nothing
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    newRequirement(key, '=', [value]),
  )
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const own = Object.hasOwn(operatorsOfObject, operator) ? operatorsOfObject[operator] : undefined
    if (own === undefined) {
      throw new SelectorError(`${JSON.stringify(operator)} is not a valid label selector operator`)
    }
    requirements.push(newRequirement(key ?? '', own, values ?? []))
  }
  return sorted(requirements)
}

/** A selector as Go prints the structure, which messages and tables of upstream show (LabelSelector.String). */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],}`,
  )
  const pairs = labels.map(([key, value]) => `${key}: ${value},`).join('')
  const list = `[]LabelSelectorRequirement{${expressions.map(each => `${each},`).join('')}}`
  return `&LabelSelector{MatchLabels:map[string]string{${pairs}},MatchExpressions:${list},}`
}

/** A requirement of a node selector (`Gt` and `Lt` besides the others), unchecked: what is invalid matches nothing. */
export function nodeRequirement(key: string, operator: string, values: readonly string[]): Requirement | undefined {
  const own = Object.hasOwn(operatorsOfNodes, operator) ? operatorsOfNodes[operator] : undefined
  return own === undefined ? undefined : { key, operator: own, values }
}

/** The selector that demands exactly these labels (`spec.selector` of services and replication controllers). */
export function labelSetSelector(labels: Labels | undefined): Selector {
  return sorted(Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=' as const, values: [value] })))
}

const byKey = (a: Requirement, b: Requirement): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
const sorted = (requirements: Requirement[]): Selector => requirements.sort(byKey)

/** Checks a requirement as upstream's `labels.NewRequirement`. Throws `SelectorError`. */
export function newRequirement(key: string, operator: RequirementOperator, values: readonly string[]): Requirement {
  const errors: FieldError[] = []
  const joined = (messages: string[]): string => messages.join('; ')
  const keyErrors = checkQualifiedName(key)
  if (keyErrors.length > 0) errors.push(invalid('key', key, joined(keyErrors)))
  const wrongCount = countError(operator, values)
  if (wrongCount !== undefined) errors.push(invalid('values', values, wrongCount))
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && parseInt64(value) === undefined) {
      errors.push(invalid(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"))
    }
    const valueErrors = checkLabelValue(value)
    if (valueErrors.length > 0) errors.push(invalid(`values[${index}][${key}]`, value, joined(valueErrors)))
  }
  if (errors.length > 0) throw new SelectorError(aggregateText(errors.map(fieldErrorText)))
  return { key, operator, values }
}

function countError(operator: RequirementOperator, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined
    case '=':
    case '==':
    case '!=':
      return values.length === 1 ? undefined : 'exact-match compatibility requires one single value'
    case 'exists':
    case '!':
      return values.length === 0 ? undefined : 'values set must be empty for exists and does not exist'
    case 'gt':
    case 'lt':
      return values.length === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required"
  }
}

/** The selector as text, as upstream prints it (`a=b,c in (d,e),!f`). */
export function formatSelector(selector: Selector): string {
  return selector === 'nothing' ? '' : selector.map(formatRequirement).join(',')
}

function formatRequirement({ key, operator, values }: Requirement): string {
  const list = [...values].sort().join(',')
  switch (operator) {
    case '=':
    case '==':
    case '!=':
      return `${key}${operator}${list}`
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`
    case 'gt':
      return `${key}>${list}`
    case 'lt':
      return `${key}<${list}`
    case 'exists':
      return key
    case '!':
      return `!${key}`
  }
}

/** The one value that the selector demands of `key`, where it demands one. */
export function requiredLabelValue(selector: Selector, key: string): string | undefined {
  if (selector === 'nothing') return undefined
  const requirement = selector.find(each => each.key === key)
  if (requirement === undefined || requirement.values.length !== 1) return undefined
  return ['=', '==', 'in'].includes(requirement.operator) ? requirement.values[0] : undefined
}
