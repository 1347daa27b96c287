import { humanDuration } from '@canopus/apimachinery'

/** How long before `now` (milliseconds) an RFC 3339 time was, as `kubectl get` shows it; `<unknown>` where there is none. */
export function ageOf(time: string | undefined | null, now: number): string {
  if (time === undefined || time === null || time === '') return '<unknown>'
  return humanDuration(now - Date.parse(time))
}
