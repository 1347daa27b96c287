import type { CheckedAst, Expr } from '../ast.ts'
import { partsOf, walk } from '../check/walk.ts'
import type { AstValidator } from '../environment.ts'
import { compilePattern } from '../stdlib/regex.ts'
import { type CelType, formatType, isExactType } from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { parseDuration, parseTimestamp } from '../values/time.ts'
import type { Value } from '../values/value.ts'

/** Literals that a function cannot take are refused before it runs. The first argument counts, whatever it is. */
const literalArgument =
  (name: string, accepts: (value: Value) => boolean): AstValidator =>
  (ast, report) => {
    for (const expr of walk(ast.expr)) {
      if (expr.kind !== 'call' || expr.name !== name) continue
      const arg = expr.args[0]
      if (arg?.kind === 'literal' && !accepts(arg.value)) report(arg.id, `invalid ${name} argument`)
    }
  }

function isPattern(text: string): boolean {
  try {
    compilePattern(text)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

const isTimestamp = (value: Value): boolean =>
  typeof value !== 'string'
    ? typeof value !== 'number' || (value >= -62_135_596_800 && value <= 253_402_300_799)
    : parseTimestamp(value) !== undefined

/** Elements of a literal have exactly one type, except in arguments of `format`. */
const homogeneousLiterals: AstValidator = (ast, report) => {
  for (const expr of outsideFormat(ast.expr)) {
    if (expr.kind === 'list') {
      const types = expr.elements.map((element, index) => typeOf(ast, element, expr.optional.includes(index)))
      const odd = types.findIndex(type => !isExactType(type, types[0]!))
      if (odd > 0) report(expr.elements[odd]!.id, mismatch(types[0]!, types[odd]!))
    } else if (expr.kind === 'map') {
      const [first] = expr.entries
      if (first === undefined) continue
      const [keyType, valueType] = [typeOf(ast, first.key, false), typeOf(ast, first.value, first.optional)]
      for (const { key, value, optional } of expr.entries) {
        const [ofKey, ofValue] = [typeOf(ast, key, false), typeOf(ast, value, optional)]
        if (!isExactType(ofKey, keyType)) report(key.id, mismatch(keyType, ofKey))
        if (!isExactType(ofValue, valueType)) report(value.id, mismatch(valueType, ofValue))
      }
    }
  }
}

const mismatch = (expected: CelType, found: CelType): string =>
  `expected type '${formatType(expected)}' but found '${formatType(found)}'`

function typeOf(ast: CheckedAst, expr: Expr, optional: boolean): CelType {
  const type = ast.types.get(expr.id)!
  return optional ? (type.params[0] ?? type) : type
}

function* outsideFormat(expr: Expr): Generator<Expr> {
  yield expr
  if (expr.kind === 'call' && expr.name === 'format') return
  for (const part of partsOf(expr)) yield* outsideFormat(part)
}

/** What Kubernetes refuses besides type errors. Behaviour: cel-go cel/validator.go. */
export const kubernetesValidators: readonly AstValidator[] = [
  literalArgument('duration', value => typeof value !== 'string' || parseDuration(value) !== undefined),
  literalArgument('timestamp', isTimestamp),
  literalArgument('matches', value => typeof value !== 'string' || isPattern(value)),
  homogeneousLiterals,
]
