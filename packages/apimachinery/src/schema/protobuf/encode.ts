import type { Field, ScalarType, Schema, SpecialSchema, StructSchema } from '../schema.ts'
import { fromBase64, writeAny, writeDuration, writeIntOrString, writeText, writeTime, writeVarint } from './special.ts'
import { ProtobufWriter } from './writer.ts'

type JsonObject = Readonly<Record<string, unknown>>
/** Writes a value as field `number`, always. */
type WriteField = (writer: ProtobufWriter, number: number, value: unknown) => void
/** Writes a field of a struct if it is to be written. */
type WriteMember = (writer: ProtobufWriter, object: JsonObject) => void
/** Writes the content of a message. */
type WriteMessage = (writer: ProtobufWriter, value: unknown) => void

const EMPTY: JsonObject = {}
const LENGTH = 2
const FIXED64 = 1

const structWriters = new WeakMap<StructSchema, WriteMessage>()

/** The encoder of a struct, made once. Encoders of the structs inside are made when first needed, since they refer in circles. */
function structWriter(schema: StructSchema): WriteMessage {
  const known = structWriters.get(schema)
  if (known !== undefined) return known
  let members: WriteMember[] | undefined
  const write: WriteMessage = (writer, value) => {
    members ??= schema.members.map(memberWriter)
    const object = (value ?? EMPTY) as JsonObject
    for (let index = members.length - 1; index >= 0; index--) members[index]!(writer, object)
  }
  structWriters.set(schema, write)
  return write
}

/** Non-pointer scalars and structs are always written, pointers, lists, maps and bytes only if set: as gogo-protobuf does. */
function memberWriter(field: Field): WriteMember {
  const { name, number, schema } = field
  if (field.inline) {
    const write = valueWriter(schema)
    return (writer, object) => write(writer, number, object)
  }
  if (schema.type === 'list' && schema.wrapped !== true) {
    const write = valueWriter(schema.items)
    return (writer, object) => {
      const list = object[name] as readonly unknown[] | undefined
      if (list) for (let index = list.length - 1; index >= 0; index--) write(writer, number, list[index])
    }
  }
  if (schema.type === 'map') {
    const write = valueWriter(schema.values)
    return (writer, object) => {
      const map = object[name] as JsonObject | undefined
      if (map) writeMap(writer, number, map, write)
    }
  }
  const write = valueWriter(schema)
  if (field.pointer || schema.type === 'bytes' || schema.type === 'list')
    return (writer, object) => {
      const value = object[name]
      if (value !== undefined && value !== null) write(writer, number, value)
    }
  return (writer, object) => write(writer, number, object[name])
}

function writeMap(writer: ProtobufWriter, number: number, map: JsonObject, write: WriteField): void {
  for (const key of Object.keys(map).sort().reverse()) {
    const before = writer.written
    write(writer, 2, map[key])
    writeText(writer, 1, key)
    writer.varint(writer.written - before)
    writer.varint(number * 8 + LENGTH)
  }
}

function valueWriter(schema: Schema): WriteField {
  switch (schema.type) {
    case 'struct':
      return messageWriter(structWriter(schema))
    case 'list':
      return messageWriter((writer, value) => {
        const list = (value ?? []) as readonly string[]
        for (let index = list.length - 1; index >= 0; index--) writeText(writer, 1, list[index]!)
      })
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
      return scalarWriter(schema.type)
    default:
      return messageWriter(specialWriter(schema))
  }
}

function messageWriter(write: WriteMessage): WriteField {
  return (writer, number, value) => {
    const before = writer.written
    write(writer, value)
    writer.varint(writer.written - before)
    writer.varint(number * 8 + LENGTH)
  }
}

function scalarWriter(type: ScalarType): WriteField {
  switch (type) {
    case 'string':
      return (writer, number, value) => writeText(writer, number, (value as string | undefined) ?? '')
    case 'bytes':
      return (writer, number, value) => {
        const bytes = fromBase64((value as string | undefined) ?? '')
        writer.bytes(bytes)
        writer.varint(bytes.length)
        writer.varint(number * 8 + LENGTH)
      }
    case 'bool':
      return (writer, number, value) => writeVarint(writer, number, value === true ? 1 : 0)
    case 'double':
      return (writer, number, value) => {
        writer.double((value as number | undefined) ?? 0)
        writer.varint(number * 8 + FIXED64)
      }
    default:
      return (writer, number, value) => writeVarint(writer, number, (value as number | undefined) ?? 0)
  }
}

function specialWriter(schema: SpecialSchema): WriteMessage {
  switch (schema.type) {
    case 'quantity':
      return (writer, value) => writeText(writer, 1, (value as string | undefined) ?? '0')
    case 'time':
      return (writer, value) => writeTime(writer, value, false)
    case 'microTime':
      return (writer, value) => writeTime(writer, value, true)
    case 'duration':
      return writeDuration
    case 'intOrString':
      return writeIntOrString
    case 'any':
      return writeAny
    default:
      return schemaWriter(schema)
  }
}

/** JSONSchemaPropsOrArray, ...OrBool and ...OrStringArray of apiextensions. */
function schemaWriter(schema: SpecialSchema): WriteMessage {
  const writeStruct = messageWriter(structWriter(schema.struct!))
  return (writer, value) => {
    if (Array.isArray(value)) {
      for (let index = value.length - 1; index >= 0; index--)
        if (schema.type === 'schemaOrList') writeStruct(writer, 2, value[index])
        else writeText(writer, 2, value[index] as string)
    } else if (schema.type === 'schemaOrBool') {
      if (typeof value === 'object') writeStruct(writer, 2, value)
      writeVarint(writer, 1, value === false ? 0 : 1)
    } else writeStruct(writer, 1, value)
  }
}

const INITIAL_SIZE = 16 * 1024
let spare: ProtobufWriter | undefined

/** Lends a writer that is used again and again; nested use gets one of its own. */
export function withWriter(write: (writer: ProtobufWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = spare ?? new ProtobufWriter(INITIAL_SIZE)
  spare = undefined
  write(writer)
  const bytes = writer.finish()
  spare = writer
  return bytes
}

/** The message of an object of this schema, without envelope: no apiVersion and kind. The object must fit the schema. */
export function encodeMessage(schema: StructSchema, object: unknown): Uint8Array<ArrayBuffer> {
  const write = structWriter(schema)
  return withWriter(writer => write(writer, object))
}
