import { formatDuration, parseDuration } from '../duration.ts'
import { goTimeQuote } from '../go-quote.ts'
import { NumberLiteral, toSmallest } from '../json/exact-reader.ts'
import { canonicalQuantity, QUANTITY_FORMAT_MESSAGE, QuantityError } from '../quantity.ts'
import { canonicalMicroTime, canonicalTime } from '../time.ts'
import { DecodeError } from './decode-error.ts'
import { timeErrorText } from './go-time-error.ts'
import type { ScalarType } from './schema.ts'

/** What Go calls a JSON value in its errors; numbers with their text where `withNumber`. */
export function jsonKind(value: unknown, withNumber = false): string {
  if (Array.isArray(value)) return 'array'
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    case 'number':
    case 'bigint':
      return withNumber ? `number ${value}` : 'number'
  }
  if (value instanceof NumberLiteral) return withNumber ? `number ${value.text}` : 'number'
  return 'object'
}

/** The value is not of this type: what Go calls what it found. */
export class WrongType {
  readonly found: string
  constructor(found: string) {
    this.found = found
  }
}

/** The value has the right type and is wrong all the same: the message says how. */
export class WrongValue {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

const INT64_MAX = 2n ** 63n - 1n
const RANGES: Record<'int32' | 'int64' | 'uint32' | 'uint64', readonly [bigint, bigint]> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-INT64_MAX - 1n, INT64_MAX],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}

/** The value of an integer field, or WrongType. Integers beyond 2^53 are bigints. */
export function integer(type: 'int32' | 'int64' | 'uint32' | 'uint64', value: unknown): number | bigint | WrongType {
  if (typeof value === 'number') {
    if (type === 'int32' && (value | 0) === value) return value
    if (!Number.isSafeInteger(value)) return new WrongType(jsonKind(value, true))
    const [from, to] = RANGES[type]
    return value >= from && value <= to ? value : new WrongType(jsonKind(value, true))
  }
  const text = value instanceof NumberLiteral ? value.text : typeof value === 'bigint' ? value.toString() : undefined
  if (text === undefined) return new WrongType(jsonKind(value))
  if (!/^-?\d+$/.test(text)) return new WrongType(jsonKind(value, true))
  const exact = BigInt(text)
  const [from, to] = RANGES[type]
  return exact >= from && exact <= to ? toSmallest(exact) : new WrongType(jsonKind(value, true))
}

/** The value of a scalar field, or WrongType, or WrongValue for what is no base64. */
export function scalar(type: ScalarType, value: unknown): unknown {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : new WrongType(jsonKind(value))
    case 'bool':
      return typeof value === 'boolean' ? value : new WrongType(jsonKind(value))
    case 'double':
      return double(value)
    case 'bytes':
      return typeof value === 'string' ? base64(value) : new WrongType(jsonKind(value))
    default:
      return integer(type, value)
  }
}

function double(value: unknown): number | WrongType {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (!(value instanceof NumberLiteral)) return new WrongType(jsonKind(value))
  const number = Number(value.text)
  return Number.isFinite(number) ? number : new WrongType(jsonKind(value, true))
}

/** Standard base64 in its canonical form, or WrongValue with Go's text; line breaks are ignored, as in Go. */
function base64(text: string): string | WrongValue {
  const compact = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    const bad = compact.search(/[^A-Za-z0-9+/]/)
    const at = bad >= 0 && !/^={1,2}$/.test(compact.slice(bad)) ? bad : compact.length - (compact.length % 4)
    return new WrongValue(`illegal base64 data at input byte ${at}`)
  }
  if (!compact.endsWith('=')) return compact
  const tail = compact.slice(-4)
  return compact.slice(0, -4) + btoa(atob(tail))
}

const numberText = (value: unknown): string | undefined => {
  if (value instanceof NumberLiteral) return value.text
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined
}

/** Canonical text. Throws DecodeError with upstream's message. */
export function quantity(value: unknown): string {
  const text = typeof value === 'string' ? value.trim() : numberText(value)
  if (text === undefined) throw new DecodeError(QUANTITY_FORMAT_MESSAGE)
  try {
    return canonicalQuantity(text)
  } catch (error) {
    throw error instanceof QuantityError ? new DecodeError(error.message) : error
  }
}

/** UTC, with whole seconds (`Time`) or six digits (`MicroTime`). Throws DecodeError with Go's message. */
export function time(value: string, micro: boolean): string {
  const text =
    micro && !/:\d\d\.\d{6}(?:Z|[+-])/.test(value) ? undefined : (micro ? canonicalMicroTime : canonicalTime)(value)
  if (text === undefined) throw new DecodeError(timeErrorText(value, micro))
  return text
}

/** Go's text of a duration. Throws DecodeError with Go's message. */
export function duration(value: string): string {
  const parsed = parseDuration(value)
  if (parsed === undefined) throw new DecodeError(`time: invalid duration ${goTimeQuote(value)}`)
  return formatDuration(parsed)
}
