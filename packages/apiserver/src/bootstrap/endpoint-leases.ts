/**
 * Which API servers there are, so that the endpoints of the service `kubernetes` name them all: each keeps a key of its own alive
 * (pkg/controlplane/reconcilers/lease.go).
 */
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import { KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'
import { CountedServers } from './counted-servers.ts'
import { ensureKubernetesService, type KubernetesServiceFacts } from './kubernetes-service.ts'

const PREFIX = '/registry/masterleases/'
const TTL_SECONDS = 15
const INTERVAL = 10_000

/** How servers know of each other. */
export interface ServerAddresses {
  /** Says that this server is there. */
  renew(): Promise<void>
  /** Addresses of all servers that are there. */
  addresses(): Promise<string[]>
  /** Says that it is there no more. */
  remove(): Promise<void>
}

export class EndpointLeases implements ServerAddresses {
  readonly #store: Store
  readonly #address: string
  #generation = 0

  constructor(store: Store, address: string) {
    this.#store = store
    this.#address = address
  }

  /** Says for 15 more seconds that this server is there. */
  async renew(): Promise<void> {
    const key = PREFIX + this.#address
    const options = { ttlSeconds: TTL_SECONDS }
    for (;;) {
      // Every value differs from the one before, or upstream's server would not write it.
      const value = Buffer.from(JSON.stringify(leaseOf(this.#address, ++this.#generation)))
      const current = await this.#store.get(key)
      try {
        if (current === undefined) await this.#store.create(key, () => value, options)
        else await this.#store.update(key, () => value, current.revision, options)
        return
      } catch (error) {
        if (!(error instanceof RevisionMismatchError || error instanceof KeyExistsError)) throw error
      }
    }
  }

  /** Addresses of all servers that are there. */
  async addresses(): Promise<string[]> {
    const { items } = await this.#store.list(PREFIX)
    return items.map(({ key }) => key.slice(PREFIX.length)).sort()
  }

  async remove(): Promise<void> {
    const key = PREFIX + this.#address
    const current = await this.#store.get(key)
    if (current !== undefined) await this.#store.delete(key, current.revision)
  }
}

function leaseOf(address: string, generation: number): object {
  return {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { generation },
    subsets: [{ addresses: [{ ip: address }] }],
  }
}

/** By their number where that is known, else by leases. */
export const serverAddresses = (
  store: Store,
  client: Client,
  address: string,
  count: number | undefined,
): ServerAddresses =>
  count === undefined ? new EndpointLeases(store, address) : new CountedServers(client, address, count)

export interface EndpointReconcilerOptions {
  readonly store: Store
  readonly client: Client
  readonly facts: KubernetesServiceFacts
  readonly clock: Clock
  readonly logger: Logger
}

/** Keeps the endpoints of the service `kubernetes` to the servers that are there, until the signal aborts. */
export async function runEndpointReconciler(options: EndpointReconcilerOptions, signal: AbortSignal): Promise<void> {
  const { store, client, facts, clock, logger } = options
  const leases = facts.address === undefined ? undefined : serverAddresses(store, client, facts.address, facts.servers)
  while (!signal.aborted) {
    try {
      await leases?.renew()
      await ensureKubernetesService(client, facts, await leases?.addresses())
    } catch (error) {
      if (!signal.aborted) logger.warn('the endpoints of the service kubernetes could not be kept', { error })
    }
    await sleep(clock, INTERVAL, signal).catch(() => {})
  }
  // Others find out at their next turn.
  await leases?.remove().catch(error => logger.warn('the lease of this server could not be given back', { error }))
}
