import { readExactJson } from './exact-reader.ts'

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown

/**
 * JSON.parse that makes bigints of integers beyond 2^53, as decoding does. Throws JsonSyntaxError with Go's message. Texts
 * without such numbers cost next to nothing more than with JSON.parse.
 */
export function parseJson(text: string): unknown {
  try {
    return hasLongNumber(text) ? parse(text, exact) : JSON.parse(text)
  } catch (error) {
    readExactJson(text)
    throw error
  }
}

/** What does not fit 64 bits stays a float, as in Go's untyped decoding. */
const exact: Reviver = (_key, value, { source }) => {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  if (source === undefined || !/^-?[0-9]+$/.test(source)) return value
  const whole = BigInt(source)
  return BigInt.asIntN(64, whole) === whole ? whole : value
}

/** Digits of the smallest integer that a double may not hold. */
const LONG = 16

/**
 * Whether so many digits stand together anywhere that an integer may be among them which no number shows: then one of every 16
 * characters is a digit.
 */
export function hasLongNumber(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text.charCodeAt(at))) continue
    let start = at
    while (start > 0 && isDigit(text.charCodeAt(start - 1))) start--
    let end = at + 1
    while (end < text.length && isDigit(text.charCodeAt(end))) end++
    if (end - start >= LONG) return true
  }
  return false
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57
