/**
 * Decoding of values with which nothing is wrong, at half the time of the walk that can say what is: no path is kept, and who meets
 * anything unusual (a field that the schema does not know, a value of another type) gives up. `decodeObject` then reads the text
 * again with that walk.
 */
import { setOwn } from '../json/exact-reader.ts'
import { isExactObject } from '../json/json-object.ts'
import { duration, quantity, scalar, time, WrongType, WrongValue } from './decode-scalars.ts'
import { fillKind, isOmitted, sortedByKey, without, ZERO_TIME } from './decoded-values.ts'
import type { Field, ListSchema, MapSchema, ScalarSchema, Schema, SpecialSchema, StructSchema } from './schema.ts'

type JsonObject = Record<string, unknown>

/** The value in its canonical form (changed in place), nothing where it is to be dropped, or UNCLEAN. */
type Reader = (value: unknown) => unknown

/** The value is not for this walk. */
export const UNCLEAN = Symbol('unclean')

/** Members of all objects seen since `decodeClean` began. */
let members = 0

/** The value, or UNCLEAN; and how many members its objects have. The value must not be used after. Throws DecodeError. */
export function decodeClean(schema: StructSchema, value: JsonObject): { object: unknown; members: number } {
  members = 0
  const object = readerOf(schema)(value)
  return { object, members }
}

const readers = new WeakMap<Schema, Reader>()

function readerOf(schema: Schema): Reader {
  let reader = readers.get(schema)
  if (reader === undefined) {
    reader = newReader(schema)
    readers.set(schema, reader)
  }
  return reader
}

function newReader(schema: Schema): Reader {
  switch (schema.type) {
    case 'struct':
      return structReader(schema)
    case 'list':
      return listReader(schema)
    case 'map':
      return mapReader(schema)
    case 'string':
      return value => (typeof value === 'string' ? value : UNCLEAN)
    case 'bool':
      return value => (typeof value === 'boolean' ? value : UNCLEAN)
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'double':
    case 'bytes':
      return scalarReader(schema)
    default:
      return specialReader(schema)
  }
}

function scalarReader({ type, goType }: ScalarSchema): Reader {
  if (goType === '') return untyped
  return value => {
    if (type === 'int32' && typeof value === 'number' && (value | 0) === value) return value
    const result = scalar(type, value)
    return result instanceof WrongType || result instanceof WrongValue ? UNCLEAN : result
  }
}

function specialReader({ type, goType }: SpecialSchema): Reader {
  switch (type) {
    case 'any':
      return any
    case 'quantity':
      return quantity
    case 'time':
    case 'microTime':
      return value => (typeof value === 'string' ? timeOrNothing(value, type === 'microTime') : UNCLEAN)
    case 'duration':
      return value => (typeof value === 'string' ? duration(value) : UNCLEAN)
    case 'intOrString':
      return value => {
        if (typeof value === 'string' || (typeof value === 'number' && (value | 0) === value)) return value
        return goType === '' ? untyped(value) : UNCLEAN
      }
    default:
      return () => UNCLEAN
  }
}

function timeOrNothing(value: string, micro: boolean): string | undefined {
  const text = time(value, micro)
  return text.startsWith(ZERO_TIME) ? undefined : text
}

interface Member {
  readonly field: Field
  /** Go leaves out what is zero. */
  readonly omitsZero: boolean
  /** Made when it is first met, since schemas may hold themselves. */
  read: Reader | undefined
}

function structReader(schema: StructSchema): Reader {
  const known = new Map<string, Member>()
  for (const [name, field] of schema.fields) {
    known.set(name, { field, omitsZero: field.omitEmpty && !field.pointer, read: undefined })
  }
  const fills = schema.isKind && schema.embeddedResource !== true
  return value => {
    if (!isExactObject(value)) return UNCLEAN
    let dropped: string[] | undefined
    for (const key in value) {
      members++
      const member = known.get(key)
      const child = value[key]
      const next = member === undefined ? unknown(schema, child) : memberValue(member, child)
      if (next === child) continue
      if (next === UNCLEAN) return UNCLEAN
      if (next !== undefined) setOwn(value, key, next)
      else if (dropped === undefined) dropped = [key]
      else dropped.push(key)
    }
    const object = dropped === undefined ? value : without(schema, value, dropped)
    if (fills) fillKind(schema, object)
    return object
  }
}

function memberValue(member: Member, child: unknown): unknown {
  if (child === null) return member.field.schema.nullable === true ? null : undefined
  member.read ??= readerOf(member.field.schema)
  const next = member.read(child)
  return member.omitsZero && isOmitted(member.field, next) ? undefined : next
}

const unknown = (schema: StructSchema, child: unknown): unknown => {
  if (schema.preserveUnknown) return any(child)
  return schema.additional !== undefined && child !== null ? readerOf(schema.additional)(child) : UNCLEAN
}

function listReader({ items }: ListSchema): Reader {
  let read: Reader | undefined
  return value => {
    if (!Array.isArray(value)) return UNCLEAN
    read ??= readerOf(items)
    for (let index = 0; index < value.length; index++) {
      const child: unknown = value[index]
      const next = child === null ? (items.goType === '' ? null : UNCLEAN) : read(child)
      if (next === child) continue
      if (next === UNCLEAN) return UNCLEAN
      value[index] = next
    }
    return value
  }
}

function mapReader({ values }: MapSchema): Reader {
  let read: Reader | undefined
  return value => {
    if (!isExactObject(value)) return UNCLEAN
    read ??= readerOf(values)
    let before = ''
    let isSorted = true
    for (const key in value) {
      members++
      if (key < before) isSorted = false
      before = key
      const child = value[key]
      const next = child === null ? (values.goType === '' ? null : UNCLEAN) : read(child)
      if (next === child) continue
      if (next === UNCLEAN) return UNCLEAN
      setOwn(value, key, next)
    }
    return isSorted ? value : sortedByKey(value)
  }
}

/** Plain values of custom resources, right or wrong. */
const untyped = (value: unknown): unknown => (typeof value === 'object' && value !== null ? UNCLEAN : value)

function any(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) countMembers(value)
  return value
}

function countMembers(value: object): void {
  if (Array.isArray(value)) {
    for (const each of value as readonly unknown[]) if (typeof each === 'object' && each !== null) countMembers(each)
    return
  }
  for (const key in value) {
    members++
    const each = (value as JsonObject)[key]
    if (typeof each === 'object' && each !== null) countMembers(each)
  }
}
