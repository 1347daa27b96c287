/** How often a configuration file was read again (k8s.io/apiserver/pkg/server/options/*config/metrics). */
import { createHash } from 'node:crypto'
import { type Clock, MetricsRegistry } from '@canopus/base'

export interface ReloadMetricsOptions {
  readonly registry?: MetricsRegistry | undefined
  /** `authentication`, `authorization` or `encryption`. */
  readonly of: string
  readonly stability: 'ALPHA' | 'BETA'
  /** Tells this server from others. */
  readonly serverId?: string | undefined
  readonly clock: Clock
}

export interface ReloadMetrics {
  /** The file whose text has this hash (`textHash`) counts from now on. */
  applied(hash: string): void
  /** It was read again; `hash` is that of its text where it counts now. */
  reloaded(hash: string | undefined): void
}

/** `sha256:` and the digest of a text that is not to be shown. */
export const textHash = (text: string): string =>
  text === '' ? '' : `sha256:${createHash('sha256').update(text).digest('hex')}`

export function reloadMetrics(options: ReloadMetricsOptions): ReloadMetrics {
  const { registry = new MetricsRegistry(), of, stability, serverId = '', clock } = options
  const controller = `apiserver_${of}_config_controller`
  const prefix = `${controller}_automatic_reload`
  const labels = ['status', 'apiserver_id_hash']
  const total = registry.counter(
    `${prefix}s_total`,
    `[${stability}] Total number of automatic reloads of ${of} configuration split by status and apiserver identity.`,
    labels,
  )
  const last = registry.gauge(
    `${prefix}_last_timestamp_seconds`,
    `[${stability}] Timestamp of the last automatic reload of ${of} configuration split by status and apiserver identity.`,
    labels,
  )
  const own = textHash(serverId)
  let current: string | undefined
  registry.collect(
    'gauge',
    `${controller}_last_config_info`,
    `[ALPHA] Information about the last applied ${of} configuration with hash as label, split by apiserver identity.`,
    ['apiserver_id_hash', 'hash'],
    () => (current === undefined ? [] : [[[own, current], 1]]),
  )
  return {
    applied(hash) {
      current = hash
    },
    reloaded(hash) {
      const status = hash === undefined ? 'failure' : 'success'
      total.with(status, own).add()
      last.with(status, own).set(clock.now() / 1000)
      if (hash !== undefined) current = hash
    },
  }
}
