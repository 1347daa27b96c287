import type { Store } from '../store.ts'
import type { EtcdStoreOptions } from './etcd-store.ts'

/**
 * A store on an etcd v3 cluster, which other API servers may use at the same time, upstream's included: same keys, same
 * transactions, same leases. Its client is loaded at the first call: gRPC is large, and most clusters keep their objects elsewhere.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { connectEtcdStore } = await import('./etcd-store.ts')
  return connectEtcdStore(options)
}
