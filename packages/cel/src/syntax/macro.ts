import type { Expr } from '../ast.ts'
import { type MacroBuilder, MacroError } from './builder.ts'

/**
 * A call that the parser replaces. `expand` gives undefined where the call is no use of the macro after all; it throws
 * MacroError where an argument is wrong.
 */
export interface Macro {
  readonly name: string
  readonly args: number
  /** Whether it is written `target.name(...)`. */
  readonly receiver: boolean
  expand(build: MacroBuilder, target: Expr | undefined, args: readonly Expr[]): Expr | undefined
}

export const macroKey = (name: string, args: number, receiver: boolean): string => `${name}:${args}:${receiver}`

/** The name of a loop's variable. */
export function variableName(build: MacroBuilder, arg: Expr, message = 'argument is not an identifier'): string {
  if (arg.kind !== 'ident' || arg.name.startsWith('.')) throw new MacroError(arg.id, message)
  if (arg.name === build.accumulator || arg.name === '__result__') {
    throw new MacroError(arg.id, 'iteration variable overwrites accumulator variable')
  }
  return arg.name
}
