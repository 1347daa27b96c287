import type { CelType } from '../types/type.ts'
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  optionalOf,
  stringType,
  structType,
  CelType as TypeClass,
  timestampType,
  typeType,
  uintType,
} from '../types/type.ts'
import type { ListValue } from './list.ts'
import { ListValue as ListClass } from './list.ts'
import type { MapValue } from './map.ts'
import { MapValue as MapClass } from './map.ts'
import { Duration, Timestamp } from './time.ts'

/**
 * A value of CEL:
 *
 * - int: a `number` wherever it is a safe integer, else a `bigint`; each int has exactly one form (`toInt`)
 * - double: `Double`; uint: `Uint`. They are rare in Kubernetes' objects, ints are not
 * - bool, string, null: as in JavaScript; bytes: `Uint8Array`
 * - list and map: `ListValue`, `MapValue`, which may wrap JSON without copying it; also objects with a schema are maps
 * - object made by `Type{...}`: `ObjectValue`
 * - type: `CelType`; optional: `OptionalValue`; values of opaque types: subclasses of `OpaqueValue`
 */
export type Value =
  | null
  | boolean
  | string
  | number
  | bigint
  | Double
  | Uint
  | Uint8Array
  | Timestamp
  | Duration
  | ListValue
  | MapValue
  | ObjectValue
  | OptionalValue
  | OpaqueValue
  | CelType

export class Double {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export class Uint {
  readonly value: bigint
  constructor(value: bigint) {
    this.value = value
  }
}

/** Present or absent. */
export class OptionalValue {
  static readonly none = new OptionalValue(undefined)
  readonly value: Value | undefined
  constructor(value: Value | undefined) {
    this.value = value
  }
}

/** A value of a type that only functions know. */
export abstract class OpaqueValue {
  abstract readonly type: CelType
  abstract equals(other: Value): boolean
  /** What `size` is to the cost of functions that take it; undefined for 1. */
  costSize(): number | undefined {
    return undefined
  }
}

/** An object that an expression made: `Type{field: value}`. `fields` has those that were set. */
export class ObjectValue {
  readonly type: CelType
  readonly fields: ReadonlyMap<string, Value>
  constructor(typeName: string, fields: ReadonlyMap<string, Value>) {
    this.type = structType(typeName)
    this.fields = fields
  }
}

const optionalType = optionalOf(dynType)

/** The type of a value at run time: lists and maps without their parameters. */
export function typeOf(value: Value): CelType {
  switch (typeof value) {
    case 'boolean':
      return boolType
    case 'string':
      return stringType
    case 'number':
    case 'bigint':
      return intType
    default:
      return value === null ? nullType : typeOfObject(value)
  }
}

function typeOfObject(value: Exclude<Value, null | boolean | string | number | bigint>): CelType {
  if (value instanceof MapClass) return mapType
  if (value instanceof ListClass) return listType
  if (value instanceof Double) return doubleType
  if (value instanceof Uint) return uintType
  if (value instanceof Uint8Array) return bytesType
  if (value instanceof Timestamp) return timestampType
  if (value instanceof Duration) return durationType
  if (value instanceof OptionalValue) return optionalType
  if (value instanceof TypeClass) return typeType
  return value.type
}

/** Length of a string in code points. */
export function codePointLength(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length--
      i++
    }
  }
  return length
}

/** What CEL calls the size, or undefined where a value has none. */
export function sizeOf(value: Value): number | undefined {
  if (typeof value === 'string') return codePointLength(value)
  if (value instanceof ListClass || value instanceof MapClass) return value.size
  if (value instanceof Uint8Array) return value.length
  return undefined
}
