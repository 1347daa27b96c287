import { builtInKinds, type Kind } from '@canopus/api'
import type { ResourceType } from '@canopus/apimachinery'
import {
  type ApiServer,
  type ApiServerOptions,
  type AuthenticationFacts,
  type BootstrapOptions,
  bootstrapCluster,
  createApiServer,
  ensureAuthenticationConfig,
  ensureServiceCidr,
  FeatureGates,
  keepFlowControl,
  keepLegacyTokenTracking,
  keepPeerAddress,
  keepServiceCidr,
  kindsOfFeatures,
  parseAddress,
  persevere,
  RuntimeConfig,
  runCompaction,
  runEndpointReconciler,
  serverAddresses,
  servesResourceMetrics,
  withGates,
} from '@canopus/apiserver'
import type { Logger } from '@canopus/base'
import { type Client, createClient } from '@canopus/client'
import { keepIdentityLease } from './identity-lease.ts'

export interface StartApiServerOptions extends Omit<ApiServerOptions, 'kinds'> {
  /** What every cluster has from its first moment. */
  bootstrap: BootstrapOptions
  /** Which versions are served besides; none where missing. */
  runtimeConfig?: RuntimeConfig
  /** As what the server says by a lease that it is there; it says nothing where missing. */
  identity?: { name: string; hostname: string; holder: string; address?: string }
  /** Milliseconds between compactions of the store, as `runCompaction` has it; 0 for none. */
  compactionInterval?: number
  /** Milliseconds that events are kept; an hour where missing. */
  eventTtl?: number
}

const BOOTSTRAP = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

/** Starts an API server for the built-in kinds. Resolves once it answers and the cluster's own objects are there. */
export async function startApiServer({
  bootstrap,
  identity: given,
  runtimeConfig,
  eventTtl,
  ...options
}: StartApiServerOptions): Promise<ApiServer> {
  const { featureGates = new FeatureGates() } = options
  const identity = featureGates.enabled('UnknownVersionInteroperabilityProxy') ? given : withoutAddress(given)
  const serverId = identity && { serverId: identity.name }
  const config = runtimeConfig ?? new RuntimeConfig()
  const served = [...builtInKinds, ...kindsOfFeatures(featureGates, config)]
  const kinds = keptFor(eventTtl, withGates(served, featureGates))
  const isServed = config.isDefault ? undefined : { isServed: (type: ResourceType) => config.enabled(type) }
  const server = createApiServer({ ...options, ...serverId, ...isServed, featureGates, kinds })
  const client = clientOf(server)
  const ending = new AbortController()
  const perseverance = { clock: options.clock, logger: options.logger, signal: ending.signal }
  try {
    await server.start()
    const service = bootstrap.service && {
      ...bootstrap.service,
      addresses: await allAddresses(options, client, bootstrap),
    }
    const facts = {
      resourceMetrics: servesResourceMetrics(options),
      featureGates,
      ...bootstrap,
      ...(service ? { service } : {}),
    }
    await bootstrapCluster(client, facts, server.postStartHooks, perseverance)
    const { serviceCidr = '10.96.0.0/16' } = options
    const cidrs = typeof serviceCidr === 'string' ? serviceCidr.split(',') : serviceCidr
    await persevere('service-cidr', () => ensureServiceCidr(client, cidrs, options.clock.now()), perseverance)
    if (identity && featureGates.enabled('APIServerIdentity')) {
      void keepIdentityLease({ client, clock: options.clock, logger: options.logger, ...identity }, ending.signal)
    }
    const kept = keptPeerAddress(options, identity, ending.signal)
    const own = { client, clock: options.clock, logger: options.logger }
    void keepFlowControl(own, ending.signal)
    void keepServiceCidr(own, cidrs, ending.signal)
    void keepLegacyTokenTracking({ ...own, objects: server.objects }, ending.signal)
    return {
      ...server,
      stop: async () => {
        ending.abort()
        await Promise.all([server.stop(), kept])
      },
    }
  } catch (error) {
    ending.abort()
    await server.stop()
    throw error
  }
}

/** Others do not reach such a server. */
function withoutAddress(identity: StartApiServerOptions['identity']): StartApiServerOptions['identity'] {
  if (identity === undefined) return undefined
  const { address: _, ...rest } = identity
  return rest
}

/** Says where others reach this server, if they do. */
async function keptPeerAddress(
  { store, clock, logger }: Pick<StartApiServerOptions, 'store' | 'clock' | 'logger'>,
  identity: StartApiServerOptions['identity'],
  signal: AbortSignal,
): Promise<void> {
  const address = identity?.address === undefined ? undefined : parseAddress(identity.address)
  if (identity === undefined || address === undefined) return
  await keepPeerAddress({ store, serverId: identity.name, address, clock, logger }, signal)
}

/** The kinds, those whose objects vanish by themselves with another life, in milliseconds. */
export function keptFor(eventTtl: number | undefined, kinds: readonly Kind[]): readonly Kind[] {
  if (eventTtl === undefined) return kinds
  const ttlSeconds = Math.ceil(eventTtl / 1000)
  return kinds.map(kind => (kind.ttlSeconds === undefined ? kind : { ...kind, ttlSeconds }))
}

/** What an API server does besides answering, until the signal aborts; beside others on the same store. */
export async function runApiServerLoops(
  server: ApiServer,
  { store, elsewhere = [], clock, logger, bootstrap, compactionInterval: interval }: StartApiServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const client = clientOf(server)
  const facts = bootstrap.service
  const compacted = interval === 0 ? [] : [store, ...elsewhere.map(each => each.store)]
  await Promise.all([
    ...compacted.map(each =>
      runCompaction({ store: each, clock, logger, ...(interval === undefined ? {} : { interval }) }, signal),
    ),
    facts && runEndpointReconciler({ store, client, facts, clock, logger }, signal),
  ])
}

/** Says whom the server trusts now, to extension API servers; where that fails, in the log. */
export async function publishAuthentication(
  server: ApiServer,
  facts: AuthenticationFacts,
  logger: Logger,
): Promise<void> {
  try {
    await ensureAuthenticationConfig(clientOf(server), facts)
  } catch (error) {
    logger.error('extension API servers could not be told of the authorities of client certificates', { error })
  }
}

const clientOf = (server: ApiServer): Client =>
  createClient(server.transport(BOOTSTRAP), { userAgent: 'kube-apiserver' })

/** This server's address and those of others that are there already. */
async function allAddresses(
  { store }: Pick<StartApiServerOptions, 'store'>,
  client: Client,
  { service }: BootstrapOptions,
): Promise<readonly string[]> {
  if (service?.address === undefined) return []
  const leases = serverAddresses(store, client, service.address, service.servers)
  await leases.renew()
  return leases.addresses()
}
