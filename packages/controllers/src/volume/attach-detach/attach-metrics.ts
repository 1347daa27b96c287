/** What is told of volumes at nodes (kubernetes pkg/controller/volume/attachdetach/metrics). */
import type { PersistentVolume, PersistentVolumeSpec, Volume } from '@canopus/api/core/v1'
import { type Counter, type Family, type MetricsRegistry, perRegistry, tally } from '@canopus/base'
import { pluginNameOf } from '../plugin-name.ts'

/** The plugins whose volumes are attached. */
const PLUGINS = ['csi', 'fc', 'iscsi'] as const

const nameOf = (source: PersistentVolumeSpec | Volume): string | undefined => pluginNameOf(source, PLUGINS)

/** What there is; asked for when the figures are read. */
export interface AttachedState {
  /** Volumes that pods use, with their nodes. */
  inUse(): Iterable<{ node: string; source: PersistentVolumeSpec | Volume }>
  /** A volume once for each node that it should be at. */
  desired(): Iterable<PersistentVolume>
  /** A volume once for each node that it is at. */
  actual(): Iterable<PersistentVolume>
}

export class AttachMetrics {
  readonly #forced: Family<Counter>
  state: AttachedState = { inUse: () => [], desired: () => [], actual: () => [] }

  constructor(registry: MetricsRegistry) {
    this.#forced = registry.counter(
      'attach_detach_controller_attachdetach_controller_forced_detaches',
      '[ALPHA] Number of times the A/D Controller performed a forced detach',
      ['reason'],
    )
    registry.collect(
      'gauge',
      'storage_count_attachable_volumes_in_use',
      '[ALPHA] Measure number of volumes in use',
      ['node', 'volume_plugin'],
      () => {
        const attachable = [...this.state.inUse()].filter(({ source }) => nameOf(source) !== undefined)
        return tally(attachable, ({ node, source }) => [node, nameOf(source)!])
      },
    )
    registry.collect(
      'gauge',
      'attachdetach_controller_total_volumes',
      '[ALPHA] Number of volumes in A/D Controller',
      ['plugin_name', 'state'],
      () => [
        ...tally(this.state.desired(), ({ spec }) => [nameOf(spec) ?? 'N/A', 'desired_state_of_world']),
        ...tally(this.state.actual(), ({ spec }) => [nameOf(spec) ?? 'N/A', 'actual_state_of_world']),
      ],
    )
  }

  /** A volume was taken from a node that has not said that it let it go. */
  forced(reason: 'timeout' | 'out-of-service'): void {
    this.#forced.with(reason).add()
  }
}

/** The figures in a registry. */
export const attachMetrics = perRegistry(registry => new AttachMetrics(registry))
