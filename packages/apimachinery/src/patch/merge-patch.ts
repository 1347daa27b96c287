import { setField } from '../clone.ts'
import { deepEqual } from '../equality.ts'
import { isObject, type JsonObject } from '../json/json-object.ts'
import { fieldOf, notOfType, PatchError } from './patch-error.ts'

/**
 * Applies a JSON merge patch (RFC 7386): objects are merged, null removes, all else replaces, without the nulls in objects of lists, as
 * upstream's library leaves them out (gopkg.in/evanphx/json-patch, pruneAryNils). Neither input is changed;
 * what the patch does not touch is shared with the result. Throws `PatchError` where the patch is no object.
 */
export function applyMergePatch(target: JsonObject, patch: unknown): JsonObject {
  if (patch === null) throw new PatchError('malformed', 'Invalid JSON Patch')
  if (!isObject(patch))
    throw new PatchError('malformed', `error decoding patch: ${notOfType(patch, 'map[string]interface {}')}`)
  return merge(target, patch)
}

function merge(target: unknown, patch: JsonObject): JsonObject {
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete result[key]
    else setField(result, key, isObject(value) ? merge(fieldOf(result, key), value) : withoutNulls(value))
  }
  return result
}

/** Nulls that are items themselves stay. */
const withoutNulls = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(each => (isObject(each) ? merge(undefined, each) : withoutNulls(each))) : value

/**
 * The smallest merge patch that turns `original` into `modified`. Fields that are null in `modified` cannot be expressed:
 * they count as absent.
 */
export function createMergePatch(original: JsonObject, modified: JsonObject): JsonObject {
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(original)) {
    const value = fieldOf(modified, key)
    if ((value === undefined || value === null) && original[key] !== null) setField(patch, key, null)
  }
  for (const [key, value] of Object.entries(modified)) {
    if (value === null || value === undefined) continue
    const old = fieldOf(original, key)
    if (isObject(old) && isObject(value)) {
      const inner = createMergePatch(old, value)
      if (Object.keys(inner).length > 0) setField(patch, key, inner)
    } else if (!deepEqual(old, value)) setField(patch, key, value)
  }
  return patch
}
