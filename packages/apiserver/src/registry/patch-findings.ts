/** What strict validation finds in the text of a patch itself (k8s.io/apiserver/pkg/endpoints/handlers/patch.go). */
import { readExactJson, surveyJson } from '@canopus/apimachinery'

const OPERATION_FIELDS = new Set(['op', 'from', 'path', 'value'])
/** More than this nobody reads (sigs.k8s.io/json). */
const MOST_FINDINGS = 100

type Plain = Record<string, unknown>

/**
 * Fields that a patch names twice, and of a JSON patch those that operations do not have. `patch` is what `text` says; without a text,
 * nothing can be said twice.
 */
export function patchFindings(patch: unknown, text: string | undefined, isJsonPatch: boolean): string[] {
  const twice = text === undefined || membersOf(patch) === surveyJson(text).members ? [] : duplicateFields(text)
  if (!isJsonPatch) return twice
  const operationOf = (finding: string): number => Number(/\[(\d+)\]/.exec(finding)?.[1] ?? -1)
  return [...twice, ...unknownFields(patch)]
    .sort((one, other) => operationOf(one) - operationOf(other))
    .map(finding => `json patch ${finding}`)
}

/** How many members all objects of a value have together; a text with more of them names one twice. */
export function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) for (const each of value) count += membersOf(each)
  else for (const key in value) count += 1 + membersOf((value as Plain)[key])
  return count
}

/** The fields that a text of JSON names twice. Throws JsonSyntaxError. */
export function duplicateFields(text: string): string[] {
  const { value, duplicates } = readExactJson(text)
  const found: string[] = []
  const walk = (each: unknown, path: string): void => {
    if (typeof each !== 'object' || each === null || found.length >= MOST_FINDINGS) return
    if (Array.isArray(each)) {
      for (const [index, item] of each.entries()) walk(item, `${path}[${index}]`)
      return
    }
    const below = path === '' ? '' : `${path}.`
    for (const { name } of duplicates.get(each) ?? []) found.push(`duplicate field "${below}${name}"`)
    for (const [key, item] of Object.entries(each)) walk(item, `${below}${key}`)
  }
  walk(value, '')
  return found.slice(0, MOST_FINDINGS)
}

function unknownFields(patch: unknown): string[] {
  if (!Array.isArray(patch)) return []
  return patch
    .flatMap((operation: unknown, index) =>
      Object.keys(typeof operation === 'object' && operation !== null ? operation : {})
        .filter(key => !OPERATION_FIELDS.has(key))
        .map(key => `unknown field "[${index}].${key}"`),
    )
    .slice(0, MOST_FINDINGS)
}
