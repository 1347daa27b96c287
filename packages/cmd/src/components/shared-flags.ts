/** Flags that `canopus apiserver` and the API server of `canopus up` take alike, and what they come to. */
import { CONSISTENCY_CHECK_PERIOD, type Egress } from '@canopus/apiserver'
import type { Logger } from '@canopus/base'
import type { ApiServerExtras } from '@canopus/control-plane'
import type { Store } from '@canopus/store'
import type { Command } from 'commander'
import { duration, given } from '../flags.ts'
import { type AuditFlags, addAuditFlags, auditorOf } from './audit-flags.ts'
import { egressFrom } from './egress-flag.ts'
import { addEncryptionFlags, type EncryptionFlags, encryptedBy, encryptionOf } from './encryption-flags.ts'
import { addFeatureFlags, type FeatureFlags, featuresOf } from './feature-flags.ts'
import { addMetricsFlags, type MetricsFlags, metricsRegistryOf } from './metrics-flags.ts'
import { addServingFlags, type ServingFlags, servingOptions } from './serving-flags.ts'
import { addTracingFlags, type TracingFlags, tracingOf } from './tracing-flags.ts'

export type SharedFlags = AuditFlags &
  EncryptionFlags &
  FeatureFlags &
  MetricsFlags &
  ServingFlags &
  TracingFlags & { etcdCompactionInterval: number; eventTtl: number }

export function addSharedFlags(command: Command): void {
  const groups = [addAuditFlags, addEncryptionFlags, addFeatureFlags, addMetricsFlags, addServingFlags, addTracingFlags]
  for (const add of groups) add(command)
  command.option(
    '--etcd-compaction-interval <duration>',
    'time between compactions of the store, for one to two of which history is kept; 0 for none',
    duration,
    5 * 60_000,
  )
  command.option('--event-ttl <duration>', 'how long events are kept', duration, 60 * 60_000)
}

/** What the flags come to. */
export interface AppliedFlags {
  readonly extras: Omit<ApiServerExtras, 'security'>
  /** By what ways connections leave; straight where missing. */
  readonly egress: Egress | undefined
  /** The store, encrypted where that was asked for. */
  stored(store: Store): Store
  /** What has to go on besides, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** `serverId` names the server in figures and spans; `egressFile` says by what ways connections leave. Rejects with `Failure` where a file is wrong. */
export async function applySharedFlags(
  flags: SharedFlags,
  serverId: string,
  logger: Logger,
  egressFile?: string,
): Promise<AppliedFlags> {
  const features = featuresOf(flags, 'apiserver')
  const metrics = metricsRegistryOf(flags)
  const egress = egressFrom(egressFile, metrics)
  const auditor = await auditorOf(flags, { logger, metrics, dial: egress?.controlplane })
  const tracing = tracingOf(flags, serverId, logger)
  const encryption = await encryptionOf(flags, logger, { metrics, serverId })
  return {
    extras: {
      ...features,
      metrics,
      serving: servingOptions(flags),
      compactionInterval: flags.etcdCompactionInterval,
      eventTtl: flags.eventTtl,
      ...given({ auditor, tracing, healthChecks: encryption?.healthChecks() }),
      ...(features.featureGates.enabled('DetectCacheInconsistency')
        ? { consistencyCheckPeriod: CONSISTENCY_CHECK_PERIOD }
        : {}),
    },
    egress,
    stored: store => encryptedBy(encryption, store),
    run: async signal => encryption?.run(signal),
  }
}
