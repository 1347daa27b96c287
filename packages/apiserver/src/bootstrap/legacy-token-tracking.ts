/**
 * Says in a ConfigMap since when the use of tokens in secrets is noted, for those who would remove unused ones
 * (pkg/controlplane/controller/legacytokentracking).
 */
import { ConfigMaps } from '@canopus/api'
import type { ConfigMap } from '@canopus/api/core/v1'
import { formatDay, hasReason, isDay } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { ObjectReader } from '../security.ts'

const NAMESPACE = 'kube-system'
const NAME = 'kube-apiserver-legacy-service-account-token-tracking'
/** Milliseconds from one creation to the next: older servers without tracking delete what they find. */
const PAUSE = 30 * 60_000
/** Milliseconds after a failure. */
const RETRY = 1000

export interface LegacyTokenTrackingOptions {
  readonly objects: ObjectReader
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
}

/** Makes the ConfigMap, and again where somebody deletes or spoils it, until the signal aborts. */
export async function keepLegacyTokenTracking(
  { objects, client, clock, logger }: LegacyTokenTrackingOptions,
  signal: AbortSignal,
): Promise<void> {
  let changed = new AbortController()
  const forget = objects.onChange(ConfigMaps, () => changed.abort(), { mentioning: NAME })
  let createdAt = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    changed = new AbortController()
    let pause = PAUSE
    try {
      const existing = objects.get(ConfigMaps, NAME, NAMESPACE)
      const soon = createdAt + PAUSE - clock.monotonic()
      if (existing !== undefined) await mend(client, existing, clock.now())
      else if (soon > 0) pause = soon
      else {
        await create(client, clock.now())
        createdAt = clock.monotonic()
      }
    } catch (error) {
      if (!signal.aborted) logger.warn('it could not be said since when legacy tokens are tracked', { error })
      pause = RETRY
    }
    await sleep(clock, pause, AbortSignal.any([signal, changed.signal])).catch(() => {})
  }
  forget()
}

async function create(client: Client, now: number): Promise<void> {
  try {
    const map = { metadata: { name: NAME, namespace: NAMESPACE }, data: { since: formatDay(now) } }
    await client.resource(ConfigMaps).create(map)
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error
  }
}

async function mend(client: Client, existing: ConfigMap, now: number): Promise<void> {
  if (isDay(existing.data?.since ?? '')) return
  try {
    await client.resource(ConfigMaps).update({ ...existing, data: { ...existing.data, since: formatDay(now) } })
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
  }
}
