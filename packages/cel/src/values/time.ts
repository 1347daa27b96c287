import { CelError } from './error.ts'

/**
 * Seconds and nanoseconds since 1970; from year 1 to 9999. `nanos` is never negative. `zone` is how many seconds east of UTC
 * it was written: it only shows when the time is written again.
 */
export class Timestamp {
  readonly seconds: number
  readonly nanos: number
  readonly zone: number

  constructor(seconds: number, nanos: number, zone = 0) {
    this.seconds = seconds
    this.nanos = nanos
    this.zone = zone
  }
}

/** A span of time, in nanoseconds that fit 64 bits. */
export class Duration {
  readonly nanos: bigint

  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

const MIN_SECONDS = -62_135_596_800
const MAX_SECONDS = 253_402_300_799
const NANOS_PER_SECOND = 1_000_000_000n

export function makeTimestamp(seconds: number, nanos: number, zone = 0): Timestamp {
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) throw new CelError('timestamp overflow')
  return new Timestamp(seconds, nanos, zone)
}

export function makeDuration(nanos: bigint): Duration {
  if (nanos < -(2n ** 63n) || nanos > 2n ** 63n - 1n) throw new CelError('duration overflow')
  return new Duration(nanos)
}

/** Nanoseconds since 1970. */
export const timestampNanos = ({ seconds, nanos }: Timestamp): bigint =>
  BigInt(seconds) * NANOS_PER_SECOND + BigInt(nanos)

function timestampAt(nanos: bigint, zone: number): Timestamp {
  let seconds = nanos / NANOS_PER_SECOND
  let rest = nanos % NANOS_PER_SECOND
  if (rest < 0n) {
    rest += NANOS_PER_SECOND
    seconds -= 1n
  }
  return makeTimestamp(Number(seconds), Number(rest), zone)
}

export const addDuration = (time: Timestamp, span: Duration): Timestamp =>
  timestampAt(timestampNanos(time) + span.nanos, time.zone)
export const subtractDuration = (time: Timestamp, span: Duration): Timestamp =>
  timestampAt(timestampNanos(time) - span.nanos, time.zone)
export const between = (later: Timestamp, earlier: Timestamp): Duration =>
  makeDuration(timestampNanos(later) - timestampNanos(earlier))
export const compareTimestamps = (a: Timestamp, b: Timestamp): number =>
  a.seconds === b.seconds ? Math.sign(a.nanos - b.nanos) : a.seconds < b.seconds ? -1 : 1

const TIMESTAMP = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/

/** Reads RFC 3339, or gives undefined. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const parts = TIMESTAMP.exec(text)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const offset = zoneOffset(parts[8]!)
  if (offset === undefined) return undefined
  const seconds = daysSinceEpoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
  const nanos = Number((parts[7] ?? '').slice(0, 9).padEnd(9, '0'))
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS) return undefined
  return new Timestamp(seconds, nanos, offset)
}

/** Seconds east of UTC of `Z`, `+hh:mm` or `hh:mm`; undefined where it is none of these. */
export function zoneOffset(text: string): number | undefined {
  if (text === 'Z') return 0
  const parts = /^([+-]?)(\d{2}):(\d{2})$/.exec(text)
  if (parts === null) return undefined
  const hours = Number(parts[2])
  const minutes = Number(parts[3])
  if (hours > 24 || minutes > 60) return undefined
  const seconds = hours * 3_600 + minutes * 60
  return parts[1] === '-' ? -seconds : seconds
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
export const daysIn = (year: number, month: number): number =>
  month === 2 && isLeap(year) ? 29 : monthDays[month - 1]!

/** Days from 1970-01-01 to a date of the Gregorian calendar. Months from 1. */
export function daysSinceEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/** A moment as a calendar shows it. `month` from 1, `dayOfYear` from 0, `weekday` from 0 for Sunday. */
export interface CivilTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly dayOfYear: number
  readonly weekday: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

/** The calendar's fields, so many seconds since 1970 in the zone that is asked for. */
export function civilTime(seconds: number): CivilTime {
  const days = Math.floor(seconds / 86_400)
  const rest = seconds - days * 86_400
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfMarchYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfMarchYear + 2) / 153)
  const day = dayOfMarchYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return {
    year,
    month,
    day,
    dayOfYear: days - daysSinceEpoch(year, 1, 1),
    weekday: (((days + 4) % 7) + 7) % 7,
    hour: Math.floor(rest / 3_600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
  }
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0')

/** RFC 3339, with as many digits of the fraction as it needs. */
export function formatTimestamp({ seconds, nanos, zone }: Timestamp): string {
  const { year, month, day, hour, minute, second } = civilTime(seconds + zone)
  const fraction = nanos === 0 ? '' : `.${pad(nanos, 9).replace(/0+$/, '')}`
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}${fraction}${formatZone(zone)}`
}

function formatZone(zone: number): string {
  if (zone === 0) return 'Z'
  const minutes = Math.abs(zone) / 60
  return `${zone < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`
}

const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: NANOS_PER_SECOND,
  m: 60n * NANOS_PER_SECOND,
  h: 3_600n * NANOS_PER_SECOND,
}

/** Reads `1h30m`, `-1.5s` and so on as Go's time.ParseDuration, or gives undefined. */
export function parseDuration(text: string): Duration | undefined {
  const negative = text.startsWith('-')
  let rest = negative || text.startsWith('+') ? text.slice(1) : text
  if (rest === '0') return new Duration(0n)
  if (rest === '') return undefined
  let nanos = 0n
  while (rest !== '') {
    const part = /^(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/.exec(rest)
    if (part === null || (part[1] === '' && (part[2] ?? '') === '')) return undefined
    const unit = units[part[3]!]!
    nanos += BigInt(part[1] || '0') * unit
    const digits = part[2] ?? ''
    if (digits !== '') nanos += (BigInt(digits) * unit) / 10n ** BigInt(digits.length)
    rest = rest.slice(part[0].length)
  }
  if (negative) nanos = -nanos
  return nanos < -(2n ** 63n) || nanos > 2n ** 63n - 1n ? undefined : new Duration(nanos)
}

/** Seconds with the fraction that it needs: `90s`, `1.5s`. */
export function formatDuration({ nanos }: Duration): string {
  const negative = nanos < 0n
  const size = negative ? -nanos : nanos
  const fraction = size % NANOS_PER_SECOND
  const tail = fraction === 0n ? '' : `.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`
  return `${negative ? '-' : ''}${size / NANOS_PER_SECOND}${tail}s`
}
