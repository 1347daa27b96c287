import { resolve } from 'node:path'
import { Failure } from '../failure.ts'
import { type ClusterConfig, type NewCluster, newConfig, type StoreConfig } from './config.ts'

/** What a user asked of `up`; absent where nothing was said. */
export type Wishes = Partial<Omit<NewCluster, 'name' | 'mirrors'>> & Pick<NewCluster, 'name' | 'mirrors'>

/** A new cluster's wishes with the defaults. */
export const withDefaults = (wishes: Wishes): NewCluster => ({
  ...wishes,
  nodes: wishes.nodes ?? 1,
  store: wishes.store ?? { kind: 'embedded' },
  egress: wishes.egress ?? 'masquerade',
})

/** The existing cluster with what may be changed: more nodes, other mirrors. Throws `Failure` for what may not. */
export function changed(config: ClusterConfig, wishes: Wishes): ClusterConfig {
  refuseNodes(config, wishes.nodes)
  refuseOthers(config, wishes)
  const nodes = wishes.nodes ?? config.nodes.length
  const grown = newConfig({ ...withDefaults(wishes), nodes }, { root: '/', run: '/' }, config.slot)
  return {
    ...config,
    nodes: [...config.nodes, ...grown.nodes.slice(config.nodes.length)],
    ...(wishes.mirrors.length > 0 ? { mirrors: wishes.mirrors } : {}),
    ...(wishes.storageClass === undefined ? {} : { storageClass: wishes.storageClass }),
    ...(wishes.apiserverArgs === undefined ? {} : { apiserverArgs: wishes.apiserverArgs }),
  }
}

function refuseNodes(config: ClusterConfig, wanted: number | undefined): void {
  const has = config.nodes.length
  if (wanted === undefined || wanted === has) return
  if (wanted < has)
    throw new Failure(
      `cluster "${config.name}" has ${has === 1 ? '1 node' : `${has} nodes`}`,
      `\`canopus delete --name ${config.name}\` removes it; nodes cannot be taken away one by one yet.`,
    )
  if (has === 0)
    throw new Failure(
      `cluster "${config.name}" was made without nodes`,
      'Make another one with --name, or delete this one first.',
    )
}

/** What is fixed when a cluster is made, with the words for each. */
function refuseOthers(config: ClusterConfig, wishes: Wishes): void {
  const { name, dataDirectory, store, egress, apiPort } = config
  const fixed = [
    {
      flag: '--data-dir',
      is: `keeps its data in ${dataDirectory}`,
      same: wishes.dataDirectory === undefined || resolve(wishes.dataDirectory) === resolve(dataDirectory),
    },
    {
      flag: wishes.store?.kind === store.kind ? '--etcd-servers' : '--store',
      is: `keeps its objects in the store "${store.kind}"${store.servers ? ` at ${store.servers.join(',')}` : ''}`,
      same: wishes.store === undefined || sameStore(wishes.store, store),
    },
    {
      flag: '--api-port',
      is: `has its API server on port ${apiPort}`,
      same: wishes.apiPort === undefined || wishes.apiPort === apiPort,
    },
    {
      flag: '--pod-egress',
      is: `was made with --pod-egress ${egress}`,
      same: wishes.egress === undefined || wishes.egress === egress,
    },
  ]
  for (const { flag, is, same } of fixed)
    if (!same)
      throw new Failure(
        `cluster "${name}" ${is}, which cannot be changed`,
        `Leave ${flag} out, or choose another --name.`,
      )
}

const sameStore = (left: StoreConfig, right: StoreConfig): boolean =>
  left.kind === right.kind &&
  (left.servers === undefined || [...left.servers].sort().join() === [...(right.servers ?? [])].sort().join())
