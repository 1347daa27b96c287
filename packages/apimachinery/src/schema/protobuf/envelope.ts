/**
 * Protobuf as Kubernetes sends and stores it: the bytes `k8s\0`, then a runtime.Unknown that names apiVersion and kind and
 * holds the message. Upstream: k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
 */
import type { SchemaChoice } from '../decode.ts'
import { fillKind } from '../decoded-values.ts'
import type { StructSchema } from '../schema.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage, withWriter } from './encode.ts'
import { ProtobufError, ProtobufReader } from './reader.ts'
import { eachField, writeText } from './special.ts'
import type { ProtobufWriter } from './writer.ts'

export const PROTOBUF_CONTENT_TYPE = 'application/vnd.kubernetes.protobuf'
const PREFIX = Uint8Array.of(0x6b, 0x38, 0x73, 0x00)
const LENGTH = 2

/** How an object names its kind. */
export interface KindName {
  apiVersion: string
  kind: string
}

export interface Envelope extends KindName {
  /** The message. A view on the bytes given. */
  raw: Uint8Array
  contentEncoding: string
  contentType: string
}

/** Whether bytes begin like a protobuf envelope, as opposed to JSON. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return PREFIX.every((byte, index) => bytes[index] === byte)
}

function writeBytes(writer: ProtobufWriter, number: number, bytes: Uint8Array): void {
  writer.bytes(bytes)
  writer.varint(bytes.length)
  writer.varint(number * 8 + LENGTH)
}

/** Puts an encoded message into its envelope. */
export function wrapMessage(type: KindName, raw: Uint8Array): Uint8Array<ArrayBuffer> {
  return withWriter(writer => {
    writeText(writer, 4, '')
    writeText(writer, 3, '')
    writeBytes(writer, 2, raw)
    const before = writer.written
    writeText(writer, 2, type.kind)
    writeText(writer, 1, type.apiVersion)
    writer.varint(writer.written - before)
    writer.varint(8 + LENGTH)
    writer.bytes(PREFIX)
  })
}

/** Opens an envelope. Throws ProtobufError with upstream's message where the bytes are none. */
export function unwrapMessage(bytes: Uint8Array): Envelope {
  if (bytes.length === 0) throw new ProtobufError('empty data')
  if (!isProtobuf(bytes))
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  if (bytes.length === PREFIX.length) throw new ProtobufError('empty body')
  const envelope: Envelope = { apiVersion: '', kind: '', raw: new Uint8Array(0), contentEncoding: '', contentType: '' }
  const reader = new ProtobufReader(bytes, PREFIX.length)
  eachField(reader, (number, wireType) => {
    if (wireType !== 2) return false
    if (number === 1) readTypeMeta(reader.message(), envelope)
    else if (number === 2) envelope.raw = reader.bytes()
    else if (number === 3) envelope.contentEncoding = reader.text()
    else if (number === 4) envelope.contentType = reader.text()
    else return false
    return true
  })
  return envelope
}

function readTypeMeta(reader: ProtobufReader, into: KindName): void {
  eachField(reader, (number, wireType) => {
    if (wireType !== 2 || number > 2) return false
    if (number === 1) into.apiVersion = reader.text()
    else into.kind = reader.text()
    return true
  })
}

/** An object with its envelope; apiVersion and kind are the object's own unless given. */
export function encodeProtobuf(schema: StructSchema, object: object, type?: KindName): Uint8Array<ArrayBuffer> {
  const own = object as Partial<KindName>
  const named = type ?? { apiVersion: own.apiVersion ?? '', kind: own.kind ?? '' }
  return wrapMessage(named, encodeMessage(schema, object))
}

/**
 * The object in an envelope, with apiVersion and kind where the envelope says them. Zero values that upstream omits in JSON
 * are left out; `metadata` and `spec` of kinds are always there. Throws ProtobufError.
 */
export function decodeProtobuf(schema: SchemaChoice, bytes: Uint8Array): Record<string, unknown> {
  const { apiVersion, kind, raw } = unwrapMessage(bytes)
  const chosen = typeof schema === 'function' ? schema(apiVersion, kind) : schema
  const head: Record<string, unknown> = {}
  if (kind !== '') head.kind = kind
  if (apiVersion !== '') head.apiVersion = apiVersion
  const object = { ...head, ...decodeMessage(chosen, raw) }
  if (chosen.isKind) fillKind(chosen, object)
  return object
}

/**
 * A list made of messages that are encoded already (without envelopes): its metadata as field 1, each item as field 2; the other way
 * round in the one list that was made so, metadata alone in v1beta1.
 */
export function encodeProtobufList(
  type: KindName,
  listMeta: Uint8Array,
  items: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const isReversed = type.apiVersion === 'meta.k8s.io/v1beta1'
  const [metaField, itemField] = isReversed ? [2, 1] : [1, 2]
  const raw = withWriter(writer => {
    if (isReversed) writeBytes(writer, metaField, listMeta)
    for (let index = items.length - 1; index >= 0; index--) writeBytes(writer, itemField, items[index]!)
    if (!isReversed) writeBytes(writer, metaField, listMeta)
  })
  return wrapMessage(type, raw)
}

/**
 * One event of a watch in protobuf: four bytes of length, then a bare WatchEvent whose object is an envelope of its own.
 * `object` is what `encodeProtobuf` gave.
 */
export function encodeWatchFrame(type: string, object: Uint8Array): Uint8Array<ArrayBuffer> {
  const event = withWriter(writer => {
    const before = writer.written
    writeBytes(writer, 1, object)
    writer.varint(writer.written - before)
    writer.varint(2 * 8 + LENGTH)
    writeText(writer, 1, type)
  })
  const frame = new Uint8Array(4 + event.length)
  new DataView(frame.buffer).setUint32(0, event.length)
  frame.set(event, 4)
  return frame
}

/** The content of one frame: the event's type and its object's envelope. */
export function decodeWatchEvent(event: Uint8Array): { type: string; object: Uint8Array } {
  const reader = new ProtobufReader(event)
  let type = ''
  let object: Uint8Array = new Uint8Array(0)
  eachField(reader, (number, wireType) => {
    if (wireType !== 2 || number > 2) return false
    if (number === 1) type = reader.text()
    else {
      const extension = reader.message()
      eachField(extension, (inner, innerType) => {
        if (inner !== 1 || innerType !== 2) return false
        object = extension.bytes()
        return true
      })
    }
    return true
  })
  return { type, object }
}

/** Cuts a stream of length-prefixed frames. Chunks may end anywhere. */
export class FrameReader {
  private pending = new Uint8Array(0)

  /** The frames that are whole after this chunk. */
  push(chunk: Uint8Array): Uint8Array[] {
    const bytes = new Uint8Array(this.pending.length + chunk.length)
    bytes.set(this.pending)
    bytes.set(chunk, this.pending.length)
    const frames: Uint8Array[] = []
    let at = 0
    while (bytes.length - at >= 4) {
      const length = new DataView(bytes.buffer, at, 4).getUint32(0)
      if (bytes.length - at - 4 < length) break
      frames.push(bytes.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    this.pending = bytes.slice(at)
    return frames
  }
}
