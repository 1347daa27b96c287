/** What decoding makes of values that are missing, null or zero. */
import { setOwn } from '../json/exact-reader.ts'
import type { Schema, StructSchema } from './schema.ts'

type JsonObject = Record<string, unknown>

export const ZERO_TIME = '0001-01-01T00:00:00'

/** What Go leaves out for `omitempty`: false, zero, empty strings, lists and maps; structs never. */
export function isZero(value: unknown): boolean {
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

/** The object without some of its members; a new one. */
export function without(object: JsonObject, dropped: readonly string[]): JsonObject {
  const copy: JsonObject = {}
  for (const key in object) if (!dropped.includes(key)) setOwn(copy, key, object[key])
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
