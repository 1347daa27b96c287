import { CelType } from '../types/type.ts'
import { CelError } from './error.ts'
import { ArrayList, LazyList, ListValue } from './list.ts'
import { MapValue, RecordMap } from './map.ts'
import { Duration, formatDuration, formatTimestamp, Timestamp } from './time.ts'
import { Double, ObjectValue, OptionalValue, Uint, type Value } from './value.ts'

/**
 * JSON without a schema as a value: whole numbers are ints, others doubles, objects maps of strings. Nothing is copied;
 * the JSON must not change afterwards.
 */
export function fromJson(json: unknown): Value {
  switch (typeof json) {
    case 'number':
      return Number.isSafeInteger(json) ? json + 0 : new Double(json)
    case 'string':
    case 'boolean':
    case 'bigint':
      return json
    default:
      if (Array.isArray(json)) return json.length === 0 ? new ArrayList([]) : new LazyList<unknown>(json, fromJson)
      if (typeof json === 'object' && json !== null) return new RecordMap(json as Record<string, unknown>, fromJson)
      return null
  }
}

/**
 * A value as JSON: what policies write into objects. Bytes become base64, times and durations their texts.
 * Throws CelError for values that have no form in JSON.
 */
export function toJson(value: Value): unknown {
  if (value === null || typeof value !== 'object') return value
  if (value instanceof ListValue) return value.toArray().map(toJson)
  if (value instanceof MapValue)
    return Object.fromEntries(value.keys().map(key => [keyText(key), toJson(value.find(key)!)]))
  if (value instanceof Double) return value.value
  if (value instanceof Uint) return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value
  if (value instanceof Uint8Array) return btoa(String.fromCharCode(...value))
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Duration) return formatDuration(value)
  if (value instanceof ObjectValue)
    return Object.fromEntries([...value.fields].map(([name, field]) => [name, toJson(field)]))
  if (value instanceof OptionalValue) return value.value === undefined ? null : toJson(value.value)
  if (value instanceof CelType) return value.name
  throw new CelError(`type conversion error from '${value.type.name}' to JSON`)
}

function keyText(key: Value): string {
  if (typeof key === 'string') return key
  if (key instanceof Uint) return String(key.value)
  if (typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean') return String(key)
  throw new CelError('unsupported key type')
}
