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

export type Reloaded = (status: 'success' | 'failure') => void

/** `sha256:` and the digest of a name that is not to be shown. */
export const nameHash = (name: string): string =>
  name === '' ? '' : `sha256:${createHash('sha256').update(name).digest('hex')}`

export function reloadMetrics(options: ReloadMetricsOptions): Reloaded {
  const { registry = new MetricsRegistry(), of, stability, serverId = '', clock } = options
  const prefix = `apiserver_${of}_config_controller_automatic_reload`
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
  const own = nameHash(serverId)
  return status => {
    total.with(status, own).add()
    last.with(status, own).set(clock.now() / 1000)
  }
}
