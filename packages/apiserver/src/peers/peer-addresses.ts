/** Which API servers are there for others, and where: each keeps a key of its own alive (k8s.io/apiserver/pkg/reconcilers/peer_endpoint_lease.go). */
import { type Clock, type Logger, sleep } from '@canopus/base'
import { KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'

const PREFIX = '/registry/peerserverleases/'
const TTL_SECONDS = 15
const INTERVAL = 10_000

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
export async function livingPeers(store: Store): Promise<Set<string>> {
  const { items } = await store.list(PREFIX)
  return new Set(items.map(({ key }) => key.slice(PREFIX.length)))
}

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

async function renew({ store, serverId, address }: PeerAddressOptions, generation: number): Promise<void> {
  const key = PREFIX + serverId
  const options = { ttlSeconds: TTL_SECONDS }
  // Every value differs from the one before, or upstream's server would not write it.
  const value = Buffer.from(JSON.stringify(endpointsOf(serverId, address, generation)))
  for (;;) {
    const current = await store.get(key)
    try {
      if (current === undefined) await store.create(key, () => value, options)
      else await store.update(key, () => value, current.revision, options)
      return
    } catch (error) {
      if (!(error instanceof RevisionMismatchError || error instanceof KeyExistsError)) throw error
    }
  }
}

/** Says every ten seconds, for fifteen, that this server is there, until the signal aborts. */
export async function keepPeerAddress(options: PeerAddressOptions, signal: AbortSignal): Promise<void> {
  const { store, serverId, clock, logger } = options
  for (let generation = 1; !signal.aborted; generation++) {
    await renew(options, generation).catch(error => {
      if (!signal.aborted) logger.warn('other API servers could not be told of this one, trying again', { error })
    })
    await sleep(clock, INTERVAL, signal).catch(() => {})
  }
  const current = await store.get(PREFIX + serverId).catch(() => undefined)
  // Else it ends by itself.
  if (current !== undefined) await store.delete(PREFIX + serverId, current.revision).catch(() => {})
}
