/** From the text of rules to programs (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go). */
import type { JSONSchemaProps, ValidationRule } from '@canopus/api/apiextensions/v1'
import {
  boolType,
  type CheckedAst,
  type DeclType,
  declaredSizes,
  declaredTypes,
  declareSchema,
  type Environment,
  escapeFieldName,
  isExactType,
  kubernetesEnvironment,
  optionalOf,
  PlanError,
  type Program,
  stringType,
  type ValueSchema,
} from '@canopus/cel'
import { resolveFieldPath } from './field-path.ts'
import { type TimeRules, untimed } from './timing.ts'

/** Names that rules know the value by, and what stood in its place before. */
export const SELF = 'self'
export const OLD_SELF = 'oldSelf'
/** What is wrong with rules of a schema that has no place in the one around it. */
export const NO_DECLARATION = 'failed to convert to declType for CEL validation rules'

export interface CompiledRule {
  readonly rule: ValidationRule
  /** What is wrong with the rule; then there is no program. */
  readonly problem?: string
  readonly program?: Program
  readonly usesOldSelf: boolean
  /** The most that running it once may cost. */
  readonly mostCost: number
  readonly messageProblem?: string
  readonly message?: Program
  readonly mostMessageCost: number
  /** Where a finding belongs below the value. */
  readonly fieldPath: string
}

/** Compiles the rules of a schema itself, not of what lies below. `declared` is what they see as `self`. */
export function compileRules(schema: JSONSchemaProps, declared: DeclType, time: TimeRules = untimed): CompiledRule[] {
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules.length === 0 ? [] : time('compilation', () => compileAll(schema, rules, declared))
}

function compileAll(schema: JSONSchemaProps, rules: readonly ValidationRule[], declared: DeclType): CompiledRule[] {
  const types = [{ types: declaredTypes(declared) }]
  const plain = kubernetesEnvironment.extend({
    variables: { [SELF]: declared.type, [OLD_SELF]: declared.type },
    libraries: types,
  })
  const optional = rules.some(each => each.optionalOldSelf === true)
    ? kubernetesEnvironment.extend({
        variables: { [SELF]: declared.type, [OLD_SELF]: optionalOf(declared.type) },
        libraries: types,
      })
    : plain
  return rules.map(rule => compileRule(schema, rule, rule.optionalOldSelf === true ? optional : plain, declared))
}

const NOTHING = { usesOldSelf: false, mostCost: 0, mostMessageCost: 0, fieldPath: '' } as const

function compileRule(
  schema: JSONSchemaProps,
  rule: ValidationRule,
  environment: Environment,
  declared: DeclType,
): CompiledRule {
  if ((rule.rule ?? '').trim() === '') return { ...NOTHING, rule }
  const compiled = environment.compile(rule.rule)
  if (!compiled.ok) return { ...NOTHING, rule, problem: `compilation failed: ${compiled.message}` }
  if (!isExactType(compiled.outputType, boolType)) {
    return { ...NOTHING, rule, problem: 'cel expression must evaluate to a bool' }
  }
  const sizes = declaredSizes(declared)
  const made = makeProgram(environment, compiled.ast)
  if (typeof made === 'string') return { ...NOTHING, rule, problem: `program instantiation failed: ${made}` }
  return {
    rule,
    program: made,
    usesOldSelf: made.variables.includes(OLD_SELF),
    mostCost: environment.estimateCost(compiled.ast, sizes).max,
    fieldPath: rule.fieldPath ? (resolveFieldPath(schema, rule.fieldPath) ?? '') : '',
    ...compileMessage(rule, environment, declared),
  }
}

function compileMessage(
  { messageExpression }: ValidationRule,
  environment: Environment,
  declared: DeclType,
): Pick<CompiledRule, 'message' | 'messageProblem' | 'mostMessageCost'> {
  if (!messageExpression) return { mostMessageCost: 0 }
  const compiled = environment.compile(messageExpression)
  if (!compiled.ok) {
    return { mostMessageCost: 0, messageProblem: `messageExpression compilation failed: ${compiled.message}` }
  }
  if (!isExactType(compiled.outputType, stringType)) {
    return { mostMessageCost: 0, messageProblem: 'messageExpression must evaluate to a string' }
  }
  const made = makeProgram(environment, compiled.ast)
  if (typeof made === 'string') {
    return { mostMessageCost: 0, messageProblem: `messageExpression instantiation failed: ${made}` }
  }
  const sizes = declaredSizes(declared)
  return { message: made, mostMessageCost: environment.estimateCost(compiled.ast, sizes).max }
}

function makeProgram(environment: Environment, ast: CheckedAst): Program | string {
  try {
    return environment.program(ast)
  } catch (error) {
    if (error instanceof PlanError) return error.message
    throw error
  }
}

/** Structural schemas have one schema for all items of a list, which is what values are read by. */
export const asValueSchema = (schema: JSONSchemaProps): ValueSchema => schema as ValueSchema

/** What rules see of a part of a schema; a field whose name cannot be written in one has a declaration of its own. */
export function declaredField(
  declared: DeclType | undefined,
  name: string,
  schema: JSONSchemaProps,
): DeclType | undefined {
  const identifier = escapeFieldName(name)
  if (identifier !== undefined) return declared?.fields?.get(identifier)
  return declareSchema(asValueSchema(schema), schema['x-kubernetes-embedded-resource'] === true)
}
