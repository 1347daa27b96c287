/**
 * Objects of one shape (pods of a deployment, which differ in names and values) have the same fields, so that their sets need not
 * be made again: what the last object of a shape had is kept with that shape, and whether the next one has it is told in a fraction
 * of the time. The text of such a set is known, too, when an object is encoded.
 */
import { deepFreeze } from '../clone.ts'
import type { StructSchema } from '../schema/schema.ts'
import type { FieldSet } from './field-set.ts'
import type { Plain, Type } from './shape.ts'
import { isLike, isObject, type Shape, ShapeRecorder } from './value-shape.ts'

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

/** Notes the JSON of a set of fields that many objects have, or whose text comes cheaply. The set must not change any more. */
export function withText(fields: FieldSet, text: string): FieldSet {
  texts.set(deepFreeze(fields), text)
  return fields
}

function remembered(type: Type, object: Plain, filter: unknown, fields: FieldSet, misses: number): Known {
  const shape = new ShapeRecorder().shapeOf(type, object)
  if (shape === undefined) return { filter, misses }
  withText(fields, JSON.stringify(fields))
  return { filter, shape, fields, misses }
}

/** Tells most shapes apart without a look at all of an object. */
export function namesOf({ metadata, spec }: Plain): string {
  let names = ''
  for (const part of [metadata, isObject(metadata) ? metadata.labels : undefined, spec]) {
    if (isObject(part)) for (const name in part) names += `${name},`
    names += ';'
  }
  return names.length > LONGEST_NAMES ? names.slice(0, LONGEST_NAMES) : names
}

const LONGEST_NAMES = 1000
