/** What rules in a definition must be like (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/{validation,cel_validation}.go). */
import type { JSONSchemaProps, ValidationRule } from '@canopus/api/apiextensions/v1'
import { type FieldError, forbidden, internalFieldError, invalid, notSupported, required } from '@canopus/apimachinery'
import { type DeclType, declareSchema, maxCardinality } from '@canopus/cel'
import { itemsOf, propertyPath } from '../structural.ts'
import { asValueSchema, type CompiledRule, compileRules, declaredField, NO_DECLARATION } from './compile.ts'
import { resolveFieldPath } from './field-path.ts'
import { type TimeRules, untimed } from './timing.ts'

/** What one rule may cost at most, by the estimate. */
const RULE_LIMIT = 10_000_000
/** What all rules of a definition may cost together. */
const DEFINITION_LIMIT = 100_000_000
const SHOWN = 4
const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']
const VALIDATIONS = 'x-kubernetes-validations'

const NO_TYPE =
  'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations'

type Errors = FieldError[]

/** Checks what rules say of themselves, without compiling them. */
export function checkRuleTexts(errors: Errors, schema: JSONSchemaProps, path: string): void {
  for (const [index, rule] of (schema[VALIDATIONS] ?? []).entries()) {
    checkTexts(errors, schema, rule, `${path}.${VALIDATIONS}[${index}]`)
  }
}

const hasNewlines = (text: string): boolean => /[\n\r]/.test(text)

function checkTexts(errors: Errors, schema: JSONSchemaProps, rule: ValidationRule, at: string): void {
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule
  const [text, told] = [(rule.rule ?? '').trim(), message.trim()]
  if (text === '') errors.push(required(`${at}.rule`, 'rule is not specified'))
  else if (message !== '' && told === '') {
    errors.push(invalid(`${at}.message`, message, 'must be non-empty if specified'))
  } else if (hasNewlines(told)) errors.push(invalid(`${at}.message`, message, 'must not contain line breaks'))
  else if (hasNewlines(text) && told === '') {
    errors.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'))
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(required(`${at}.messageExpression`, 'messageExpression must be non-empty if specified'))
  }
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS))
  if (fieldPath === '') return
  if (fieldPath.trim() === '') errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must be non-empty if specified'))
  if (hasNewlines(fieldPath)) errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must not contain line breaks'))
  if (resolveFieldPath(schema, fieldPath) === undefined) {
    errors.push(invalid(`${at}.fieldPath`, fieldPath, 'must be a valid path'))
  }
}

export interface RuleOptions {
  readonly time?: TimeRules
  /** Rules that were there before may cost what they like, each; together they may not. */
  readonly anyCost?: boolean
  /** What is wrong with the schema: rules of what it is wrong with are not looked at. */
  readonly broken?: readonly FieldError[]
}

/** Compiles all rules of a structural schema, and adds up what they may cost. */
export function checkRules(errors: Errors, schema: JSONSchemaProps, path: string, options: RuleOptions = {}): void {
  const { time = untimed, anyCost = false, broken = [] } = options
  const costs = new Costs()
  check(errors, {
    schema,
    declared: declareSchema(asValueSchema(schema), true),
    path,
    often: 1,
    costs,
    time,
    anyCost,
    broken,
    ruled: false,
  })
  if (costs.total <= DEFINITION_LIMIT) return
  const text = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'
  for (const each of costs.greatest()) errors.push(forbidden(each, text))
  const name = `${VALIDATIONS} estimated rule cost total for entire OpenAPIv3 schema`
  errors.push(forbidden(path, costText(name, costs.total, DEFINITION_LIMIT)))
}

interface Place {
  readonly schema: JSONSchemaProps
  readonly declared: DeclType | undefined
  readonly path: string
  /** How often there may be such a value in an object; Infinity where nothing bounds it. */
  readonly often: number
  /** The first place around that is another one after an update: `oldSelf` has no meaning below it. */
  readonly lost?: string
  readonly costs: Costs
  readonly time: TimeRules
  readonly anyCost: boolean
  readonly broken: readonly FieldError[]
  /** Whether there are rules around it: then what it is comes from there, else rules here are of it alone. */
  readonly ruled: boolean
  /** Whether what is around it is declared, and knows nothing of it: `items` of what is no list. */
  readonly isUnknown?: boolean
}

class Costs {
  total = 0
  readonly #each: { path: string; cost: number }[] = []

  add(path: string, cost: number): void {
    this.total += cost
    if (cost >= DEFINITION_LIMIT / 100) this.#each.push({ path, cost })
  }

  greatest(): string[] {
    return this.#each
      .sort((a, b) => b.cost - a.cost)
      .slice(0, SHOWN)
      .map(each => each.path)
  }
}

function check(errors: Errors, around: Place): void {
  const place = withDeclaration(around)
  const { schema, declared, path } = place
  const { properties = {}, additionalProperties } = schema
  const ruled = place.ruled || hasRules(schema)
  for (const [name, each] of Object.entries(properties)) {
    check(errors, {
      ...place,
      schema: each,
      declared: declaredField(declared, name, each),
      path: propertyPath(path, name),
      ruled,
      isUnknown: false,
    })
  }
  const often = place.often * mostBelow(schema)
  const isUnknown = ruled && declared !== undefined && declared.element === undefined
  const below = { ...place, declared: declared?.element, often, ruled, isUnknown }
  if (typeof additionalProperties === 'object') {
    check(errors, { ...below, schema: additionalProperties, path: `${path}.additionalProperties` })
  }
  const items = itemsOf(schema)
  if (items !== undefined) {
    const lost = schema['x-kubernetes-list-type'] === 'map' ? place.lost : (place.lost ?? path)
    check(errors, { ...below, schema: items, path: `${path}.items`, ...(lost === undefined ? {} : { lost }) })
  }
  checkOwn(errors, place)
}

const hasRules = (schema: JSONSchemaProps): boolean => (schema[VALIDATIONS] ?? []).length > 0

/** Where nothing around it has rules, rules are of the schema by itself, whatever it is part of. */
function withDeclaration(place: Place): Place {
  const { schema, declared, ruled } = place
  if (declared !== undefined || ruled || !hasRules(schema)) return place
  return { ...place, declared: declareSchema(asValueSchema(schema), schema['x-kubernetes-embedded-resource'] === true) }
}

/** By how much a schema multiplies what is below it. */
function mostBelow({ type, additionalProperties, maxProperties, maxItems }: JSONSchemaProps): number {
  if (type === 'array') return Math.max(0, maxItems ?? Number.POSITIVE_INFINITY)
  if (type !== 'object' || additionalProperties === undefined) return 1
  return Math.max(0, maxProperties ?? Number.POSITIVE_INFINITY)
}

function checkOwn(errors: Errors, place: Place): void {
  const { schema, declared, path } = place
  if (!hasRules(schema) || place.broken.some(({ field }) => field.startsWith(`${path}.`))) return
  if (declared === undefined) {
    const text = place.isUnknown ? NO_DECLARATION : NO_TYPE
    errors.push(internalFieldError(`${path}.${VALIDATIONS}`, text))
    return
  }
  for (const [index, compiled] of compileRules(schema, declared, place.time).entries()) {
    checkCompiled(errors, compiled, place, declared, `${path}.${VALIDATIONS}[${index}]`)
  }
}

function checkCompiled(errors: Errors, compiled: CompiledRule, place: Place, declared: DeclType, at: string): void {
  const { rule, problem, messageProblem, message, usesOldSelf } = compiled
  const cost = product(compiled.mostCost, Number.isFinite(place.often) ? place.often : maxCardinality(declared))
  if (cost > RULE_LIMIT && !place.anyCost)
    errors.push(forbidden(`${at}.rule`, costText('estimated rule cost', cost, RULE_LIMIT)))
  place.costs.add(`${at}.rule`, cost)
  if (problem !== undefined) errors.push(invalid(`${at}.rule`, internalForm(rule), problem))
  if (messageProblem !== undefined) {
    errors.push(invalid(`${at}.messageExpression`, internalForm(rule), messageProblem))
  } else if (message !== undefined) {
    const { mostMessageCost } = compiled
    if (mostMessageCost > RULE_LIMIT && !place.anyCost) {
      const text = costText('estimated messageExpression cost', mostMessageCost, RULE_LIMIT)
      errors.push(forbidden(`${at}.messageExpression`, text))
    }
    place.costs.add(`${at}.messageExpression`, mostMessageCost)
  }
  if (usesOldSelf && place.lost !== undefined) {
    const text = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.lost}`
    errors.push(invalid(`${at}.rule`, rule.rule, text))
  } else if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
    const text = 'may not be set if oldSelf is not used in rule'
    errors.push(invalid(`${at}.optionalOldSelf`, rule.optionalOldSelf, text))
  }
}

/** As upstream's internal type prints. */
const internalForm = (rule: ValidationRule): unknown => ({
  Rule: rule.rule,
  Message: rule.message ?? '',
  MessageExpression: rule.messageExpression ?? '',
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? '',
  OptionalOldSelf: rule.optionalOldSelf ?? null,
})

const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b)

function costText(name: string, cost: number, limit: number): string {
  const factor = cost / limit
  const text = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`
  return `${name} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}
