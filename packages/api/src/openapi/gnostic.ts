/** How gnostic-models has OpenAPI documents as protobuf: what the messages of both versions have in common. */
import type { ProtobufWriter } from '@canopus/apimachinery'
import { yamlText } from './yaml-text.ts'

type JsonObject = Readonly<Record<string, unknown>>
/** Writes a value as field `number` (as several fields for lists). */
export type Write = (writer: ProtobufWriter, number: number, value: unknown) => void
/** Fields of a message by ascending number: key in JSON, number, how to write it. Keys `x-...` go to the vendor extensions. */
export interface Message {
  fields: readonly (readonly [string, number, Write])[]
  vendor?: number
}

const LENGTH = 2

export const text: Write = (writer, number, value) => {
  writer.varint(writer.text(value as string))
  writer.varint(number * 8 + LENGTH)
}

export const flag: Write = (writer, number, value) => {
  if (value !== true) return
  writer.varint(1)
  writer.varint(number * 8)
}

/** A nested message whose content `write` writes. */
export function nested(writer: ProtobufWriter, number: number, write: () => void): void {
  const before = writer.written
  write()
  writer.varint(writer.written - before)
  writer.varint(number * 8 + LENGTH)
}

export const list =
  (item: Write): Write =>
  (writer, number, value) => {
    for (const each of [...(value as readonly unknown[])].reverse()) item(writer, number, each)
  }

/** gnostic keeps free values as YAML text. */
export const any: Write = (writer, number, value) => nested(writer, number, () => text(writer, 2, yamlText(value)))

/** A list of messages with name (1) and value (2), from the entries of an object. */
export const named =
  (item: Write): Write =>
  (writer, number, value) => {
    for (const [name, each] of Object.entries(value as JsonObject).reverse())
      nested(writer, number, () => {
        item(writer, 2, each)
        text(writer, 1, name)
      })
  }

/** A message around one field, as gnostic has for choices and for maps. */
export const wrapped =
  (inner: number, item: Write): Write =>
  (writer, number, value) =>
    nested(writer, number, () => item(writer, inner, value))

export const message =
  (describe: () => Message): Write =>
  (writer, number, value) =>
    nested(writer, number, () => writeFields(writer, describe(), value as JsonObject))

export function writeFields(writer: ProtobufWriter, { fields, vendor }: Message, object: JsonObject): void {
  if (vendor !== undefined) {
    const extensions = Object.fromEntries(Object.entries(object).filter(([key]) => key.startsWith('x-')))
    named(any)(writer, vendor, extensions)
  }
  for (let index = fields.length - 1; index >= 0; index--) {
    const [key, number, write] = fields[index]!
    if (object[key] !== undefined) write(writer, number, object[key])
  }
}
