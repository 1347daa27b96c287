/**
 * Objects of one shape (pods of a deployment, which differ in names and values) have the same fields, so that their sets need not
 * be made again: what the last object of a shape had is kept with that shape, and whether the next one has it is told in a fraction
 * of the time. The text of such a set is known, too, when an object is encoded.
 */
import { deepFreeze } from '../clone.ts'
import type { ListSchema, StructSchema } from '../schema/schema.ts'
import type { FieldSet } from './field-set.ts'
import { childType, DEDUCED, entryType, type FieldType, formOf, listOf, type Plain, type Type } from './shape.ts'

/** All of a value that sets of fields depend on: see `addedToNothing`. */
type Shape =
  | { readonly form: 'leaf'; readonly code: number }
  | { readonly form: 'map'; readonly size: number; readonly children: ReadonlyMap<string, Child> }
  | { readonly form: 'list'; readonly keys: readonly string[]; readonly type: Type; readonly entries: readonly Entry[] }

interface Child {
  readonly type: Type
  readonly shape: Shape
}

interface Entry {
  /** What it is told from the others by: its keys, or the entry of a set itself. */
  readonly identity: readonly unknown[]
  readonly shape: Shape
}

interface Known {
  /** The same for everything that goes through one endpoint. */
  readonly filter: unknown
  /** Missing where such an object was seen only once. */
  readonly shape?: Shape
  readonly fields?: FieldSet
  /** Objects of the same names and another shape since one had this. */
  misses: number
}

/** So many kinds of objects are known for each kind, by the names of their first fields and labels. */
const MOST_KNOWN = 128
/** Objects with more values are compared with nobody. */
const LARGEST = 2000
/** After so many misses only one of as many more is remembered: the objects have a shape each. */
const PATIENCE = 4
const RARELY = 32
const known = new WeakMap<StructSchema, Map<string, Known>>()
const texts = new WeakMap<FieldSet, string>()

/** The fields that `make` finds for a new object; `filter` is whatever else they depend on. They are shared: never change them. */
export function ownedBefore(type: Type, object: Plain, filter: unknown, make: () => FieldSet): FieldSet {
  const schema = type.schema as StructSchema
  let byNames = known.get(schema)
  if (byNames === undefined) {
    byNames = new Map()
    known.set(schema, byNames)
  }
  const names = namesOf(object)
  const before = byNames.get(names)
  const same = before?.filter === filter ? before : undefined
  if (same?.shape !== undefined) {
    if (isLike(same.shape, type, object)) {
      same.misses = 0
      return same.fields!
    }
    same.misses++
    if (same.misses > PATIENCE && same.misses % RARELY !== 0) return make()
  }
  const fields = make()
  if (byNames.size >= MOST_KNOWN) byNames.clear()
  byNames.set(names, same === undefined ? { filter, misses: 0 } : remembered(type, object, filter, fields, same.misses))
  return fields
}

/** The JSON of a set of fields, where it is one that many objects have. */
export const knownText = (fields: object): string | undefined => texts.get(fields as FieldSet)

function remembered(type: Type, object: Plain, filter: unknown, fields: FieldSet, misses: number): Known {
  const shape = new Recorder().shapeOf(type, object)
  if (shape === undefined) return { filter, misses }
  texts.set(deepFreeze(fields), JSON.stringify(fields))
  return { filter, shape, fields, misses }
}

/** Tells most shapes apart without a look at all of an object. */
function namesOf({ metadata, spec }: Plain): string {
  let names = ''
  for (const part of [metadata, isObject(metadata) ? metadata.labels : undefined, spec]) {
    if (isObject(part)) for (const name in part) names += `${name},`
    names += ';'
  }
  return names.length > LONGEST_NAMES ? names.slice(0, LONGEST_NAMES) : names
}

const LONGEST_NAMES = 1000

const isObject = (value: unknown): value is Plain => typeof value === 'object' && value !== null

/** What matters of a leaf: whether and how it is empty, and whether Go would have written it by itself. */
function codeOf(type: Type | FieldType, value: unknown): number {
  if (value === undefined) return 0
  if (value === null) return 1
  if (Array.isArray(value)) return value.length === 0 ? 2 : 3
  if (typeof value === 'object') {
    for (const _ in value) return 4
    return 5
  }
  return 'zero' in type && type.zero === value ? 6 : 7
}

class Recorder {
  private left = LARGEST

  /** Nothing where the value is too large, or has entries that nothing tells apart. */
  shapeOf(type: Type, value: unknown): Shape | undefined {
    if (this.left-- <= 0) return undefined
    const form = value === null || value === undefined ? 'leaf' : formOf(type, value)
    if (form === 'map') return this.map(type, value as Plain)
    if (form === 'list') return this.list(type, value as readonly unknown[])
    return { form: 'leaf', code: codeOf(type, value) }
  }

  private map(type: Type, value: Plain): Shape | undefined {
    const children = new Map<string, Child>()
    for (const key of Object.keys(value)) {
      const child = childType(type.schema, key) ?? DEDUCED
      const shape = this.shapeOf(child, value[key])
      if (shape === undefined) return undefined
      children.set(key, { type: child, shape })
    }
    return { form: 'map', size: children.size, children }
  }

  private list(type: Type, value: readonly unknown[]): Shape | undefined {
    const list = listOf(type)
    const keys = list.listType === 'set' ? [] : list.mapKeys
    const items = entryType(list.items)
    const entries: Entry[] = []
    for (const each of value) {
      const identity = identityOf(list, each)
      const shape = identity === undefined ? undefined : this.shapeOf(items, each)
      if (shape === undefined) return undefined
      entries.push({ identity: identity!, shape })
    }
    return { form: 'list', keys, type: items, entries }
  }
}

function identityOf(list: ListSchema, entry: unknown): unknown[] | undefined {
  if (list.listType === 'set') return isObject(entry) ? undefined : [entry]
  if (!isObject(entry) || Array.isArray(entry)) return undefined
  const identity = list.mapKeys.map(key => entry[key])
  return identity.some((each, at) => isObject(each) || (each === undefined && list.mapKeys[at]! in entry))
    ? undefined
    : identity
}

function isLike(shape: Shape, type: Type, value: unknown): boolean {
  switch (shape.form) {
    case 'leaf':
      return codeOf(type, value) === shape.code
    case 'map':
      return isObject(value) && !Array.isArray(value) && isLikeMap(shape, value)
    default:
      return Array.isArray(value) && isLikeList(shape, value)
  }
}

function isLikeMap({ size, children }: Shape & { form: 'map' }, value: Plain): boolean {
  let count = 0
  for (const key in value) {
    const child = children.get(key)
    if (child === undefined || !isLike(child.shape, child.type, value[key])) return false
    count++
  }
  return count === size
}

function isLikeList({ keys, type, entries }: Shape & { form: 'list' }, value: readonly unknown[]): boolean {
  if (value.length !== entries.length) return false
  for (let at = 0; at < entries.length; at++) {
    const { identity, shape } = entries[at]!
    const each = value[at]
    if (keys.length === 0) {
      if (each !== identity[0]) return false
    } else {
      if (!isObject(each)) return false
      for (let i = 0; i < keys.length; i++) {
        const own = each[keys[i]!]
        if (own !== identity[i] || (own === undefined && keys[i]! in each)) return false
      }
    }
    if (!isLike(shape, type, each)) return false
  }
  return true
}
