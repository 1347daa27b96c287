/** Runs the rules of a schema on a value (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go). */
import type { JSONSchemaProps, ValidationRule } from '@canopus/api/apiextensions/v1'
import {
  deepEqual,
  duplicate,
  type FieldError,
  fieldErrorText,
  forbidden,
  invalid,
  required,
} from '@canopus/apimachinery'
import {
  type Activation,
  CostExceeded,
  type DeclType,
  declareSchema,
  type EvaluateResult,
  OptionalValue,
  PER_CALL_LIMIT,
  type Program,
  RUNTIME_COST_BUDGET,
  schemaValue,
  type ValueSchema,
  withResourceMeta,
} from '@canopus/cel'
import { itemsOf } from '../structural.ts'
import {
  asValueSchema,
  type CompiledRule,
  compileRules,
  declaredField,
  NO_DECLARATION,
  OLD_SELF,
  SELF,
} from './compile.ts'
import { type TimeRules, untimed } from './timing.ts'

const LONGEST_MESSAGE = 5 * 1024

/** The rules of a schema and of all that lies below it; only what has rules is there. */
export interface RuleNode {
  readonly schema: JSONSchemaProps
  /** The schema as rules see it: whole resources have their type and name. */
  readonly seen: ValueSchema
  readonly rules: readonly CompiledRule[]
  /** Why none of its rules can be run. */
  readonly problem?: string
  readonly items?: RuleNode
  readonly values?: RuleNode
  readonly properties: ReadonlyMap<string, RuleNode>
}

/** Compiles all rules of a schema; undefined where it has none. `whole` objects have a type and a name. */
export function ruleTree(schema: JSONSchemaProps, time: TimeRules = untimed, whole = true): RuleNode | undefined {
  return hasRules(schema) ? nodeOf(schema, declareSchema(asValueSchema(schema), whole), time, whole) : undefined
}

const hasOwnRules = (schema: JSONSchemaProps): boolean => (schema['x-kubernetes-validations'] ?? []).length > 0

function hasRules(schema: JSONSchemaProps): boolean {
  if (hasOwnRules(schema)) return true
  const { properties = {}, additionalProperties } = schema
  const items = itemsOf(schema)
  if (items !== undefined && hasRules(items)) return true
  if (typeof additionalProperties === 'object' && hasRules(additionalProperties)) return true
  return Object.values(properties).some(hasRules)
}

function nodeOf(
  schema: JSONSchemaProps,
  declared: DeclType | undefined,
  time: TimeRules,
  isRoot = false,
): RuleNode | undefined {
  const { properties = {}, additionalProperties } = schema
  const rules = declared === undefined ? [] : compileRules(schema, declared, time)
  const problem = declared === undefined && hasOwnRules(schema) ? NO_DECLARATION : undefined
  const ownItems = itemsOf(schema)
  const items = ownItems && nodeOf(ownItems, declared?.element, time)
  const values =
    typeof additionalProperties === 'object' ? nodeOf(additionalProperties, declared?.element, time) : undefined
  const below = new Map<string, RuleNode>()
  for (const [name, property] of Object.entries(properties)) {
    const field = declaredField(declared, name, property)
    const node = field && nodeOf(property, field, time)
    if (node !== undefined) below.set(name, node)
  }
  const isEmpty = items === undefined && values === undefined && below.size === 0
  if (rules.length === 0 && problem === undefined && isEmpty) return undefined
  const seen =
    isRoot || schema['x-kubernetes-embedded-resource'] === true
      ? withResourceMeta(asValueSchema(schema))
      : asValueSchema(schema)
  return {
    schema,
    seen,
    rules,
    properties: below,
    ...(problem && { problem }),
    ...(items && { items }),
    ...(values && { values }),
  }
}

/** A value and what it was before. Findings about what did not change are not held against it (KEP-4008). */
class Change {
  readonly #value: unknown
  readonly #old: unknown
  #same: boolean | undefined

  constructor(value: unknown, old: unknown) {
    this.#value = value
    this.#old = old
  }

  get isNone(): boolean {
    this.#same ??= deepEqual(this.#value, this.#old)
    return this.#same
  }
}

/** What is known of the change of a value: its own, or that of the nearest value around it that can be found again. */
interface Correlation {
  readonly own?: Change
  readonly around?: Change
}

export interface RuleFindings {
  readonly errors: readonly FieldError[]
  /** Findings about what did not change. */
  readonly warnings: readonly string[]
}

/** Runs all rules on an object; `old` is what it was before an update. */
export function evaluateRules(tree: RuleNode, object: unknown, old?: unknown): RuleFindings {
  const run = new Run()
  run.visit(tree, object, old, '', old === undefined ? {} : { own: new Change(object, old) })
  return run
}

/**
 * Runs all rules on the default of a field at `path`: as a value that stays, and where nothing is wrong with that, as one that
 * comes. Answers what is wrong and how much of the budget is left, less than 0 where it did not suffice.
 */
export function evaluateDefault(
  tree: RuleNode,
  value: unknown,
  path: string,
  budget = RUNTIME_COST_BUDGET,
): { errors: readonly FieldError[]; budget: number } {
  const stays = new Run(budget)
  stays.visit(tree, value, value, path, {})
  if (stays.errors.length > 0) return stays
  const comes = new Run(budget)
  comes.visit(tree, value, undefined, path, {})
  return { errors: comes.errors, budget: Math.min(stays.budget, comes.budget) }
}

type Plain = Readonly<Record<string, unknown>>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

class Run implements RuleFindings {
  readonly errors: FieldError[] = []
  readonly warnings: string[] = []
  #budget: number

  constructor(budget = RUNTIME_COST_BUDGET) {
    this.#budget = budget
  }

  get budget(): number {
    return this.#budget
  }

  visit(node: RuleNode, value: unknown, old: unknown, path: string, correlation: Correlation): void {
    if (value === undefined || value === null || this.#budget < 0) return
    this.#runRules(node, value, old ?? undefined, path, correlation)
    if (Array.isArray(value)) this.#visitList(node, value, old, path, correlation)
    else if (isPlain(value)) this.#visitObject(node, value, old, path, correlation)
  }

  #visitList(node: RuleNode, value: readonly unknown[], old: unknown, path: string, correlation: Correlation): void {
    const { items, schema } = node
    if (items === undefined) return
    const before = oldEntries(schema, old)
    for (const [index, each] of value.entries()) {
      const previous = before(each)
      this.visit(items, each, previous, `${path}[${index}]`, below(correlation, each, previous))
    }
  }

  #visitObject(node: RuleNode, value: Plain, old: unknown, path: string, correlation: Correlation): void {
    const { values, properties } = node
    const before = isPlain(old) ? old : undefined
    for (const name of Object.keys(value)) {
      const own = properties.get(name)
      const next = own ?? values
      if (next === undefined) continue
      const previous = before !== undefined && Object.hasOwn(before, name) ? before[name] : undefined
      const at = own === undefined ? `${path}[${name}]` : child(path, name)
      this.visit(next, value[name], previous, at, below(correlation, value[name], previous))
    }
  }

  #runRules(node: RuleNode, value: unknown, old: unknown, path: string, correlation: Correlation): void {
    if (node.problem !== undefined) this.#say(path, node, `rule compiler initialization error: ${node.problem}`)
    if (node.rules.length === 0) return
    const self = schemaValue(node.seen, value)
    const before = old === undefined ? undefined : schemaValue(node.seen, old)
    const activation: Activation = { [SELF]: self, [OLD_SELF]: before }
    for (const compiled of node.rules) {
      if (this.#budget < 0) return
      const { rule, program, problem, usesOldSelf } = compiled
      if (this.#budget === 0) {
        this.#exhaust(node, path)
        return
      }
      if (problem !== undefined) this.#say(path, node, `rule compile error: ${problem}`)
      if (program === undefined) continue
      const isOptional = rule.optionalOldSelf === true
      if (usesOldSelf && old === undefined && !isOptional) continue
      const variables = isOptional ? { [SELF]: self, [OLD_SELF]: optional(before) } : activation
      const result = this.#evaluate(program, variables, path, node, rule)
      if (result === undefined || (result.ok && result.value === true)) continue
      if (result.ok) this.#fail(node, compiled, value, path, activation, correlation)
      else this.#say(path, node, failureText(result.error.message, rule))
    }
  }

  /** Runs a rule and pays for it; undefined where the budget did not suffice, which is said. */
  #evaluate(
    program: Program,
    activation: Activation,
    path: string,
    node: RuleNode,
    rule: ValidationRule,
  ): EvaluateResult | undefined {
    try {
      const result = program.evaluate(activation, { costLimit: PER_CALL_LIMIT })
      if (result.cost > this.#budget) {
        this.#exhaust(node, path)
        return undefined
      }
      this.#budget -= result.cost
      return result
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error
      if (this.#budget < PER_CALL_LIMIT) this.#exhaust(node, path)
      else {
        const text = `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${ruleText(rule)}`
        this.#say(path, node, text)
        this.#budget = -1
      }
      return undefined
    }
  }

  #exhaust(node: RuleNode, path: string): void {
    this.#say(
      path,
      node,
      'validation failed due to running out of cost budget, no further validation rules will be run',
    )
    this.#budget = -1
  }

  #say(path: string, { schema }: RuleNode, text: string): void {
    this.errors.push(invalid(orNil(path), schema.type ?? '', text))
  }

  #fail(
    node: RuleNode,
    compiled: CompiledRule,
    value: unknown,
    path: string,
    activation: Activation,
    correlation: Correlation,
  ): void {
    const { rule, fieldPath, message } = compiled
    const at = fieldPath === '' ? path : fieldPath.startsWith('[') ? `${path}${fieldPath}` : child(path, fieldPath)
    const told = message && this.#message(message, rule, activation, at, node)
    if (this.#budget < 0) return
    const { type } = node.schema
    const shown = type === 'object' || type === 'array' ? undefined : { value }
    const error = finding(
      orNil(at),
      shown,
      told ?? (rule.message?.trim() || `failed rule: ${ruleText(rule)}`),
      rule.reason,
    )
    const change = correlation.own ?? correlation.around
    if (!compiled.usesOldSelf && change?.isNone === true) this.warnings.push(fieldErrorText(error))
    else this.errors.push(error)
  }

  /** What `messageExpression` says; undefined where it fails or says nothing that can be shown. */
  #message(
    program: Program,
    rule: ValidationRule,
    activation: Activation,
    path: string,
    node: RuleNode,
  ): string | undefined {
    let result: EvaluateResult
    try {
      result = program.evaluate(activation, { costLimit: PER_CALL_LIMIT })
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error
      const text = `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(rule.messageExpression)}`
      this.#say(path, node, text)
      this.#budget = -1
      return undefined
    }
    if (result.cost > this.#budget) {
      const text =
        'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run'
      this.#say(path, node, text)
      this.#budget = -1
      return undefined
    }
    this.#budget -= result.cost
    if (!result.ok || typeof result.value !== 'string') return undefined
    const text = result.value.trim()
    const isShown = text !== '' && !text.includes('\n') && new TextEncoder().encode(text).length <= LONGEST_MESSAGE
    return isShown ? text : undefined
  }
}

const optional = (value: ReturnType<typeof schemaValue> | undefined): OptionalValue =>
  value === undefined ? OptionalValue.none : new OptionalValue(value)

const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`)
/** Go's name for the path of the whole object. */
const orNil = (path: string): string => (path === '' ? '<nil>' : path)
const ruleText = ({ message, rule }: ValidationRule): string => (message || rule).trim()

function failureText(message: string, rule: ValidationRule): string {
  return message.startsWith('no such overload')
    ? `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${ruleText(rule)}`
    : `${message} evaluating rule: ${ruleText(rule)}`
}

/** `shown` is left out of findings about whole objects and lists. */
function finding(path: string, shown: { value: unknown } | undefined, text: string, reason?: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(path, text)
    case 'FieldValueRequired':
      return required(path, text)
    case 'FieldValueDuplicate':
      return shown === undefined
        ? { type: 'FieldValueDuplicate', field: path, body: 'Duplicate value' }
        : duplicate(path, shown.value)
    default:
      return shown === undefined
        ? { type: 'FieldValueInvalid', field: path, body: `Invalid value: ${text}` }
        : invalid(path, shown.value, text)
  }
}

function below({ own, around }: Correlation, value: unknown, old: unknown): Correlation {
  if (own === undefined) return around === undefined ? {} : { around }
  return old === undefined ? { around: own } : { own: new Change(value, old), around: own }
}

/** Finds what an entry of a list was before, where the list is a map by keys. */
function oldEntries(schema: JSONSchemaProps, old: unknown): (entry: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (schema['x-kubernetes-list-type'] !== 'map' || keys.length === 0 || !Array.isArray(old)) return () => undefined
  const identity = (entry: unknown): string | undefined =>
    isPlain(entry) && keys.every(key => isScalar(entry[key])) ? JSON.stringify(keys.map(key => entry[key])) : undefined
  const known = new Map<string, unknown>()
  for (const each of old) {
    const id = identity(each)
    if (id !== undefined && !known.has(id)) known.set(id, each)
  }
  return entry => {
    const id = identity(entry)
    return id === undefined ? undefined : known.get(id)
  }
}

const isScalar = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)
