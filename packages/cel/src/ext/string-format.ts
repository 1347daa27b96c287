import { formatGoFloat } from '../stdlib/go-numbers.ts'
import { CelType } from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { ListValue } from '../values/list.ts'
import { MapValue } from '../values/map.ts'
import { Duration, formatDuration, formatTimestamp, Timestamp } from '../values/time.ts'
import { Double, typeOf, Uint, type Value } from '../values/value.ts'

/** How `%f` and `%e` write numbers. */
export type NumberStyle = 'english' | 'plain'

/** One `%` of a format: its letter and how many digits it wants. */
export interface Clause {
  readonly verb: string
  readonly precision: number | undefined
}

const DEFAULT_PRECISION = 6

/** Takes a format apart: texts and clauses. Throws CelError in upstream's words. `args` is how many there are. */
export function parseFormat(format: string, args: number): (string | Clause)[] {
  const parts: (string | Clause)[] = []
  let clauses = 0
  for (const [piece] of format.matchAll(/[^%]+|%%|%(?:\.\d*)?.?/gsu)) {
    if (piece === '%%') parts.push('%')
    else if (!piece.startsWith('%')) parts.push(piece)
    else {
      if (clauses >= args) throw new CelError(`index ${clauses} out of range`)
      if (piece === '%') throw new CelError('unexpected end of string')
      parts.push(parseClause(piece))
      clauses++
    }
  }
  return parts
}

function parseClause(piece: string): Clause {
  const fail = (why: string): CelError => new CelError(`could not parse formatting clause: ${why}`)
  const [, dot, digits, verb] = /^%(?:(\.)(\d*))?(.*)$/su.exec(piece)!
  if (dot !== undefined && verb === '')
    throw fail('error while parsing precision: could not find end of precision specifier')
  if (dot !== undefined && digits === '') {
    throw fail(
      'error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax',
    )
  }
  if (!'sdfebxXo'.includes(verb!)) throw fail(`unrecognized formatting clause "${verb}"`)
  return { verb: verb!, precision: digits === undefined ? undefined : Number(digits) }
}

/** What each verb refuses to write. */
export const refusals: Readonly<Record<string, string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ',
  d: 'decimal clause can only be used on integers, was given ',
  f: 'fixed-point clause can only be used on doubles, was given ',
  e: 'scientific clause can only be used on doubles, was given ',
  b: 'only integers and bools can be formatted as binary, was given ',
  x: 'only integers, byte buffers, and strings can be formatted as hex, was given ',
  X: 'only integers, byte buffers, and strings can be formatted as hex, was given ',
  o: 'octal clause can only be used on integers, was given ',
}

/** `format.format(args)`. Behaviour: cel-go ext/formatting.go ('english') and ext/formatting_v2.go ('plain'). */
export function formatString(format: string, args: readonly Value[], style: NumberStyle): string {
  let next = 0
  return parseFormat(format, args.length)
    .map(part => {
      if (typeof part === 'string') return part
      const arg = args[next++]!
      const text = formatClause(part, arg, style)
      if (text === undefined) throw new CelError(`error during formatting: ${refusals[part.verb]}${typeOf(arg).name}`)
      return text
    })
    .join('')
}

function formatClause(
  { verb, precision = DEFAULT_PRECISION }: Clause,
  arg: Value,
  style: NumberStyle,
): string | undefined {
  switch (verb) {
    case 's':
      return plainText(arg, style)
    case 'd':
      return style === 'plain' && arg instanceof Double ? nonFinite(arg.value) : integerText(arg, 10)
    case 'b':
      return typeof arg === 'boolean' ? (arg ? '1' : '0') : integerText(arg, 2)
    case 'o':
      return integerText(arg, 8)
    case 'x':
      return hexText(arg)
    case 'X':
      return hexText(arg)?.toUpperCase()
    case 'f':
    case 'e':
      return numberText(verb, precision, arg, style)
    default:
      return undefined
  }
}

function nonFinite(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN'
  if (Number.isFinite(value)) return undefined
  return value > 0 ? 'Infinity' : '-Infinity'
}

function integerText(arg: Value, radix: number): string | undefined {
  if (arg instanceof Uint) return arg.value.toString(radix)
  return typeof arg === 'number' || typeof arg === 'bigint' ? arg.toString(radix) : undefined
}

function hexText(arg: Value): string | undefined {
  const bytes = typeof arg === 'string' ? new TextEncoder().encode(arg) : arg
  if (!(bytes instanceof Uint8Array)) return integerText(arg, 16)
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function numberText(verb: 'f' | 'e', precision: number, arg: Value, style: NumberStyle): string | undefined {
  if (style === 'plain') {
    const value = toNumber(arg)
    return value === undefined ? undefined : (nonFinite(value) ?? plainNumber(verb, value, precision))
  }
  const named = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY }
  const value =
    arg instanceof Double
      ? arg.value
      : typeof arg === 'string' && Object.hasOwn(named, arg)
        ? named[arg as keyof typeof named]
        : undefined
  if (value === undefined) return undefined
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞'
  return englishNumber(verb, value, precision)
}

function toNumber(arg: Value): number | undefined {
  if (arg instanceof Double) return arg.value
  if (arg instanceof Uint) return Number(arg.value)
  return typeof arg === 'number' || typeof arg === 'bigint' ? Number(arg) : undefined
}

/** JavaScript writes no more than 100 digits behind the point. */
const digitsFor = (precision: number): number => Math.min(precision, 100)

/** `toFixed`, but a number half-way between two is written as the even one, as Go does it. */
function toFixedEven(value: number, digits: number): string {
  const rounded = value.toFixed(digits)
  if (digits >= 100 || !/^50*$/.test(value.toFixed(100).split('.')[1]?.slice(digits) ?? '')) return rounded
  const truncated = value.toFixed(digits + 1).slice(0, digits === 0 ? -2 : -1)
  return /[02468]$/.test(truncated) ? truncated : rounded
}

function plainNumber(verb: 'f' | 'e', value: number, precision: number): string {
  if (verb === 'f') return toFixedEven(value, digitsFor(precision))
  const [mantissa, exponent] = value.toExponential(digitsFor(precision)).split('e') as [string, string]
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** `1,234.500` and `1.234500×10⁰³`. */
function englishNumber(verb: 'f' | 'e', value: number, precision: number): string {
  if (verb === 'f') {
    const [whole, fraction] = toFixedEven(value, digitsFor(precision)).split('.') as [string, string | undefined]
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
    return fraction === undefined ? grouped : `${grouped}.${fraction}`
  }
  const [mantissa, exponent] = value.toExponential(digitsFor(precision)).split('e') as [string, string]
  const digits = Array.from(exponent.slice(1).padStart(2, '0'), digit => superscripts[Number(digit)]).join('')
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${digits}`
}

function plainText(value: Value, style: NumberStyle): string | undefined {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'string':
      return value
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(value)
  }
  if (value instanceof Double)
    return style === 'plain' ? (nonFinite(value.value) ?? formatGoFloat(value.value)) : formatGoFloat(value.value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Uint8Array) return new TextDecoder().decode(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Duration) return formatDuration(value)
  if (value instanceof CelType) return value.name
  if (value instanceof ListValue) return listText(value, style)
  if (value instanceof MapValue) return mapText(value, style)
  return undefined
}

function listText(list: ListValue, style: NumberStyle): string {
  return `[${list
    .toArray()
    .map(value => innerText(value, style))
    .join(', ')}]`
}

function mapText(map: MapValue, style: NumberStyle): string {
  const separator = style === 'plain' ? ': ' : ':'
  const entries = map.keys().map(key => [innerText(key, style), innerText(map.find(key)!, style)] as const)
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${entries.map(([key, value]) => key + separator + value).join(', ')}}`
}

/** A value in a list or a map: as `%s` writes it, but in the older style with quotes and types. */
function innerText(value: Value, style: NumberStyle): string {
  const text = plainText(value, style)
  if (text === undefined) throw new CelError(`error during formatting: ${refusals.s}${typeOf(value).name}`)
  if (style === 'plain') return text
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `b${JSON.stringify(text)}`
  if (value instanceof Timestamp) return `timestamp("${text}")`
  if (value instanceof Duration) return `duration("${text}")`
  if (!(value instanceof Double)) return text
  return Number.isFinite(value.value) ? value.value.toFixed(DEFAULT_PRECISION) : `"${text}"`
}
