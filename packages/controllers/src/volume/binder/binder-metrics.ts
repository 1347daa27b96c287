/** What is told of volumes and claims (kubernetes pkg/controller/volume/persistentvolume/metrics). */
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { type Counter, type MetricsRegistry, perRegistry, tally } from '@canopus/base'
import { pluginNameOf } from '../plugin-name.ts'
import { classOfClaim } from '../storage-classes.ts'

/** The plugins that upstream's binder has: those that make, remove or scrub volumes themselves. */
const PLUGINS = ['hostPath', 'nfs'] as const

const ASSIGNED = '[ALPHA] Total number of retroactive StorageClass assignments to persistent volume claim'
const NOT_ASSIGNED = '[ALPHA] Total number of failed retroactive StorageClass assignments to persistent volume claim'

export class BinderMetrics {
  readonly #assigned: Counter
  readonly #notAssigned: Counter
  /** All volumes and claims; asked for when the figures are read. */
  volumes: () => readonly PersistentVolume[] = () => []
  claims: () => readonly PersistentVolumeClaim[] = () => []

  constructor(registry: MetricsRegistry) {
    this.#assigned = registry.counter('retroactive_storageclass_total', ASSIGNED).with()
    this.#notAssigned = registry.counter('retroactive_storageclass_errors_total', NOT_ASSIGNED).with()
    registry.collect(
      'gauge',
      'pv_collector_total_pv_count',
      '[ALPHA] Gauge measuring total number of persistent volumes',
      ['plugin_name', 'volume_mode'],
      () =>
        tally(this.volumes(), ({ spec }) => [pluginNameOf(spec, PLUGINS) ?? 'N/A', spec.volumeMode ?? 'Filesystem']),
    )
    for (const isBound of [true, false]) {
      const [word, fits] = isBound ? ['bound', isBoundNow] : ['unbound', (each: Phased) => !isBoundNow(each)]
      registry.collect(
        'gauge',
        `pv_collector_${word}_pv_count`,
        `[ALPHA] Gauge measuring number of persistent volume currently ${word}`,
        ['storage_class'],
        () => tally(this.volumes().filter(fits), ({ spec }) => [spec.storageClassName ?? '']),
      )
      registry.collect(
        'gauge',
        `pv_collector_${word}_pvc_count`,
        `[ALPHA] Gauge measuring number of persistent volume claim currently ${word}`,
        ['namespace', 'storage_class', 'volume_attributes_class'],
        () => tally(this.claims().filter(fits), claimLabels),
      )
    }
  }

  /** A claim that named no class was given the default one, or could not be. */
  assignedClass(succeeded: boolean): void {
    this.#assigned.add()
    if (!succeeded) this.#notAssigned.add()
  }
}

type Phased = PersistentVolume | PersistentVolumeClaim

const isBoundNow = ({ status }: Phased): boolean => status?.phase === 'Bound'

const claimLabels = (claim: PersistentVolumeClaim): string[] => [
  claim.metadata.namespace ?? '',
  classOfClaim(claim),
  claim.spec?.volumeAttributesClassName ?? '',
]

/** The figures in a registry. */
export const binderMetrics = perRegistry(registry => new BinderMetrics(registry))
