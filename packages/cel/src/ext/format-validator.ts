import type { CheckedAst, Expr } from '../ast.ts'
import { walk } from '../check/walk.ts'
import type { AstValidator } from '../environment.ts'
import { CelError } from '../values/error.ts'
import { type Clause, type NumberStyle, parseFormat, refusals } from './string-format.ts'

/** Types that each verb may write in the older style. */
const english: Readonly<Record<string, readonly string[]>> = {
  s: ['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes', 'duration', 'type', 'null'],
  d: ['int', 'uint'],
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: ['int', 'uint', 'bool'],
  x: ['int', 'uint', 'string', 'bytes'],
  X: ['int', 'uint', 'string', 'bytes'],
  o: ['int', 'uint'],
}

/** In the newer style all numbers may be written as doubles, and doubles that are no numbers as ints. */
const plain: typeof english = {
  ...english,
  d: ['int', 'uint', 'double'],
  f: ['int', 'uint', 'double'],
  e: ['int', 'uint', 'double'],
}

/** Calls of `format` on a literal with a literal list are checked before they run. Behaviour: cel-go ext/formatting.go. */
export const validateFormatCalls =
  (style: NumberStyle): AstValidator =>
  (ast, report) => {
    for (const expr of walk(ast.expr)) {
      if (expr.kind !== 'call' || expr.name !== 'format' || expr.target?.kind !== 'literal') continue
      const [list] = expr.args
      if (typeof expr.target.value !== 'string' || list?.kind !== 'list') continue
      validateCall(ast, expr.id, expr.target.value, list.elements, style === 'plain' ? plain : english, report)
    }
  }

function validateCall(
  ast: CheckedAst,
  id: number,
  format: string,
  args: readonly Expr[],
  accepted: typeof english,
  report: (exprId: number, message: string) => void,
): void {
  let clauses: Clause[]
  try {
    clauses = parseFormat(format, args.length).filter(part => typeof part !== 'string')
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    report(id, error.message)
    return
  }
  for (const [index, clause] of clauses.entries()) {
    const wrong = misfit(ast, clause, args[index]!, accepted)
    if (wrong === undefined) continue
    report(wrong.id, `error during formatting: ${refusals[clause.verb]}${ast.types.get(wrong.id)!.name}`)
    return
  }
  if (args.length > clauses.length) {
    report(id, `too many arguments supplied to string.format (expected ${clauses.length}, got ${args.length})`)
  }
}

/** The part of an argument that a verb cannot write. */
function misfit(ast: CheckedAst, clause: Clause, expr: Expr, accepted: typeof english): Expr | undefined {
  const { kind } = ast.types.get(expr.id)!
  if (kind !== 'dyn' && !accepted[clause.verb]!.includes(kind)) return expr
  if (clause.verb !== 's') return undefined
  const inner =
    expr.kind === 'list'
      ? expr.elements
      : expr.kind === 'map'
        ? expr.entries.flatMap(({ key, value }) => [key, value])
        : []
  for (const part of inner) {
    const wrong = misfit(ast, clause, part, accepted)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
