import { formatDuration, parseDurationNanoseconds } from '../../duration.ts'
import { readExactJson, withoutLiterals } from '../../json/exact-reader.ts'
import { encodeJson } from '../../json/stringify.ts'
import { checkDepth } from '../../json/survey.ts'
import { JsonSyntaxError } from '../../json/syntax-error.ts'
import { canonicalQuantity, QuantityError } from '../../quantity.ts'
import { formatTime, parseTime } from '../../time.ts'
import { ProtobufError, type ProtobufReader, UnreadableRawError } from './reader.ts'
import type { ProtobufWriter } from './writer.ts'

const LENGTH = 2
/** Go's zero time and the last second that RFC 3339 can write. */
const ZERO_TIME = -62_135_596_800
const LAST_TIME = 253_402_300_799
const decoder = new TextDecoder()

/** Field `number` with a text. */
export function writeText(writer: ProtobufWriter, number: number, text: string): void {
  writer.varint(writer.text(text))
  writer.varint(number * 8 + LENGTH)
}

export function writeVarint(writer: ProtobufWriter, number: number, value: number | bigint): void {
  writer.varint(value)
  writer.varint(number * 8)
}

/** An instant in seconds and nanoseconds; no instant is an empty message. `Time` is written in whole seconds. */
export function writeTime(writer: ProtobufWriter, value: unknown, micro: boolean): void {
  if (typeof value !== 'string') return
  const milliseconds = parseTime(value)
  if (milliseconds === undefined) throw new ProtobufError(`not a time: ${value}`)
  const digits = micro ? (/\.(\d{1,6})/.exec(value)?.[1] ?? '') : ''
  writeVarint(writer, 2, Number(digits.padEnd(9, '0')))
  writeVarint(writer, 1, Math.floor(milliseconds / 1000))
}

/** Null for an empty message. */
export function readTime(reader: ProtobufReader, micro: boolean): string | null {
  if (reader.done) return null
  let seconds = 0
  let nanos = 0
  eachField(reader, (number, wireType) => {
    if (number === 1 && wireType === 0) seconds = Number(reader.signed())
    else if (number === 2 && wireType === 0) nanos = Number(reader.signed())
    else return false
    return true
  })
  if (seconds === ZERO_TIME) return null
  if (seconds < ZERO_TIME || seconds > LAST_TIME) throw new ProtobufError('proto: time out of range')
  const text = formatTime(seconds * 1000)
  if (!micro) return text
  return `${text.slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
}

export function writeIntOrString(writer: ProtobufWriter, value: unknown): void {
  const isText = typeof value === 'string'
  writeText(writer, 3, isText ? value : '')
  writeVarint(writer, 2, isText ? 0 : ((value as number | undefined) ?? 0))
  writeVarint(writer, 1, isText ? 1 : 0)
}

export function readIntOrString(reader: ProtobufReader): number | string {
  let isText = false
  let number = 0
  let text = ''
  eachField(reader, (field, wireType) => {
    if (field === 1 && wireType === 0) isText = reader.signed() === 1
    else if (field === 2 && wireType === 0) number = Number(reader.signed())
    else if (field === 3 && wireType === 2) text = reader.text()
    else return false
    return true
  })
  return isText ? text : number
}

export function writeDuration(writer: ProtobufWriter, value: unknown): void {
  const nanoseconds = typeof value === 'string' ? parseDurationNanoseconds(value) : 0n
  if (nanoseconds === undefined) throw new ProtobufError(`not a duration: ${value}`)
  writeVarint(writer, 1, nanoseconds)
}

export function readDuration(reader: ProtobufReader): string {
  let nanoseconds: number | bigint = 0
  eachField(reader, (number, wireType) => {
    if (number !== 1 || wireType !== 0) return false
    nanoseconds = reader.signed()
    return true
  })
  return formatDuration(Number(nanoseconds) / 1e6)
}

/** Raw JSON: its bytes in field 1, nothing for null. */
export function writeAny(writer: ProtobufWriter, value: unknown): void {
  if (value === undefined || value === null) return
  writeText(writer, 1, encodeJson(value))
}

function readJson(text: string): unknown {
  checkDepth(text)
  return withoutLiterals(readExactJson(text).value)
}

export function readAny(reader: ProtobufReader): unknown {
  let value: unknown = null
  eachField(reader, (number, wireType) => {
    if (number !== 1 || wireType !== 2) return false
    const text = decoder.decode(reader.bytes())
    if (text !== '') value = orProtobufError(() => readJson(text))
    return true
  })
  return value
}

/** A RawExtension: bytes that are there but no JSON are what nothing can be made of. Throws UnreadableRawError. */
export function readRaw(reader: ProtobufReader): unknown {
  let value: unknown = null
  eachField(reader, (number, wireType) => {
    if (number !== 1 || wireType !== 2) return false
    const text = decoder.decode(reader.bytes())
    try {
      value = readJson(text)
    } catch (error) {
      throw new UnreadableRawError({ cause: error })
    }
    return true
  })
  return value
}

/** The text in field 1, in canonical form. */
export function readQuantity(reader: ProtobufReader): string {
  let text = ''
  eachField(reader, (number, wireType) => {
    if (number !== 1 || wireType !== 2) return false
    text = reader.text()
    return true
  })
  return orProtobufError(() => canonicalQuantity(text === '' ? '0' : text))
}

/** What is wrong inside a value is wrong with the message. */
function orProtobufError<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof QuantityError) throw new ProtobufError(error.message)
    throw error
  }
}

/** Calls `take` for every field; a field it does not take (returns false, nothing read) is passed over. */
export function eachField(reader: ProtobufReader, take: (number: number, wireType: number) => boolean): void {
  while (!reader.done) {
    const tag = reader.unsigned()
    if (!take(Math.floor(tag / 8), tag & 7)) reader.skip(tag & 7)
  }
}

/** Base64 of bytes. */
export function toBase64(bytes: Uint8Array): string {
  const CHUNK = 0x8000
  let binary = ''
  for (let at = 0; at < bytes.length; at += CHUNK) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK))
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index)
  return bytes
}
