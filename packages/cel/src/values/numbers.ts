import { CelError } from './error.ts'
import { Double, Uint, type Value } from './value.ts'

/** An int of CEL: a safe integer as `number`, any other as `bigint`. */
export type Int = number | bigint

const MIN_INT = -(2n ** 63n)
const MAX_INT = 2n ** 63n - 1n
const MAX_UINT = 2n ** 64n - 1n
const SAFE = Number.MAX_SAFE_INTEGER

const overflow = (): CelError => new CelError('integer overflow')
const uintOverflow = (): CelError => new CelError('unsigned integer overflow')

/** The one form of an int. Throws where it does not fit 64 bits. */
export function toInt(value: bigint): Int {
  if (value >= -9007199254740991n && value <= 9007199254740991n) return Number(value)
  if (value < MIN_INT || value > MAX_INT) throw overflow()
  return value
}

export function toUint(value: bigint): Uint {
  if (value < 0n || value > MAX_UINT) throw uintOverflow()
  return new Uint(value)
}

/** A number that arithmetic on safe integers gave: right as it is when it is safe, since then nothing was rounded. */
const safe = (value: number): boolean => value >= -SAFE && value <= SAFE

export function addInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (safe(sum)) return sum
  }
  return toInt(BigInt(a) + BigInt(b))
}

export function subtractInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (safe(difference)) return difference
  }
  return toInt(BigInt(a) - BigInt(b))
}

export function multiplyInt(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    if (safe(product)) return product + 0
  }
  return toInt(BigInt(a) * BigInt(b))
}

export function divideInt(a: Int, b: Int): Int {
  if (b === 0) throw new CelError('division by zero')
  // The quotient of two doubles may be rounded up to the next integer; without the remainder it is exact.
  if (typeof a === 'number' && typeof b === 'number') return (a - (a % b)) / b + 0
  return toInt(BigInt(a) / BigInt(b))
}

export function moduloInt(a: Int, b: Int): Int {
  if (b === 0) throw new CelError('modulus by zero')
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0
  if (BigInt(a) === MIN_INT && b === -1) throw overflow()
  return toInt(BigInt(a) % BigInt(b))
}

export function negateInt(a: Int): Int {
  return typeof a === 'number' ? 0 - a : toInt(-a)
}

export const addUint = (a: Uint, b: Uint): Uint => toUint(a.value + b.value)
export const subtractUint = (a: Uint, b: Uint): Uint => toUint(a.value - b.value)
export const multiplyUint = (a: Uint, b: Uint): Uint => toUint(a.value * b.value)

export function divideUint(a: Uint, b: Uint): Uint {
  if (b.value === 0n) throw new CelError('division by zero')
  return new Uint(a.value / b.value)
}

export function moduloUint(a: Uint, b: Uint): Uint {
  if (b.value === 0n) throw new CelError('modulus by zero')
  return new Uint(a.value % b.value)
}

/** The int that a double is when its fraction is cut off. Throws out of range, which excludes the ends, as upstream. */
export function doubleToInt(value: number): Int {
  if (!(value > -(2 ** 63) && value < 2 ** 63)) throw overflow()
  const whole = Math.trunc(value)
  return Number.isSafeInteger(whole) ? whole + 0 : BigInt(whole)
}

export function doubleToUint(value: number): Uint {
  if (!(value >= 0 && value < 2 ** 64)) throw uintOverflow()
  return new Uint(BigInt(Math.trunc(value)))
}

export const isInt = (value: Value): value is Int => typeof value === 'number' || typeof value === 'bigint'
export const isNumeric = (value: Value): value is Int | Double | Uint =>
  isInt(value) || value instanceof Double || value instanceof Uint

/**
 * Order of two numbers of any types; undefined where one is NaN. An int beside a double is first made a double, as upstream
 * does it, so that a very large one may be equal to a double that it is not.
 */
export function compareNumbers(a: Int | Double | Uint, b: Int | Double | Uint): number | undefined {
  if (a instanceof Double || b instanceof Double) return order(toNumber(a), toNumber(b))
  return order(a instanceof Uint ? a.value : a, b instanceof Uint ? b.value : b)
}

const toNumber = (value: Int | Double | Uint): number => Number(isInt(value) ? value : value.value)

function order(a: Int, b: Int): number | undefined {
  if (a < b) return -1
  if (a > b) return 1
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number that are equal
  return a == b ? 0 : undefined
}
