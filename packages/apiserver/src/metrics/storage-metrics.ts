/** How much room the storage takes up (k8s.io/apiserver/pkg/storage/etcd3/metrics/metrics.go). */
import { type Clock, type MetricsRegistry, type Sample, withTimeout } from '@canopus/base'
import type { Store } from '@canopus/store'

/** How long a store may take to tell its size, in milliseconds; upstream gives etcd as long. */
const PATIENCE = 1000

/** Keeps what was told last: samples are read at once, a store may have to ask elsewhere. */
export class StorageSize {
  readonly #stores: readonly Store[]
  readonly #clock: Clock
  #samples: readonly Sample[] = []

  constructor(stores: readonly Store[], clock: Clock, registry: MetricsRegistry) {
    this.#stores = stores
    this.#clock = clock
    registry.collect(
      'gauge',
      'apiserver_storage_size_bytes',
      '[STABLE] Size of the storage database file physically allocated in bytes.',
      ['storage_cluster_id'],
      () => this.#samples,
    )
  }

  /** Asks the stores; of one that does not answer in time nothing is told. Never throws. */
  async refresh(): Promise<void> {
    const told = await Promise.all(this.#stores.map((store, index) => this.sizeOf(store, `etcd-${index}`)))
    this.#samples = told.flat()
  }

  private async sizeOf(store: Store, cluster: string): Promise<readonly Sample[]> {
    try {
      return [[[cluster], await withTimeout(this.#clock, PATIENCE, 'the size of the storage', () => store.size())]]
    } catch {
      return []
    }
  }
}
