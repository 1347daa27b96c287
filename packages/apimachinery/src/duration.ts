/** Durations in Go's text form (`1h2m3.5s`), as flags, probes' configuration and `metav1.Duration` fields have them. */

const nanosecondsOf: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** Nanoseconds. Nothing where the text is no duration or is longer than 2^63 nanoseconds. */
export function parseDurationNanoseconds(text: string): bigint | undefined {
  const negative = text.startsWith('-')
  const body = /^[+-]/.test(text) ? text.slice(1) : text
  if (body === '0') return 0n
  if (body === '' || body.length > 200) return undefined
  let total = 0n
  let at = 0
  const part = /([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y
  while (at < body.length) {
    part.lastIndex = at
    const match = part.exec(body)
    if (match === null || (match[1] === '' && (match[2] ?? '') === '')) return undefined
    const unit = nanosecondsOf[match[3]!]!
    const fraction = (match[2] ?? '').slice(0, 18)
    total += BigInt(match[1] || '0') * unit + (BigInt(fraction || '0') * unit) / 10n ** BigInt(fraction.length)
    at = part.lastIndex
  }
  if (total > 2n ** 63n - (negative ? 0n : 1n)) return undefined
  return negative ? -total : total
}

/** Milliseconds, with a fraction. Nothing where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text !== lastParsed.text) {
    const nanoseconds = parseDurationNanoseconds(text)
    lastParsed = { text, milliseconds: nanoseconds === undefined ? undefined : Number(nanoseconds) / 1e6 }
  }
  return lastParsed.milliseconds
}

/** Figures of many pods come one after the other, all taken over the same time. */
let lastParsed: { text: string; milliseconds: number | undefined } = { text: '', milliseconds: undefined }
let lastFormatted = { milliseconds: 0, text: '0s' }

/** Go's text of so many milliseconds: `0s`, `1.5s`, `250ms`, `1h2m3.5s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds !== lastFormatted.milliseconds) lastFormatted = { milliseconds, text: written(milliseconds) }
  return lastFormatted.text
}

function written(milliseconds: number): string {
  const nanoseconds = BigInt(Math.round(milliseconds * 1e6))
  if (nanoseconds === 0n) return '0s'
  const sign = nanoseconds < 0n ? '-' : ''
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds
  if (magnitude < 1_000_000_000n) {
    const unit = magnitude < 1000n ? 'ns' : magnitude < 1_000_000n ? 'µs' : 'ms'
    return `${sign}${decimal(magnitude, nanosecondsOf[unit]!)}${unit}`
  }
  const hours = magnitude / nanosecondsOf.h!
  const minutes = (magnitude / nanosecondsOf.m!) % 60n
  const seconds = decimal(magnitude % nanosecondsOf.m!, nanosecondsOf.s!)
  if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}s`
  return minutes > 0n ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`
}

function decimal(value: bigint, unit: bigint): string {
  const places = unit.toString().length - 1
  const fraction = (value % unit).toString().padStart(places, '0').slice(0, places).replace(/0+$/, '')
  return fraction === '' || places === 0 ? `${value / unit}` : `${value / unit}.${fraction}`
}

/** An age as `kubectl get` shows it: two or three significant figures (`43s`, `5m10s`, `5d3h`, `2y35d`). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (hours < 192) return pair(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.floor(days / 365)
  return hours < 24 * 365 * 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`
}

const pair = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`
