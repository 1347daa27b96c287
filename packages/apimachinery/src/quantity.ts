import { parseSmallQuantity } from './quantity-fast.ts'

/** How a quantity is written: `12M` (powers of ten), `12Mi` (powers of two), `12e6`. Kept from parsing to printing. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

/**
 * A resource amount: `mantissa * 10^scale`, exact. Immutable. Behaviour: k8s.io/apimachinery/pkg/api/resource/quantity.go.
 */
export interface Quantity {
  readonly mantissa: bigint
  readonly scale: number
  readonly format: QuantityFormat
  /** The text it was parsed from, where upstream prints that very text again. */
  readonly text?: string
}

/** The text is no quantity. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'QuantityError'
  }
}

export const QUANTITY_FORMAT_MESSAGE =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

const decimalSuffixes: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}
const binarySuffixes: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }
const decimalSuffixOf = new Map(Object.entries(decimalSuffixes).map(([suffix, exponent]) => [exponent, suffix]))
const binarySuffixNames = ['', ...Object.keys(binarySuffixes)]

const smallestScale = -9
const maxInt64 = 2n ** 63n - 1n
/** Digits (and powers of ten between two scales) up to which exact arithmetic is worth it. */
const longestExponent = 1000

interface Suffix {
  base: 2 | 10
  exponent: number
  format: QuantityFormat
}

function interpretSuffix(suffix: string): Suffix {
  const decimal = Object.hasOwn(decimalSuffixes, suffix) ? decimalSuffixes[suffix] : undefined
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' }
  const binary = Object.hasOwn(binarySuffixes, suffix) ? binarySuffixes[suffix] : undefined
  if (binary !== undefined) return { base: 2, exponent: binary, format: 'BinarySI' }
  if (/^[eE][-+]?[0-9]+$/.test(suffix)) {
    const exponent = Number(suffix.slice(1))
    if (Math.abs(exponent) <= 2 ** 31 - 1) return { base: 10, exponent, format: 'DecimalExponent' }
  }
  throw new QuantityError("unable to parse quantity's suffix")
}

/** Takes the text apart from left to right, so that the time it takes is linear. */
function splitQuantity(text: string): { sign: string; numerator: string; denominator: string; suffix: string } {
  let at = 0
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const taken = pattern.exec(text)?.[0] ?? ''
    at += taken.length
    return taken
  }
  const sign = take(/[+-]?/y)
  take(/0*/y)
  const numerator = take(/[0-9]*/y)
  const denominator = take(/\.[0-9]*/y).slice(1)
  const suffix = take(/[eEinumkKMGTP]*/y) + take(/[-+]?/y) + take(/[0-9]*/y)
  if (text === '' || at < text.length) throw new QuantityError(QUANTITY_FORMAT_MESSAGE)
  return { sign, numerator: numerator === '' ? '0' : numerator, denominator, suffix }
}

/** Clusters know few amounts, and each write looks at each of its own several times. */
const MOST_KNOWN = 2048
const LONGEST_KNOWN = 32
const parsed = new Map<string, Quantity>()
const canonical = new Map<string, string>()

function known<T>(values: Map<string, T>, text: string, make: (text: string) => T): T {
  let value = values.get(text)
  if (value === undefined) {
    value = make(text)
    if (text.length > LONGEST_KNOWN) return value
    if (values.size >= MOST_KNOWN) values.clear()
    values.set(text, value)
  }
  return value
}

/** Parses `text`. Throws `QuantityError` with upstream's message. */
export function parseQuantity(text: string): Quantity {
  return known(parsed, text, parseAnew)
}

function parseAnew(text: string): Quantity {
  const { sign, numerator, denominator, suffix: suffixText } = splitQuantity(text)
  const suffix = interpretSuffix(suffixText)
  const digits = numerator + denominator
  const magnitude = BigInt(digits)
  const exact = withoutRounding(magnitude, digits, denominator.length, suffix)
  const amount = exact ?? rounded(magnitude, denominator.length, suffix)
  const mantissa = sign === '-' ? -amount.mantissa : amount.mantissa
  if (exact !== undefined && printsAsWritten(magnitude, digits, exact.scale, suffix)) {
    return { mantissa, scale: amount.scale, format: suffix.format, text }
  }
  return { mantissa, scale: amount.scale, format: amount.format }
}

type Amount = Omit<Quantity, 'text'>

/** Upstream's int64 path: amounts that need no rounding and no cap. */
function withoutRounding(magnitude: bigint, digits: string, places: number, suffix: Suffix): Amount | undefined {
  if (suffix.base === 10) {
    const scale = suffix.exponent - places
    return digits.length <= 18 && scale >= smallestScale
      ? { mantissa: magnitude, scale, format: suffix.format }
      : undefined
  }
  const room = 15 - digits.length - Math.trunc((suffix.exponent * 3) / 10) - 1
  if (places > 0 || room < 0) return undefined
  return { mantissa: magnitude << BigInt(suffix.exponent), scale: 0, format: 'BinarySI' }
}

/** Upstream's arbitrary-precision path: rounds up to nano, caps binary amounts at 2^63-1. */
function rounded(magnitude: bigint, places: number, suffix: Suffix): Amount {
  let mantissa = suffix.base === 2 ? magnitude << BigInt(suffix.exponent) : magnitude
  let scale = (suffix.base === 10 ? suffix.exponent : 0) - places
  if (scale < smallestScale) {
    mantissa = divideUp(mantissa, smallestScale - scale)
    scale = smallestScale
  }
  if (suffix.base === 10) return { mantissa, scale, format: suffix.format }
  if (compareAmounts(mantissa, scale, maxInt64, 0) > 0) return { mantissa: maxInt64, scale: 0, format: 'BinarySI' }
  const fraction = mantissa > 0n && compareAmounts(mantissa, scale, 1n, 0) < 0
  return { mantissa, scale, format: fraction ? 'DecimalSI' : 'BinarySI' }
}

function printsAsWritten(magnitude: bigint, digits: string, scale: number, suffix: Suffix): boolean {
  if (suffix.base === 2) return (magnitude & 7n) !== 0n
  return scale % 3 === 0 && !digits.endsWith('000') && digits[0] !== '0'
}

const powerOfTen = (exponent: number): bigint => 10n ** BigInt(exponent)

/** `value / 10^places`, away from zero. */
function divideUp(value: bigint, places: number): bigint {
  if (value === 0n) return 0n
  const negative = value < 0n
  const magnitude = negative ? -value : value
  // A power of ten with more digits than the value leaves a fraction, which counts as one.
  const quotient =
    places > magnitude.toString().length ? 1n : (magnitude + powerOfTen(places) - 1n) / powerOfTen(places)
  return negative ? -quotient : quotient
}

function compareAmounts(a: bigint, aScale: number, b: bigint, bScale: number): number {
  const signOf = (value: bigint): number => (value === 0n ? 0 : value < 0n ? -1 : 1)
  if (signOf(a) !== signOf(b) || a === 0n) return signOf(a) < signOf(b) ? -1 : signOf(a) === signOf(b) ? 0 : 1
  const difference = aScale - bScale
  if (Math.abs(difference) > longestExponent) {
    const sizeOf = (value: bigint): number => (value < 0n ? -value : value).toString().length
    const bigger = sizeOf(a) + aScale > sizeOf(b) + bScale ? 1 : -1
    return a < 0n ? -bigger : bigger
  }
  const left = difference > 0 ? a * powerOfTen(difference) : a
  const right = difference < 0 ? b * powerOfTen(-difference) : b
  return left < right ? -1 : left > right ? 1 : 0
}

/** The canonical text: no precision lost, no fraction, the largest suffix of its format. */
export function formatQuantity(quantity: Quantity): string {
  if (quantity.text !== undefined) return quantity.text
  if (quantity.mantissa === 0n) return '0'
  if (quantity.format === 'BinarySI') {
    const binary = formatBinary(quantity)
    if (binary !== undefined) return binary
  }
  const format = quantity.format === 'DecimalExponent' ? 'DecimalExponent' : 'DecimalSI'
  return formatDecimal(quantity.mantissa, quantity.scale, format)
}

function formatBinary({ mantissa, scale }: Quantity): string | undefined {
  const unit = scale < 0 ? powerOfTen(-scale) : 1n
  if (mantissa % unit !== 0n) return undefined
  let value = scale < 0 ? mantissa / unit : mantissa * powerOfTen(scale)
  if (value > -1024n && value < 1024n) return undefined
  let exponent = 0
  while (value % 1024n === 0n && exponent < 6) {
    value /= 1024n
    exponent++
  }
  return `${value}${binarySuffixNames[exponent]}`
}

function formatDecimal(mantissa: bigint, scale: number, format: 'DecimalSI' | 'DecimalExponent'): string {
  const digits = mantissa.toString()
  let end = digits.length
  while (digits[end - 1] === '0') end--
  let exponent = scale + digits.length - end
  let zeros = ((exponent % 3) + 3) % 3
  if (format === 'DecimalSI' && exponent - zeros > 18) zeros = exponent - 18
  exponent -= zeros
  if (zeros > longestExponent) throw new QuantityError('quantity is out of range')
  const value = digits.slice(0, end) + '0'.repeat(zeros)
  if (format === 'DecimalSI') return `${value}${decimalSuffixOf.get(exponent)}`
  return exponent === 0 ? value : `${value}e${exponent}`
}

const asQuantity = (quantity: string | Quantity): Quantity =>
  typeof quantity === 'string' ? parseQuantity(quantity) : quantity

/** How upstream prints `text` again: `0.5` is `500m`, `1024Mi` is `1Gi`. Throws `QuantityError`. */
export function canonicalQuantity(text: string): string {
  return known(canonical, text, each => formatQuantity(parseQuantity(each)))
}

/** -1, 0 or 1, by amount alone (formats do not matter). */
export function compareQuantities(a: string | Quantity, b: string | Quantity): -1 | 0 | 1 {
  const left = asQuantity(a)
  const right = asQuantity(b)
  return compareAmounts(left.mantissa, left.scale, right.mantissa, right.scale) as -1 | 0 | 1
}

/** The sum, in the format of `a` (of `b` where `a` is zero). Print it with `formatQuantity`. */
export function addQuantities(a: string | Quantity, b: string | Quantity): Quantity {
  const left = asQuantity(a)
  const right = asQuantity(b)
  const format = left.mantissa === 0n ? right.format : left.format
  if (right.mantissa === 0n) return { mantissa: left.mantissa, scale: left.scale, format }
  if (left.mantissa === 0n) return { mantissa: right.mantissa, scale: right.scale, format }
  const scale = Math.min(left.scale, right.scale)
  if (Math.max(left.scale, right.scale) - scale > longestExponent) throw new QuantityError('quantity is out of range')
  const mantissa = left.mantissa * powerOfTen(left.scale - scale) + right.mantissa * powerOfTen(right.scale - scale)
  return { mantissa, scale, format }
}

/** `a - b`, in the format of `a` (of `b` where `a` is zero). */
export function subtractQuantities(a: string | Quantity, b: string | Quantity): Quantity {
  const right = asQuantity(b)
  return addQuantities(a, { mantissa: -right.mantissa, scale: right.scale, format: right.format })
}

/** A quantity of `value` whole units. */
export function quantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { mantissa: BigInt(value), scale: 0, format }
}

/** A quantity of `value` thousandths. */
export function milliQuantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { mantissa: BigInt(value), scale: -3, format }
}

/** The amount in units of `10^scale`, rounded away from zero, exact. */
export function scaledQuantity(quantity: string | Quantity, scale: number): bigint {
  const { mantissa, scale: own } = asQuantity(quantity)
  if (own >= scale) {
    if (own - scale > longestExponent) throw new QuantityError('quantity is out of range')
    return mantissa * powerOfTen(own - scale)
  }
  return divideUp(mantissa, scale - own)
}

/** Whole units, rounded away from zero, as a number (bytes, pods, whole cores). Exact up to 2^53. */
export function quantityValue(quantity: string | Quantity): number {
  if (typeof quantity === 'string') {
    const small = parseSmallQuantity(quantity, false)
    if (small !== undefined) return small
  }
  return Number(scaledQuantity(quantity, 0))
}

/** Thousandths, rounded away from zero, as a number (millicores). Exact up to 2^53. */
export function milliValue(quantity: string | Quantity): number {
  if (typeof quantity === 'string') {
    const small = parseSmallQuantity(quantity, true)
    if (small !== undefined) return small
  }
  return Number(scaledQuantity(quantity, -3))
}
