import {
  anyType,
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullableOf,
  nullType,
  opaqueType,
  stringType,
  structType,
  timestampType,
  typeOfType,
  typeParam,
  typeType,
  uintType,
} from '../types/type.ts'
import { equals } from '../values/equality.ts'
import { ArrayList, ListValue } from '../values/list.ts'
import { EntryMap, MapValue } from '../values/map.ts'
import { compareNumbers, toInt } from '../values/numbers.ts'
import { Duration, Timestamp } from '../values/time.ts'
import { Double, typeOf, Uint, type Value } from '../values/value.ts'
import { type Message, messageOf, messagesOf, textOf } from './textproto.ts'

/** Something of protobuf that Canopus' CEL does not have. */
export class Unsupported extends Error {}

/** A published value (cel.expr.Value) as one of ours. */
export function readValue(message: Message): Value {
  const [kind, fields] = Object.entries(message)[0] ?? ['', []]
  const text = textOf(message, kind) ?? ''
  switch (kind) {
    case 'null_value':
      return null
    case 'bool_value':
      return text === 'true'
    case 'int64_value':
      return toInt(readInteger(text))
    case 'uint64_value':
      return new Uint(readInteger(text))
    case 'double_value':
      return new Double(readDouble(text))
    case 'string_value':
      return text
    case 'bytes_value':
      return fields[0] as Uint8Array
    case 'type_value':
      return readTypeName(text)
    case 'list_value':
      return new ArrayList(messagesOf(messageOf(message, kind)!, 'values').map(readValue))
    case 'map_value':
      return EntryMap.of(
        messagesOf(messageOf(message, kind)!, 'entries').map(entry => [
          readValue(messageOf(entry, 'key')!),
          readValue(messageOf(entry, 'value')!),
        ]),
      )
    case 'object_value':
      return readObject(messageOf(message, kind)!)
    default:
      throw new Unsupported(`a value of the kind ${kind}`)
  }
}

function readObject(message: Message): Value {
  const [name, [body]] = Object.entries(message)[0] as [string, [Message]]
  const seconds = Number(textOf(body, 'seconds') ?? 0)
  const nanos = Number(textOf(body, 'nanos') ?? 0)
  if (name.endsWith('google.protobuf.Timestamp]')) return new Timestamp(seconds, nanos)
  if (name.endsWith('google.protobuf.Duration]')) return new Duration(BigInt(seconds) * 1_000_000_000n + BigInt(nanos))
  throw new Unsupported(`a message ${name}`)
}

const readInteger = (text: string): bigint => (text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text))

function readDouble(text: string): number {
  if (/^-?inf/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return /^nan$/i.test(text) ? Number.NaN : Number(text)
}

const named: readonly CelType[] = [
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  nullType,
  stringType,
  timestampType,
  typeType,
  uintType,
]

const readTypeName = (name: string): CelType => named.find(type => type.name === name) ?? opaqueType(name)

const primitives: Readonly<Record<string, CelType>> = {
  BOOL: boolType,
  INT64: intType,
  UINT64: uintType,
  DOUBLE: doubleType,
  STRING: stringType,
  BYTES: bytesType,
}
const wellKnown: Readonly<Record<string, CelType>> = { ANY: anyType, TIMESTAMP: timestampType, DURATION: durationType }

const wellKnownMessages: Readonly<Record<string, CelType>> = {
  'google.protobuf.Timestamp': timestampType,
  'google.protobuf.Duration': durationType,
}

/** A published type (cel.expr.Type) as one of ours. */
export function readType(message: Message): CelType {
  const kind = Object.keys(message)[0] ?? ''
  const text = textOf(message, kind) ?? ''
  const inner = messageOf(message, kind) ?? {}
  switch (kind) {
    case 'dyn':
      return dynType
    case 'null':
      return nullType
    case 'primitive':
      return primitives[text]!
    case 'wrapper':
      return nullableOf(primitives[text]!)
    case 'well_known':
      return wellKnown[text]!
    case 'list_type':
      return listOf(readType(messageOf(inner, 'elem_type') ?? { dyn: [] }))
    case 'map_type':
      return mapOf(
        readType(messageOf(inner, 'key_type') ?? { dyn: [] }),
        readType(messageOf(inner, 'value_type') ?? { dyn: [] }),
      )
    case 'message_type':
      return wellKnownMessages[text] ?? structType(text)
    case 'type_param':
      return typeParam(text)
    case 'type':
      return typeOfType(readType(inner))
    case 'abstract_type':
      return opaqueType(textOf(inner, 'name')!, ...messagesOf(inner, 'parameter_types').map(readType))
    default:
      throw new Unsupported(`a type of the kind ${kind}`)
  }
}

/** Whether a result is what was published: also of the same type, and NaN is NaN. */
export function sameValue(actual: Value, expected: Value): boolean {
  if (expected instanceof ListValue) {
    return (
      actual instanceof ListValue &&
      actual.size === expected.size &&
      expected.toArray().every((element, index) => sameValue(actual.at(index), element))
    )
  }
  if (expected instanceof MapValue) {
    if (!(actual instanceof MapValue) || actual.size !== expected.size) return false
    return expected.keys().every(key => actual.has(key) && sameValue(actual.find(key)!, expected.find(key)!))
  }
  if (typeOf(actual).name !== typeOf(expected).name) return false
  if (expected instanceof Double && Number.isNaN(expected.value))
    return compareNumbers(actual as Double, expected) === undefined
  return equals(actual, expected)
}
