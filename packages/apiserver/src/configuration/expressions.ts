/**
 * CEL expressions of configuration files: over the claims of a token, over the user that these became, over the question that an
 * authorizer is asked (k8s.io/apiserver pkg/authentication/cel and pkg/authorization/cel).
 */
import {
  boolType,
  type CelType,
  dynType,
  type Environment,
  type Expr,
  fromJson,
  kubernetesEnvironment,
  listOf,
  mapOf,
  PER_CALL_LIMIT,
  stringType,
  structType,
  type TypeProvider,
  toJson,
} from '@canopus/cel'

/** An expression that is ready to run. */
export interface CompiledExpression {
  /** What it makes of its input, as JSON. Throws where it fails. */
  evaluate(input: unknown): unknown
  /** Whether it looks at this field of its variable. */
  mentions(field: string): boolean
}

/** What an expression is about: the variable `claims`, `user` or `request`. */
export type ExpressionScope = 'claims' | 'user' | 'request'

/** Compiles an expression; `wants` is what it must evaluate to. Throws with upstream's message where it is wrong. */
export type CompileExpression = (
  expression: string,
  scope: ExpressionScope,
  wants: 'any' | 'bool',
) => CompiledExpression

const TEXTS = listOf(stringType)
const EXTRA = mapOf(stringType, TEXTS)

const texts = (...names: string[]): Record<string, CelType> => Object.fromEntries(names.map(name => [name, stringType]))
const selector = { ...texts('rawSelector'), requirements: listOf(structType('kubernetes.SelectorRequirement')) }

const TYPES: Readonly<Record<string, Readonly<Record<string, CelType>>>> = {
  'kubernetes.UserInfo': { ...texts('username', 'uid'), groups: TEXTS, extra: EXTRA },
  'kubernetes.SubjectAccessReviewSpec': {
    ...texts('user', 'uid'),
    groups: TEXTS,
    extra: EXTRA,
    resourceAttributes: structType('kubernetes.ResourceAttributes'),
    nonResourceAttributes: structType('kubernetes.NonResourceAttributes'),
  },
  'kubernetes.ResourceAttributes': {
    ...texts('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'),
    fieldSelector: structType('kubernetes.FieldSelectorAttributes'),
    labelSelector: structType('kubernetes.LabelSelectorAttributes'),
  },
  'kubernetes.FieldSelectorAttributes': selector,
  'kubernetes.LabelSelectorAttributes': selector,
  'kubernetes.SelectorRequirement': { ...texts('key', 'operator'), values: TEXTS },
  'kubernetes.NonResourceAttributes': texts('path', 'verb'),
}

const types: TypeProvider = {
  findType: name => (Object.hasOwn(TYPES, name) ? structType(name) : undefined),
  findField: (name, field) => (Object.hasOwn(TYPES, name) ? TYPES[name]![field] : undefined),
}

const VARIABLES: Readonly<Record<ExpressionScope, CelType>> = {
  claims: mapOf(stringType, dynType),
  user: structType('kubernetes.UserInfo'),
  request: structType('kubernetes.SubjectAccessReviewSpec'),
}

const environments = new Map<ExpressionScope, Environment>()

function environmentOf(scope: ExpressionScope): Environment {
  let environment = environments.get(scope)
  if (environment === undefined) {
    environment = kubernetesEnvironment.extend({ variables: { [scope]: VARIABLES[scope] }, libraries: [{ types }] })
    environments.set(scope, environment)
  }
  return environment
}

export const compileExpression: CompileExpression = (expression, scope, wants) => {
  const environment = environmentOf(scope)
  const compiled = environment.compile(expression)
  if (!compiled.ok) throw new Error(`compilation failed: ${compiled.message}`)
  if (wants === 'bool' && compiled.outputType !== boolType) throw new Error('must evaluate to bool')
  const { ast } = compiled
  const program = environment.program(ast)
  return {
    evaluate(input) {
      const result = program.evaluate({ [scope]: fromJson(input) }, { costLimit: PER_CALL_LIMIT })
      if (!result.ok) throw new Error(`expression '${expression}' resulted in error: ${result.error.message}`)
      return toJson(result.value)
    },
    mentions: field => mentions(ast.expr, scope, field),
  }
}

/** `scope.field`, or `scope.?field`, anywhere in the expression. */
function mentions(expr: Expr, scope: string, field: string): boolean {
  const inner = (each: Expr): boolean => mentions(each, scope, field)
  const isScope = (each: Expr | undefined): boolean => each?.kind === 'ident' && each.name === scope
  switch (expr.kind) {
    case 'literal':
    case 'ident':
      return false
    case 'select':
      return (expr.field === field && isScope(expr.operand)) || inner(expr.operand)
    case 'call': {
      const [first, second] = expr.args
      const optional = expr.name === '_?._' && second?.kind === 'literal' && second.value === field && isScope(first)
      return optional || expr.args.some(inner) || (expr.target !== undefined && inner(expr.target))
    }
    case 'list':
      return expr.elements.some(inner)
    case 'map':
      return expr.entries.some(({ key, value }) => inner(key) || inner(value))
    case 'struct':
      return expr.fields.some(({ value }) => inner(value))
    case 'comprehension':
      return [expr.range, expr.accuInit, expr.condition, expr.step, expr.result].some(inner)
  }
}
