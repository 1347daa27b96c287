import { type FunctionDecl, func, member, type Overload } from '../check/declarations.ts'
import { durationType, intType, stringType, timestampType } from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { type Int, toInt } from '../values/numbers.ts'
import { type CivilTime, civilTime, type Duration, daysSinceEpoch, type Timestamp } from '../values/time.ts'

/** What a calendar of a zone says, `nanos` past the second. */
type Getter = (time: CivilTime, nanos: number) => number

const getters: readonly (readonly [name: string, id: string, getter: Getter])[] = [
  ['getFullYear', 'timestamp_to_year', time => time.year],
  ['getMonth', 'timestamp_to_month', time => time.month - 1],
  ['getDayOfYear', 'timestamp_to_day_of_year', time => time.dayOfYear],
  ['getDayOfMonth', 'timestamp_to_day_of_month', time => time.day - 1],
  ['getDate', 'timestamp_to_day_of_month_1_based', time => time.day],
  ['getDayOfWeek', 'timestamp_to_day_of_week', time => time.weekday],
  ['getHours', 'timestamp_to_hours', time => time.hour],
  ['getMinutes', 'timestamp_to_minutes', time => time.minute],
  ['getSeconds', 'timestamp_to_seconds', time => time.second],
  ['getMilliseconds', 'timestamp_to_milliseconds', (_, nanos) => Math.floor(nanos / 1_000_000)],
]

const spans: Readonly<Record<string, readonly [id: string, nanos: bigint]>> = {
  getHours: ['duration_to_hours', 3_600_000_000_000n],
  getMinutes: ['duration_to_minutes', 60_000_000_000n],
  getSeconds: ['duration_to_seconds', 1_000_000_000n],
  getMilliseconds: ['duration_to_milliseconds', 1_000_000n],
}

function overloads(name: string, id: string, getter: Getter): Overload[] {
  const span = spans[name]
  return [
    member(id, [timestampType], intType, (time: Timestamp) => getter(civilTime(time.seconds), time.nanos)),
    member(`${id}_with_tz`, [timestampType, stringType], intType, (time: Timestamp, zone: string) =>
      getter(civilTime(time.seconds + secondsEast(zone, time.seconds)), time.nanos),
    ),
    // Of a duration it is the whole of it in that unit, not what is left of the next larger one.
    ...(span ? [member(span[0], [durationType], intType, ({ nanos }: Duration): Int => toInt(nanos / span[1]))] : []),
  ]
}

/** Parts of times and durations. Behaviour: cel-go common/types/timestamp.go, duration.go. */
export const times: readonly FunctionDecl[] = getters.map(([name, id, getter]) =>
  func(name, ...overloads(name, id, getter)),
)

/** How far a zone (`Europe/Berlin`, `+02:00`) is ahead of UTC at a moment. */
function secondsEast(zone: string, seconds: number): number {
  const colon = zone.indexOf(':')
  if (colon < 0) return namedZone(zone, seconds)
  const hours = zone.slice(0, colon)
  const minutes = Number(zone.slice(colon + 1))
  if (!/^[+-]?\d+$/.test(hours) || !/^[+-]?\d+$/.test(zone.slice(colon + 1))) {
    throw new CelError(`strconv.Atoi: parsing "${hours}": invalid syntax`)
  }
  if (minutes < 0 || minutes > 59) throw new CelError(`timezone offset minutes out of range [0, 59]: ${zone}`)
  return (Number(hours) * 60 + (zone.startsWith('-') ? -minutes : minutes)) * 60
}

const formats = new Map<string, Intl.DateTimeFormat>()

function namedZone(zone: string, seconds: number): number {
  if (zone === '' || zone === 'UTC') return 0
  const parts = new Map(
    formatOf(zone)
      .formatToParts(seconds * 1000)
      .map(({ type, value }) => [type, value]),
  )
  const number = (part: Intl.DateTimeFormatPartTypes): number => Number(parts.get(part))
  const days = daysSinceEpoch(number('year'), number('month'), number('day'))
  const local = days * 86_400 + number('hour') * 3_600 + number('minute') * 60 + number('second')
  return local - seconds
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(timeZone, format)
    return format
  } catch {
    throw new CelError(`unknown time zone ${timeZone}`)
  }
}
