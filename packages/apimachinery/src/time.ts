/** Times as objects hold them. `Time` has whole seconds, `MicroTime` (leases, events) has six digits; both are UTC. */

/** `2026-11-21T03:08:14Z` from milliseconds since 1970. */
export function formatTime(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000)
  if (second !== lastSecond) {
    lastText = writtenTime(second)
    lastSecond = second
  }
  return lastText
}

const writtenTime = (second: number): string => `${new Date(second * 1000).toISOString().slice(0, -5)}Z`

/** Nearly always the second that was asked for before: every write asks several times what time it is. */
let lastSecond = Number.NaN
let lastText = ''

/** `2026-11-21` from milliseconds since 1970, as labels that name a day have it. */
export const formatDay = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10)

/** Whether a text is such a day. */
export const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))

/** `2026-11-21T03:08:14.123000Z` from milliseconds since 1970. */
export function formatMicroTime(milliseconds: number): string {
  const microseconds = Math.floor((milliseconds - Math.floor(milliseconds)) * 1000)
  return `${new Date(Math.floor(milliseconds)).toISOString().slice(0, -1)}${String(microseconds).padStart(3, '0')}Z`
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** Milliseconds since 1970 (with a fraction where the text has one); nothing where the text is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])]
  const [zoneHour, zoneMinute] = [Number(match[9] ?? 0), Number(match[10] ?? 0)]
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return undefined
  const start = startOfDay(text.slice(0, DATE), Number(match[1]), Number(match[2]), Number(match[3]))
  if (start === undefined) return undefined
  const offset = (match[8] === '-' ? 1 : -1) * (zoneHour * 60 + zoneMinute)
  const fraction = match[7] === undefined ? 0 : Number(`0.${match[7]}`) * 1000
  return start + ((hour * 60 + minute + offset) * 60 + second) * 1000 + fraction
}

/** Length of `2026-11-21`. */
const DATE = 10
/** Nearly always the day that was asked for before. */
let lastDay = ''
let lastStart: number | undefined

function startOfDay(text: string, year: number, month: number, day: number): number | undefined {
  if (text === lastDay) return lastStart
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so that the year is set by itself.
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  lastDay = text
  lastStart = exists ? date.getTime() : undefined
  return lastStart
}

/** The text as upstream writes it again: UTC, whole seconds. Nothing where it is no time. */
export function canonicalTime(text: string): string | undefined {
  if (canonical.has(text)) return text
  const time = parseTime(text)
  if (time === undefined) return undefined
  const written = writtenTime(Math.floor(time / 1000))
  if (written === text) {
    if (canonical.size >= MOST_CANONICAL) canonical.clear()
    canonical.add(text)
  }
  return written
}

/** Texts that are as upstream writes them: those of one object and of objects of the same time come again and again. */
const canonical = new Set<string>()
const MOST_CANONICAL = 256

/** The same with six digits of a second. Works on the text, since a number cannot hold microseconds of today exactly. */
export function canonicalMicroTime(text: string): string | undefined {
  const time = parseTime(text)
  if (time === undefined) return undefined
  const digits = /\.(\d+)/.exec(text)?.[1] ?? ''
  return `${formatTime(time).slice(0, -1)}.${digits.slice(0, 6).padEnd(6, '0')}Z`
}
