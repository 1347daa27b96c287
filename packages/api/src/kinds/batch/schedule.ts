/** The grammar of cron schedules, as github.com/robfig/cron (ParseStandard) reads and reports it. */
import { goTimeQuote } from '@canopus/apimachinery'

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const DESCRIPTORS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']

interface Bounds {
  min: number
  max: number
  names?: ReadonlyMap<string, number>
}

const namesFrom = (names: readonly string[], first: number): ReadonlyMap<string, number> =>
  new Map(names.map((name, index) => [name, index + first]))

const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: namesFrom(MONTHS, 1) },
  { min: 0, max: 6, names: namesFrom(DAYS, 0) },
]

/** What is wrong with a schedule, or nothing. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) return descriptorProblem(schedule)
  const fields = schedule
    .trim()
    .split(/\s+/)
    .filter(field => field !== '')
  if (fields.length !== FIELDS.length) {
    return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`
  }
  for (const [index, field] of fields.entries()) {
    for (const part of field.split(',')) {
      const problem = partProblem(part, FIELDS[index]!)
      if (problem !== undefined) return problem
    }
  }
  return undefined
}

function descriptorProblem(schedule: string): string | undefined {
  if (DESCRIPTORS.includes(schedule)) return undefined
  const every = '@every '
  if (!schedule.startsWith(every)) return `unrecognized descriptor: ${schedule}`
  const duration = schedule.slice(every.length)
  if (/^[+]?(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+$/.test(duration)) return undefined
  return `failed to parse duration ${schedule}: time: invalid duration ${goTimeQuote(duration)}`
}

function numberOf(text: string, { names }: Bounds): number | string {
  const named = names?.get(text.toLowerCase())
  if (named !== undefined) return named
  if (/^[0-9]+$/.test(text)) return Number(text)
  if (/^-[0-9]+$/.test(text)) return `negative number (${text}) not allowed: ${text}`
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`
}

function partProblem(part: string, bounds: Bounds): string | undefined {
  const [range = '', step, ...more] = part.split('/')
  if (more.length > 0) return `too many slashes: ${part}`
  const [low = '', high, ...rest] = range.split('-')
  if (rest.length > 0) return `too many hyphens: ${part}`
  let start = bounds.min
  let end = bounds.max
  if (low !== '*' && low !== '?') {
    const from = numberOf(low, bounds)
    if (typeof from === 'string') return from
    start = from
    end = from
    if (high !== undefined) {
      const to = numberOf(high, bounds)
      if (typeof to === 'string') return to
      end = to
    } else if (step !== undefined) end = bounds.max
  }
  if (step !== undefined) {
    const by = numberOf(step, { min: 0, max: 0 })
    if (typeof by === 'string') return by
    if (by === 0) return `step of range should be a positive number: ${part}`
  }
  if (start < bounds.min) return `beginning of range (${start}) below minimum (${bounds.min}): ${part}`
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${part}`
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${part}`
  return undefined
}
