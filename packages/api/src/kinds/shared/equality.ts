import { semanticEqual } from '@canopus/apimachinery'

/** Whether two objects mean the same, leaving out some fields of the top level. */
export function sameExcept(a: object, b: object, except: readonly string[]): boolean {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) if (!except.includes(key) && !semanticEqual(left[key], right[key])) return false
  for (const key in right) {
    if (!(key in left) && !except.includes(key) && !semanticEqual(undefined, right[key])) return false
  }
  return true
}
