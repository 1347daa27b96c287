/**
 * The frame around protobuf messages: `k8s\0` and runtime.Unknown (k8s.io/apimachinery/pkg/runtime/generated.proto), and the
 * length-prefixed frames of protobuf watches.
 */
const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0x00)

export interface Envelope {
  apiVersion: string
  kind: string
  raw: Uint8Array
  contentType: string
}

export function hasEnvelope(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && MAGIC.every((byte, index) => bytes[index] === byte)
}

export function wrapEnvelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const typeMeta = Buffer.concat([stringField(1, apiVersion), stringField(2, kind)])
  // contentEncoding and contentType are strings of a proto2 message that upstream always writes, empty as they are.
  return Buffer.concat([MAGIC, bytesField(1, typeMeta), bytesField(2, raw), stringField(3, ''), stringField(4, '')])
}

/** Takes the frame off. Throws an Error that says what is wrong. */
export function unwrapEnvelope(bytes: Uint8Array): Envelope {
  if (!hasEnvelope(bytes))
    throw new Error('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  const result: Envelope = { apiVersion: '', kind: '', raw: new Uint8Array(), contentType: '' }
  for (const field of fieldsOf(bytes.subarray(4))) {
    if (field.number === 1) {
      for (const inner of fieldsOf(field.value)) {
        if (inner.number === 1) result.apiVersion = text(inner.value)
        if (inner.number === 2) result.kind = text(inner.value)
      }
    } else if (field.number === 2) result.raw = field.value
    else if (field.number === 4) result.contentType = text(field.value)
  }
  return result
}

/** One frame of a protobuf watch: length, and a WatchEvent whose object is itself enveloped. */
export function watchFrame(type: string, enveloped: Uint8Array): Uint8Array {
  const event = Buffer.concat([stringField(1, type), bytesField(2, bytesField(1, enveloped))])
  const frame = Buffer.allocUnsafe(4 + event.length)
  frame.writeUInt32BE(event.length)
  event.copy(frame, 4)
  return frame
}

export function bytesField(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(value.length), value])
}

export function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)])
}

export function stringField(number: number, value: string): Buffer {
  return bytesField(number, Buffer.from(value))
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest > 127) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()

function* fieldsOf(bytes: Uint8Array): Generator<{ number: number; value: Uint8Array }> {
  let at = 0
  const next = (): number => {
    let result = 0
    for (let shift = 0; shift < 63; shift += 7) {
      if (at >= bytes.length) throw new Error('unexpected EOF')
      const byte = bytes[at++]!
      result += (byte & 127) * 2 ** shift
      if (byte < 128) return result
    }
    throw new Error('integer overflow')
  }
  while (at < bytes.length) {
    const tag = next()
    const wire = tag % 8
    if (wire === 0) next()
    else if (wire === 2) {
      const length = next()
      if (at + length > bytes.length) throw new Error('unexpected EOF')
      yield { number: Math.floor(tag / 8), value: bytes.subarray(at, at + length) }
      at += length
    } else throw new Error(`illegal wireType ${wire}`)
  }
}
