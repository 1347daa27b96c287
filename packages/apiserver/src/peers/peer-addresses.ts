/** Which API servers are there for others, and where: each keeps a key of its own alive (k8s.io/apiserver/pkg/reconcilers/peer_endpoint_lease.go). */
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Store } from '@canopus/store'
import { RENEW_INTERVAL, ServerKey, serverNames } from '../storage/server-keys.ts'

const PREFIX = '/registry/peerserverleases/'

/** Host and port of a server. */
export interface PeerAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, an IPv6 address in brackets. */
export function parseAddress(text: string): PeerAddress | undefined {
  const [, host, port] = /^\[?([^[\]]+)\]?:(\d+)$/.exec(text) ?? []
  return host === undefined ? undefined : { host, port: Number(port) }
}

/** The identities of the servers that are there. */
export const livingPeers = async (store: Store): Promise<Set<string>> => new Set(await serverNames(store, PREFIX))

function endpointsOf(serverId: string, { host, port }: PeerAddress, generation: number): object {
  return {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { generation, labels: { apiserverIdentity: serverId } },
    subsets: [{ addresses: [{ ip: host }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  }
}

export interface PeerAddressOptions {
  readonly store: Store
  readonly serverId: string
  readonly address: PeerAddress
  readonly clock: Clock
  readonly logger: Logger
}

/** Says every ten seconds, for fifteen, that this server is there, until the signal aborts. */
export async function keepPeerAddress(options: PeerAddressOptions, signal: AbortSignal): Promise<void> {
  const { store, serverId, address, clock, logger } = options
  const own = new ServerKey(store, PREFIX, serverId, generation => endpointsOf(serverId, address, generation))
  while (!signal.aborted) {
    await own.renew().catch(error => {
      if (!signal.aborted) logger.warn('other API servers could not be told of this one, trying again', { error })
    })
    await sleep(clock, RENEW_INTERVAL, signal).catch(() => {})
  }
  // Else it ends by itself.
  await own.remove().catch(() => {})
}
