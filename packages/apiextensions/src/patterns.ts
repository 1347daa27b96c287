/** Regular expressions with RE2's syntax and its promise of linear time. */
import { RE2JS } from 're2js'

const compiled = new Map<string, RE2JS>()
const MOST = 2000

function patternOf(pattern: string): RE2JS {
  let found = compiled.get(pattern)
  if (found === undefined) {
    if (compiled.size >= MOST) compiled.clear()
    found = RE2JS.compile(pattern)
    compiled.set(pattern, found)
  }
  return found
}

/** Whether the pattern matches anywhere in the text. Patterns that are none match everything: they are refused elsewhere. */
export function matchesPattern(pattern: string, text: string): boolean {
  let expression: RE2JS
  try {
    expression = patternOf(pattern)
  } catch {
    return true
  }
  return expression.matcher(text).find()
}

/** What is wrong with a pattern, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  try {
    patternOf(pattern)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
