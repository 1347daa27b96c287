import { keptDepth, SHALLOW_DEPTH } from '../../json/depth.ts'
import { setOwn } from '../../json/exact-reader.ts'
import { zeroOf } from '../decoded-values.ts'
import type { Field, ScalarType, Schema, SpecialSchema, StructSchema } from '../schema.ts'
import { ProtobufError, ProtobufReader } from './reader.ts'
import {
  eachField,
  readAny,
  readDuration,
  readIntOrString,
  readQuantity,
  readRaw,
  readTime,
  toBase64,
} from './special.ts'

type JsonObject = Record<string, unknown>
type ReadValue = (reader: ProtobufReader) => unknown
type ReadMember = (reader: ProtobufReader, wireType: number, object: JsonObject) => void

interface StructReader {
  /** By field number. */
  members: (ReadMember | undefined)[]
}

const structReaders = new WeakMap<StructSchema, StructReader>()
let depth = 0

/** The message of a struct as a JSON object. Unknown fields are passed over. Throws ProtobufError. */
export function decodeMessage(schema: StructSchema, bytes: Uint8Array): Record<string, unknown> {
  const object: JsonObject = {}
  depth = 0
  readStruct(schema, new ProtobufReader(bytes), object)
  return object
}

function readStruct(schema: StructSchema, reader: ProtobufReader, object: JsonObject): void {
  const { members } = readerOf(schema)
  if (++depth > SHALLOW_DEPTH && depth > keptDepth()) throw new ProtobufError('proto: nested too deeply')
  while (!reader.done) {
    const tag = reader.unsigned()
    const number = Math.floor(tag / 8)
    const wireType = tag & 7
    if (wireType === 4) throw new ProtobufError(`proto: ${shortName(schema)}: wiretype end group for non-group`)
    if (number <= 0)
      throw new ProtobufError(`proto: ${shortName(schema)}: illegal tag ${number} (wire type ${wireType})`)
    const read = members[number]
    if (read === undefined) reader.skip(wireType)
    else read(reader, wireType, object)
  }
  depth--
}

const shortName = (schema: StructSchema): string => schema.name.slice(schema.name.lastIndexOf('.') + 1)

function readerOf(schema: StructSchema): StructReader {
  let known = structReaders.get(schema)
  if (known === undefined) {
    known = { members: [] }
    for (const field of schema.members) known.members[field.number] = memberReader(field)
    structReaders.set(schema, known)
  }
  return known
}

const wireTypeOf = (schema: Schema): number => {
  switch (schema.type) {
    case 'bool':
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
      return 0
    case 'double':
      return 1
    default:
      return 2
  }
}

function memberReader(field: Field): ReadMember {
  const { name, schema } = field
  if (field.inline && schema.type === 'struct')
    return checked(field, 2, (reader, object) => readStruct(schema, reader.message(), object))
  if (schema.type === 'list' && schema.wrapped !== true) return listReader(field, schema.items)
  if (schema.type === 'map') {
    const read = valueReader(schema.values)
    const wireType = wireTypeOf(schema.values)
    return checked(field, 2, (reader, object) => {
      object[name] ??= {}
      readEntry(reader.message(), object[name] as JsonObject, schema.values, wireType, read)
    })
  }
  const read = valueReader(schema)
  const keepEmpty = !field.omitEmpty || field.pointer
  return checked(field, wireTypeOf(schema), (reader, object) => {
    const value = read(reader)
    if (value === null) return
    if (keepEmpty || !isEmpty(value)) object[name] = value
    else delete object[name]
  })
}

const isEmpty = (value: unknown): boolean => value === '' || value === 0 || value === false

function checked(
  field: Field,
  wireType: number,
  read: (reader: ProtobufReader, object: JsonObject) => void,
): ReadMember {
  return (reader, actual, object) => {
    if (actual !== wireType)
      throw new ProtobufError(
        `proto: wrong wireType = ${actual} for field ${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}`,
      )
    read(reader, object)
  }
}

/** Repeated numbers may also come packed. */
function listReader(field: Field, items: Schema): ReadMember {
  const { name } = field
  const read = valueReader(items)
  const wireType = wireTypeOf(items)
  const readOne = checked(field, wireType, (reader, object) => {
    object[name] ??= []
    ;(object[name] as unknown[]).push(read(reader))
  })
  if (wireType === 2) return readOne
  return (reader, actual, object) => {
    if (actual !== 2) return readOne(reader, actual, object)
    const packed = reader.message()
    while (!packed.done) readOne(packed, wireType, object)
  }
}

function readEntry(reader: ProtobufReader, map: JsonObject, values: Schema, wireType: number, read: ReadValue): void {
  let key = ''
  let value: unknown
  eachField(reader, (number, actual) => {
    if (number === 1 && actual === 2) key = reader.text()
    else if (number === 2 && actual === wireType) value = read(reader)
    else return false
    return true
  })
  setOwn(map, key, value === undefined ? zeroOf(values) : value)
}

function valueReader(schema: Schema): ReadValue {
  switch (schema.type) {
    case 'struct':
      return reader => {
        const object: JsonObject = {}
        readStruct(schema, reader.message(), object)
        return object
      }
    case 'list':
      return reader => {
        const list: string[] = []
        const message = reader.message()
        eachField(message, (number, wireType) => {
          if (number !== 1 || wireType !== 2) return false
          list.push(message.text())
          return true
        })
        return list
      }
    case 'map':
      throw new Error(`${schema.goType}: protobuf has no maps of maps`)
    case 'string':
    case 'bool':
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'double':
    case 'bytes':
      return scalarReader(schema.type)
    default: {
      const read = specialReader(schema)
      return reader => read(reader.message())
    }
  }
}

function scalarReader(type: ScalarType): ReadValue {
  switch (type) {
    case 'string':
      return reader => reader.text()
    case 'bytes':
      return reader => toBase64(reader.bytes())
    case 'bool':
      return reader => reader.signed() !== 0
    case 'double':
      return reader => reader.double()
    case 'int32':
      return reader => lowBits(reader.signed()) | 0
    case 'uint32':
      return reader => lowBits(reader.signed()) >>> 0
    case 'uint64':
      return reader => reader.unsigned64()
    case 'int64':
      return reader => reader.signed()
  }
}

/** The low 32 bits of an integer that may be wider than the field, as Go takes them. */
const lowBits = (value: number | bigint): number =>
  typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value

function specialReader(schema: SpecialSchema): ReadValue {
  switch (schema.type) {
    case 'quantity':
      return readQuantity
    case 'time':
      return reader => readTime(reader, false)
    case 'microTime':
      return reader => readTime(reader, true)
    case 'duration':
      return readDuration
    case 'intOrString':
      return readIntOrString
    case 'any':
      return schema.message === 'am.runtime.RawExtension' ? readRaw : readAny
    default:
      return reader => readJsonSchema(schema, reader)
  }
}

/** JSONSchemaPropsOrArray, ...OrBool and ...OrStringArray of apiextensions. */
function readJsonSchema(schema: SpecialSchema, reader: ProtobufReader): unknown {
  const list: unknown[] = []
  let struct: JsonObject | undefined
  let allows = false
  const schemaNumber = schema.type === 'schemaOrBool' ? 2 : 1
  eachField(reader, (number, wireType) => {
    if (number === schemaNumber && wireType === 2) {
      struct = {}
      readStruct(schema.struct!, reader.message(), struct)
    } else if (number === 2 && wireType === 2) {
      if (schema.type === 'schemaOrList') {
        const item: JsonObject = {}
        readStruct(schema.struct!, reader.message(), item)
        list.push(item)
      } else list.push(reader.text())
    } else if (number === 1 && wireType === 0) allows = reader.signed() !== 0
    else return false
    return true
  })
  if (struct !== undefined) return struct
  return schema.type === 'schemaOrBool' ? allows : list
}
