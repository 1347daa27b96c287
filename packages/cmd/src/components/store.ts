import { mkdirSync } from 'node:fs'
import { tracedGrpcCall } from '@canopus/apiserver'
import type { Logger } from '@canopus/base'
import { Failure, type StoreConfig } from '@canopus/cli'
import { systemClock } from '@canopus/platform'
import { createMemoryStore, type EtcdStoreOptions, openEmbeddedStore, openEtcdStore, type Store } from '@canopus/store'
import { fileOf } from '../flags.ts'

/** Opens the store that the API server keeps its objects in; `directory` is the embedded one's, `etcd` etcd's. */
export function openStore(
  config: StoreConfig,
  directory: string,
  logger: Logger,
  etcd: Pick<EtcdStoreOptions, 'aroundCall' | 'dial' | 'leaseReuseSeconds'> = {},
): Promise<Store> | Store {
  const clock = systemClock
  switch (config.kind) {
    case 'memory':
      return createMemoryStore({ clock })
    case 'embedded':
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      return openEmbeddedStore({ directory, clock, logger })
    case 'etcd':
      return openEtcdStore({
        endpoints: config.servers ?? [],
        clock,
        logger,
        aroundCall: tracedGrpcCall,
        ...etcd,
        ...(config.prefix === undefined ? {} : { prefix: config.prefix }),
        ...etcdTls(config),
      })
  }
}

function etcdTls({ caFile, certFile, keyFile }: StoreConfig): { tls?: { ca: string; cert?: string; key?: string } } {
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return {}
  if (caFile === undefined) throw new Failure('--etcd-certfile and --etcd-keyfile need --etcd-cafile')
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Failure('--etcd-certfile and --etcd-keyfile belong together')
  return {
    tls: {
      ca: fileOf('etcd-cafile', caFile),
      ...(certFile === undefined ? {} : { cert: fileOf('etcd-certfile', certFile) }),
      ...(keyFile === undefined ? {} : { key: fileOf('etcd-keyfile', keyFile) }),
    },
  }
}
