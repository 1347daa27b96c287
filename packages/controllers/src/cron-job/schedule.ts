/**
 * When a cron schedule is due. Standard five fields, the descriptors (`@daily`) and `@every 1h30m`, as
 * github.com/robfig/cron/v3 ParseStandard; without a time zone in UTC.
 */
import { Cron } from 'croner'

export interface Schedule {
  /** The first moment after `time` (milliseconds), or nothing where there is none. */
  next(time: number): number | undefined
  /** The last moment at or before `time`; `since` is where `@every` begins to count. */
  last(time: number, since: number): number | undefined
}

/** As upstream's parser takes it, of cron jobs from before that was refused. */
const ZONED = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/

/** Throws where the schedule or the zone cannot be understood. */
export function parseSchedule(text: string, timeZone: string | undefined): Schedule {
  const every = /^@every\s+(.+)$/.exec(text.trim())
  if (every) return everySchedule(every[1]!)
  const zoned = ZONED.exec(text)
  if (zoned) return parseSchedule(zoned[2]!, zoned[1])
  const pattern = text.trim().replace('@midnight', '@daily')
  // A reference is always given, so that no clock but ours is asked; without a function nothing is ever started.
  const cron = new Cron(pattern, {
    timezone: timeZone || 'UTC',
    ...(pattern.startsWith('@') ? {} : { mode: '5-part' }),
  })
  return {
    next: time => cron.nextRun(new Date(time))?.getTime(),
    // The reference itself is not included: one second later it is.
    last: time => cron.previousRuns(1, new Date(Math.floor(time / 1000) * 1000 + 1000))[0]?.getTime(),
  }
}

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000 }

function everySchedule(text: string): Schedule {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|m|s)/g)]
  if (parts.length === 0 || parts.map(part => part[0]).join('') !== text.trim()) {
    throw new TypeError(`invalid duration ${JSON.stringify(text)}`)
  }
  const total = parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!, 0)
  const period = Math.max(1_000, Math.floor(total / 1000) * 1000)
  return {
    next: time => Math.floor(time / 1000) * 1000 + period,
    last: (time, since) => {
      const start = Math.floor(since / 1000) * 1000
      const periods = Math.floor((time - start) / period)
      return periods < 1 ? undefined : start + periods * period
    },
  }
}
