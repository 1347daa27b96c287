import { CelType } from '../types/type.ts'
import { CelError } from './error.ts'
import { ListValue } from './list.ts'
import { MapValue } from './map.ts'
import { compareNumbers, isNumeric } from './numbers.ts'
import { compareTimestamps, Duration, Timestamp } from './time.ts'
import { ObjectValue, OpaqueValue, OptionalValue, type Value } from './value.ts'

/**
 * Whether two values are equal. Numbers of different types are compared by what they are worth; other values of different
 * types are never equal. Behaviour: the "Equality" section of CEL's language definition.
 */
export function equals(a: Value, b: Value): boolean {
  switch (typeof a) {
    case 'string':
    case 'boolean':
      return a === b
    case 'number':
      if (typeof b === 'number') return a === b
      return isNumeric(b) && compareNumbers(a, b) === 0
    case 'bigint':
      return isNumeric(b) && compareNumbers(a, b) === 0
    default:
      if (a === null || b === null) return a === b
      return typeof b === 'object' ? equalObjects(a, b) : isNumeric(a) && isNumeric(b) && compareNumbers(a, b) === 0
  }
}

function equalObjects(a: Value & object, b: Value & object): boolean {
  if (a instanceof ListValue) return b instanceof ListValue && equalLists(a, b)
  if (a instanceof MapValue) return b instanceof MapValue && equalMaps(a, b)
  if (isNumeric(a)) return isNumeric(b) && compareNumbers(a, b) === 0
  if (a instanceof OpaqueValue) return b instanceof OpaqueValue && a.equals(b)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0
  if (a instanceof Timestamp) return b instanceof Timestamp && compareTimestamps(a, b) === 0
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos
  if (a instanceof OptionalValue) return b instanceof OptionalValue && equalOptionals(a, b)
  if (a instanceof CelType) return b instanceof CelType && a.name === b.name
  return a instanceof ObjectValue && b instanceof ObjectValue && equalStructs(a, b)
}

function equalLists(a: ListValue, b: ListValue): boolean {
  if (a.equalTo !== undefined) return a.equalTo(b)
  if (a.size !== b.size) return false
  for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i))) return false
  return true
}

function equalMaps(a: MapValue, b: MapValue): boolean {
  if (a.equalTo !== undefined) return a.equalTo(b)
  if (a.size !== b.size) return false
  return a.keys().every(key => {
    const right = b.find(key)
    return right !== undefined && equals(a.find(key)!, right)
  })
}

function equalOptionals(a: OptionalValue, b: OptionalValue): boolean {
  if (a.value === undefined || b.value === undefined) return a.value === b.value
  return equals(a.value, b.value)
}

function equalStructs(a: ObjectValue, b: ObjectValue): boolean {
  if (a.type.name !== b.type.name || a.fields.size !== b.fields.size) return false
  for (const [name, value] of a.fields) {
    const right = b.fields.get(name)
    if (right === undefined || !equals(value, right)) return false
  }
  return true
}

/** Order of two strings by their code points, not by UTF-16 units. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return bySurrogate(left) - bySurrogate(right)
  }
  return a.length - b.length
}

/** Moves the surrogates, which stand for the highest code points, above all other units. */
const bySurrogate = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** Order of two values of one comparable type (or two numbers); undefined where one is NaN. Throws for others. */
export function compare(a: Value, b: Value): number | undefined {
  if (isNumeric(a) && isNumeric(b)) return compareNumbers(a, b)
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Timestamp && b instanceof Timestamp) return compareTimestamps(a, b)
  if (a instanceof Duration && b instanceof Duration) return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b)
  throw new CelError('no such overload')
}
