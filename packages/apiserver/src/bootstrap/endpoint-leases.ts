/**
 * Which API servers there are, so that the endpoints of the service `kubernetes` name them all: each keeps a key of its own alive
 * (pkg/controlplane/reconcilers/lease.go).
 */
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { Store } from '@canopus/store'
import { RENEW_INTERVAL, ServerKey, serverNames } from '../storage/server-keys.ts'
import { CountedServers } from './counted-servers.ts'
import { ensureKubernetesService, type KubernetesServiceFacts } from './kubernetes-service.ts'

const PREFIX = '/registry/masterleases/'

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
  readonly #own: ServerKey

  constructor(store: Store, address: string) {
    this.#store = store
    this.#own = new ServerKey(store, PREFIX, address, generation => leaseOf(address, generation))
  }

  renew(): Promise<void> {
    return this.#own.renew()
  }

  addresses(): Promise<string[]> {
    return serverNames(this.#store, PREFIX)
  }

  remove(): Promise<void> {
    return this.#own.remove()
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
    await sleep(clock, RENEW_INTERVAL, signal).catch(() => {})
  }
  // Others find out at their next turn.
  await leases?.remove().catch(error => logger.warn('the lease of this server could not be given back', { error }))
}
