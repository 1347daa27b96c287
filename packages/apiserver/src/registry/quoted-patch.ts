/**
 * The text of a patched object as upstream's library leaves it (gopkg.in/evanphx/json-patch): objects that the patch went through are
 * maps, sorted, and what it did not touch is the text that the object had before.
 */
import { inGoOrder, schemas } from '@canopus/api'
import { encodeJson, isObject, type KubeObject, type Schema } from '@canopus/apimachinery'
import { withSortedKeys } from '../encoding/findings.ts'

/** `message` names the type of a built-in kind; custom objects are maps all through. `given` are values that stay as they were sent. */
export function quotedPatch(
  patched: unknown,
  old: KubeObject | undefined,
  message: string | undefined,
  given: ReadonlySet<unknown>,
): string {
  const schema = message === undefined ? undefined : schemas.schemaOf(message)
  return escaped(encodeJson(quoted(patched, old, schema, given)))
}

/** The values of a patch's operations. Those of a merge patch come out of maps. */
export const valuesOf = (patch: unknown): ReadonlySet<unknown> =>
  new Set(Array.isArray(patch) ? patch.map(each => (isObject(each) ? each.value : undefined)) : [])

function quoted(value: unknown, old: unknown, schema: Schema | undefined, given: ReadonlySet<unknown>): unknown {
  if (typeof value !== 'object' || value === null || given.has(value)) return value
  if (value === old) return inGoOrder(schema, value)
  if (Array.isArray(value)) return Array.isArray(old) ? items(value, old, schema, given) : value
  if (!isObject(old) || !isObject(value)) return withSortedKeys(value)
  const fieldOf = (name: string): Schema | undefined =>
    schema?.type === 'struct' ? schema.fields.get(name)?.schema : schema?.type === 'map' ? schema.values : undefined
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map(name => [name, quoted(value[name], old[name], fieldOf(name), given)]),
  )
}

function items(
  value: readonly unknown[],
  old: readonly unknown[],
  schema: Schema | undefined,
  given: ReadonlySet<unknown>,
): unknown[] {
  const item = schema?.type === 'list' ? schema.items : undefined
  const before = new Set(old)
  return value.map((each, index) => quoted(each, before.has(each) ? each : old[index], item, given))
}

/** Go's encoder keeps HTML and the line separators of JavaScript out of its texts. */
export const escaped = (text: string): string =>
  text.replace(/[<>&\u2028\u2029]/g, each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
