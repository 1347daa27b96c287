import { type Counter, type Family, perRegistry } from '@canopus/base'
import type { ControllerContext } from '@canopus/operator'

const families = perRegistry(() => new Map<string, Family<Counter>>())

/** Counts how often controllers waited because an informer did not show yet what they had written (KEP-5647). */
export function staleSyncSkips(
  { metrics }: ControllerContext,
  subsystem: string,
  kind: string,
): Family<Counter> | undefined {
  if (metrics === undefined) return undefined
  const known = families(metrics)
  let family = known.get(subsystem)
  if (family === undefined) {
    const help = `[ALPHA] Total number of ${kind} syncs skipped due to a stale watch cache.`
    family = metrics.counter(`${subsystem}_stale_sync_skips_total`, help, ['group', 'resource'])
    known.set(subsystem, family)
  }
  return family
}
