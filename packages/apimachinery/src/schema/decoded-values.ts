/** What decoding makes of values that are missing, null or zero. */
import { noteEmpty } from '../given-empty.ts'
import { setOwn } from '../json/exact-reader.ts'
import type { Field, Schema, StructSchema } from './schema.ts'

type JsonObject = Record<string, unknown>

export const ZERO_TIME = '0001-01-01T00:00:00'

/** What Go leaves out for `omitempty`, but for maps, which look like structs here: those are never left out. */
function isZero(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value === ''
    case 'boolean':
      return !value
    case 'number':
      return value === 0
    case 'object':
      return Array.isArray(value) && value.length === 0
    default:
      return false
  }
}

/** Whether Go leaves the value of such a field out. */
export function isOmitted({ omitEmpty, pointer, schema }: Field, value: unknown): boolean {
  if (!omitEmpty || pointer) return false
  return isZero(value) || (schema.type === 'map' && schema.goType !== '' && isEmptyMap(value))
}

function isEmptyMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  for (const _ in value) return false
  return true
}

/** The entries of a map in the order in which Go writes them: by their keys. */
export const sortedByKey = (map: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.keys(map)
      .sort()
      .map(key => [key, map[key]]),
  )

/** What Go makes of a null in a list or map of plain values, or of a map entry without a value. */
export function zeroOf(schema: Schema): unknown {
  switch (schema.type) {
    case 'string':
    case 'bytes':
      return ''
    case 'bool':
      return false
    case 'struct':
      return {}
    case 'quantity':
      return '0'
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'double':
    case 'intOrString':
      return 0
    default:
      return null
  }
}

/** The only field with `omitzero` (k8s.io/apimachinery/pkg/apis/meta/v1/types.go). */
const OMIT_ZERO = 'creationTimestamp'

/**
 * What Go writes for a field that nobody set; undefined where it leaves the field out. `omitempty` says nothing of what is a
 * struct to Go: times, quantities and the like.
 */
export function unsetValue({ name, schema, pointer, omitEmpty }: Field): unknown {
  if (name === 'apiVersion' || name === 'kind') return omitEmpty ? undefined : ''
  if (pointer) return omitEmpty ? undefined : null
  switch (schema.type) {
    case 'struct':
      return {}
    case 'time':
    case 'microTime':
      return name === OMIT_ZERO ? undefined : null
    case 'quantity':
      return '0'
    case 'duration':
      return '0s'
    case 'intOrString':
      return 0
    case 'any':
      return null
    case 'bytes':
      // A list of bytes that is not there is null to Go, as other lists are.
      return omitEmpty ? undefined : null
    default:
      return omitEmpty ? undefined : zeroOf(schema)
  }
}

/** The object without some of its members; a new one, which remembers those that were empty lists and maps to Go. */
export function without({ goType, fields }: StructSchema, object: JsonObject, dropped: readonly string[]): JsonObject {
  const copy: JsonObject = {}
  for (const key in object) if (!dropped.includes(key)) setOwn(copy, key, object[key])
  if (goType === '') return copy
  for (const key of dropped) {
    const type = fields.get(key)?.schema.type
    const value = object[key]
    if (type === 'list' ? Array.isArray(value) : type === 'map' && isEmptyMap(value))
      noteEmpty(copy, key, value as never[])
  }
  return copy
}

/** `metadata` and a `spec` that is no pointer are part of every object of a kind; custom kinds only have `metadata`. */
export function fillKind(schema: StructSchema, object: JsonObject): void {
  for (const name of ['metadata', 'spec']) {
    if (object[name] !== undefined || (name === 'spec' && schema.goType === '')) continue
    const field = schema.fields.get(name)
    if (field !== undefined && field.schema.type === 'struct' && !field.pointer) object[name] = {}
  }
}
