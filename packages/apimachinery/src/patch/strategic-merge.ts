import { setField } from '../clone.ts'
import { isObject, type JsonObject } from '../json/json-object.ts'
import type { MergeField, MergeSchema } from './merge-schema.ts'
import { fieldOf, goText, goWord, notOfType, PatchError } from './patch-error.ts'
import { areObjects, arrange, identityOf, missingMergeKey, withoutDuplicates } from './strategic-lists.ts'

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const SET_ORDER = '$setElementOrder/'
const DELETE_FROM = '$deleteFromPrimitiveList/'

const unclassified = (message: string): PatchError => new PatchError('unclassified', message)
/** A directive that is not of its form; upstream answers these with 400. */
const badFormat = (what: string): PatchError => new PatchError('malformed', `invalid patch format of ${what}`)
const goType = (value: unknown): string => {
  if (value === null || value === undefined) return '%!s(<nil>)'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  return typeof value === 'string' ? 'string' : typeof value === 'boolean' ? 'bool' : 'int64'
}
const unknownType = (directive: unknown, object: JsonObject): PatchError =>
  unclassified(`unknown patch type: ${goWord(directive)} in map: ${goText(object)}`)
const wrongType = (expected: string, value: unknown): PatchError =>
  unclassified(`expected a ${expected}, but received a ${goType(value)}`)

/**
 * Applies a strategic merge patch: lists are merged by the keys that the schema names, directives (`$patch`, `$retainKeys`,
 * `$setElementOrder/...`, `$deleteFromPrimitiveList/...`) are obeyed. Neither input is changed; what the patch does not
 * touch is shared with the result. Behaviour: k8s.io/apimachinery/pkg/util/strategicpatch. Throws `PatchError`.
 */
export function applyStrategicMergePatch(
  target: JsonObject,
  patch: unknown,
  schema: MergeSchema | undefined,
): JsonObject {
  if (patch === null) return target
  if (!isObject(patch)) throw new PatchError('malformed', notOfType(patch, 'map[string]interface {}'))
  return mergeObjects(target, patch, schema)
}

function mergeObjects(original: JsonObject, patch: JsonObject, schema: MergeSchema | undefined): JsonObject {
  if (Object.hasOwn(patch, DIRECTIVE)) return replaceOrDelete(patch)
  const result: Record<string, unknown> = retained(original, patch)
  const done = new Set<string>([RETAIN_KEYS])
  for (const key of Object.keys(patch)) {
    if (key.startsWith(SET_ORDER)) mergeInOrder(result, patch, key, schema, done)
  }
  for (const [key, value] of Object.entries(patch)) {
    if (done.has(key)) continue
    if (key.startsWith(DELETE_FROM)) deleteScalars(result, key.slice(DELETE_FROM.length), value)
    else mergeField(result, key, value, schema?.field(key))
  }
  return result
}

function replaceOrDelete(patch: JsonObject): JsonObject {
  const { [DIRECTIVE]: directive, ...rest } = patch
  if (directive === 'replace') return rest
  if (directive === 'delete') return {}
  throw unknownType(directive, patch)
}

/** A copy of `original` without the fields that `$retainKeys`, where it is there, does not name. */
function retained(original: JsonObject, patch: JsonObject): Record<string, unknown> {
  const keys = fieldOf(patch, RETAIN_KEYS)
  if (keys === undefined) return { ...original }
  if (!Array.isArray(keys)) throw badFormat('retainKeys')
  const kept = new Set<unknown>(keys)
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key === RETAIN_KEYS || key.startsWith(DELETE_FROM) || key.startsWith(SET_ORDER)) continue
    if (!kept.has(key)) throw badFormat('retainKeys')
  }
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(original)) if (kept.has(key)) setField(result, key, value)
  return result
}

function mergeField(result: Record<string, unknown>, key: string, value: unknown, field: MergeField | undefined): void {
  if (value === null || value === undefined) {
    delete result[key]
    return
  }
  const old = fieldOf(result, key)
  if (isObject(old) && isObject(value)) {
    const replaced = strategyOf(field) === 'replace'
    setField(result, key, replaced ? value : mergeObjects(old, value, field?.element))
  } else if (Array.isArray(old) && Array.isArray(value)) {
    setField(result, key, mergeLists(old, value, field, key))
  } else {
    // What is new comes in without directives and nulls.
    const clean = withoutDirectives(old === undefined || goType(old) !== goType(value) ? withoutNulls(value) : value)
    if (clean === undefined) delete result[key]
    else setField(result, key, clean)
  }
}

/** The strategy besides `retainKeys`, which only steers how clients make patches. */
function strategyOf(field: MergeField | undefined): string | undefined {
  return field?.strategies.find(each => each !== 'retainKeys')
}

function deleteScalars(result: Record<string, unknown>, key: string, value: unknown): void {
  if (value === null) {
    delete result[key]
    return
  }
  const old = fieldOf(result, key)
  if (!Array.isArray(old) || !Array.isArray(value)) return
  if (old.length === 0 && value.length === 0) return
  if (areObjects(old, value)) throw badFormat('primitive list')
  const gone = new Set<unknown>(value)
  setField(
    result,
    key,
    old.filter(item => !gone.has(item)),
  )
}

function mergeLists(
  original: readonly unknown[],
  patch: readonly unknown[],
  field: MergeField | undefined,
  name: string,
): readonly unknown[] {
  if (strategyOf(field) !== 'merge') return patch
  if (original.length === 0 && patch.length === 0) return original
  if (!areObjects(original, patch)) {
    const merged = withoutDuplicates([...original, ...patch])
    return arrange(merged, { wanted: patch, live: original, mergeKey: undefined })
  }
  const mergeKey = field?.mergeKey
  if (mergeKey === undefined || mergeKey === '') {
    throw unclassified(`cannot merge lists without merge key for ${name}`)
  }
  const { live, additions } = obeyListDirectives(original as JsonObject[], patch as JsonObject[], mergeKey)
  const merged = mergeItems(live, additions, mergeKey, field?.element)
  requireMergeKey(merged, mergeKey)
  return arrange(merged, { wanted: additions, live, mergeKey })
}

function requireMergeKey(items: readonly JsonObject[], mergeKey: string): void {
  for (const item of items) if (!Object.hasOwn(item, mergeKey)) throw missingMergeKey(item, mergeKey)
}

interface ListParts {
  /** What stays of the list. */
  live: readonly JsonObject[]
  /** The patch's items that are no directives. */
  additions: readonly JsonObject[]
}

function obeyListDirectives(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  mergeKey: string,
): ListParts {
  const additions: JsonObject[] = []
  const gone = new Set<unknown>()
  let replace = false
  for (const item of patch) {
    const directive = fieldOf(item, DIRECTIVE)
    if (directive === undefined) additions.push(item)
    else if (directive === 'delete') {
      requireMergeKey([item], mergeKey)
      gone.add(item[mergeKey])
    } else if (directive === 'replace') replace = true
    else if (directive === 'merge') throw unclassified('merging lists cannot yet be specified in the patch')
    else throw unknownType(directive, item)
  }
  if (replace) return { live: additions, additions: [] }
  return { live: gone.size === 0 ? original : original.filter(item => !gone.has(item[mergeKey])), additions }
}

function mergeItems(
  live: readonly JsonObject[],
  additions: readonly JsonObject[],
  mergeKey: string,
  schema: MergeSchema | undefined,
): JsonObject[] {
  const merged = [...live]
  const at = new Map<unknown, number>()
  for (const [index, item] of merged.entries()) {
    const identity = identityOf(item, mergeKey)
    if (!at.has(identity)) at.set(identity, index)
  }
  for (const item of additions) {
    requireMergeKey([item], mergeKey)
    const index = at.get(item[mergeKey])
    // What is new comes in as it is, nulls and directives with it: those are unknown fields to whoever decodes it.
    if (index === undefined) at.set(item[mergeKey], merged.push(item) - 1)
    else merged[index] = mergeObjects(merged[index]!, item, schema)
  }
  return merged
}

/** A list with `$setElementOrder/<name>`: merged with its patch, then brought into the order that was asked for. */
function mergeInOrder(
  result: Record<string, unknown>,
  patch: JsonObject,
  directive: string,
  schema: MergeSchema | undefined,
  done: Set<string>,
): void {
  done.add(directive)
  const name = directive.slice(SET_ORDER.length)
  const wanted = patch[directive]
  const live = fieldOf(result, name)
  const changes = fieldOf(patch, name)
  for (const list of [wanted, live, changes]) {
    if (list !== undefined && !Array.isArray(list)) throw wrongType('[]interface {}', list)
  }
  if (!Array.isArray(wanted)) throw wrongType('[]interface {}', wanted)
  const field = schema?.field(name)
  const mergeKey = field?.mergeKey
  checkOrder(Array.isArray(changes) ? changes : [], wanted, mergeKey)
  if (!Array.isArray(live) && !Array.isArray(changes)) return
  done.add(name)
  const merged = mergedForOrder(live, changes, field, name)
  if (mergeKey !== undefined) checkKeyed(merged as JsonObject[], wanted, mergeKey)
  const order = Array.isArray(live) ? liveOrder(live, Array.isArray(changes) ? changes : [], mergeKey) : []
  setField(result, name, arrange(merged, { wanted, live: order, mergeKey }))
}

/** What is merged and what it is to be ordered by have keys, all of them. */
function checkKeyed(merged: readonly JsonObject[], wanted: readonly unknown[], mergeKey: string): void {
  requireMergeKey(merged, mergeKey)
  const odd = wanted.findIndex(each => !isObject(each))
  if (odd >= 0) {
    const before = new Set(wanted.slice(0, odd).map(each => identityOf(each, mergeKey)))
    if (merged.some(each => !before.has(each[mergeKey]))) throw unclassified(`value for key ${odd} is not a map`)
    throw wrongType('map[string]interface {}', wanted[odd])
  }
  requireMergeKey(wanted as JsonObject[], mergeKey)
}

/**
 * The order of the list as it was, by which items that the patch does not name keep their places. Where the patch deletes
 * items, its new ones take the freed places at the end: so upstream's lists come out, whose memory is reused that way.
 */
function liveOrder(live: readonly unknown[], changes: readonly unknown[], mergeKey: string | undefined): unknown[] {
  if (mergeKey === undefined) return [...live]
  const gone = new Set<unknown>()
  for (const item of changes) {
    if (isObject(item) && fieldOf(item, DIRECTIVE) === 'delete') gone.add(item[mergeKey])
  }
  const left = live.filter(item => !gone.has(identityOf(item, mergeKey)))
  const there = new Set(left.map(item => identityOf(item, mergeKey)))
  const added = changes.filter(
    item => isObject(item) && !Object.hasOwn(item, DIRECTIVE) && !there.has(identityOf(item, mergeKey)),
  )
  return [...left, ...added.slice(0, live.length - left.length)]
}

function mergedForOrder(
  live: unknown,
  changes: unknown,
  field: MergeField | undefined,
  name: string,
): readonly unknown[] {
  if (!Array.isArray(changes)) return live as unknown[]
  if (!Array.isArray(live)) return withoutDirectives(changes) as unknown[]
  return mergeLists(live, changes, field, name)
}

/** What the patch changes must stand in the wanted order, all of it. */
function checkOrder(changes: readonly unknown[], wanted: readonly unknown[], mergeKey: string | undefined): void {
  if (changes.length === 0 || wanted.length === 0) return
  const named = changes.filter(item => !(isObject(item) && Object.hasOwn(item, DIRECTIVE)))
  let next = 0
  for (const item of wanted) {
    if (next >= named.length) break
    if (mergeKey !== undefined && isObject(named[next])) requireMergeKey([named[next] as JsonObject], mergeKey)
    if (mergeKey !== undefined && isObject(item)) requireMergeKey([item], mergeKey)
    if (identityOf(named[next], mergeKey) === identityOf(item, mergeKey)) next++
  }
  if (next < named.length) {
    throw unclassified(
      `The order in patch list:\n${goText(changes)}\n doesn't match $setElementOrder list:\n${goText(wanted)}\n`,
    )
  }
}

const isDirective = (key: string): boolean =>
  key === RETAIN_KEYS || key.startsWith(SET_ORDER) || key.startsWith(DELETE_FROM)

/** The value without parts that are directives; nothing where it is one itself. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter(each => each !== undefined)
  if (!isObject(value)) return value
  if (Object.hasOwn(value, DIRECTIVE)) return undefined
  const result: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) {
    const clean = isDirective(key) ? undefined : withoutDirectives(each)
    if (clean !== undefined) setField(result, key, clean)
  }
  return result
}

/** The value without fields that are null, at any depth. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  const result: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) if (each !== null) setField(result, key, withoutNulls(each))
  return result
}
