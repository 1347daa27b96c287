/** Regular expressions with RE2's syntax and its promise of linear time. */
import { RE2JS } from 're2js'
import { CelError } from '../values/error.ts'

const compiled = new Map<string, RE2JS>()
const MOST = 2000

/** A pattern, compiled once. Throws CelError where it is none, in the words of Go's regexp. */
export function compilePattern(pattern: string): RE2JS {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  if (compiled.size >= MOST) compiled.clear()
  try {
    const expression = RE2JS.compile(pattern)
    compiled.set(pattern, expression)
    return expression
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error))
  }
}

/** Whether the pattern matches somewhere in the text. */
export const matches = (text: string, pattern: string): boolean => compilePattern(pattern).matcher(text).find()
