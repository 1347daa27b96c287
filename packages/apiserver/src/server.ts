/** Composes the API server: what `DESIGN.md` section 2 draws as one box. */
import {
  CustomResourceDefinitions,
  type Descriptions,
  virtualKinds as defaultVirtualKinds,
  IPAddresses,
  type Kind,
  type OpenApiKind,
} from '@canopus/api'
import { withSchemaValidation } from '@canopus/apiextensions'
import type { ResourceType } from '@canopus/apimachinery'
import { type Clock, type Logger, MetricsRegistry, type Random, sleep } from '@canopus/base'
import { createClient, type Transport } from '@canopus/client'
import type { Store } from '@canopus/store'
import { withExpressionValidation } from './admission/expressions/kind-validation.ts'
import { type AggregationOptions, Aggregator } from './aggregation/aggregator.ts'
import { AddressClaims } from './allocators/address-claims.ts'
import { NodePortBitmap } from './allocators/node-port-bitmap.ts'
import { type PortRange, ServiceAllocators } from './allocators/services.ts'
import { SharedServices } from './allocators/shared-services.ts'
import type { Auditor } from './audit/auditor.ts'
import { runConsistencyChecks } from './cache/consistency-check.ts'
import { normalise } from './cache/normalise.ts'
import { WatchCache } from './cache/watch-cache.ts'
import { withCertificateChecks } from './certificates/kind-checks.ts'
import { CustomResources } from './custom-resources/custom-resources.ts'
import { Discovery } from './discovery/discovery.ts'
import type { Egress } from './egress/egress.ts'
import { columnsOf, describing } from './encoding/describe.ts'
import { Encoders } from './encoding/encoders.ts'
import { encodeMessage } from './encoding/protobuf.ts'
import { FeatureGates } from './features/feature-gates.ts'
import { Front } from './filters/front.ts'
import type { RequestInfo } from './filters/request-info.ts'
import { RequestPath } from './filters/request-path.ts'
import { SERVING_DEFAULTS, type ServingOptions } from './filters/serving-options.ts'
import { Traffic } from './filters/traffic.ts'
import { FlowControlFollower } from './flow-control/follow.ts'
import { withMandatorySpecs } from './flow-control/mandatory-specs.ts'
import { Health, type HealthCheck } from './health/health.ts'
import { ownChecks, shutdownCheck } from './health/own-checks.ts'
import { absentHooks, PostStartHooks } from './health/post-start-hooks.ts'
import { inProcessTransport } from './http/in-process.ts'
import { type Handlers, type Listener, type ListenOptions, listen } from './http/listen.ts'
import type { ApiRequest, ApiResponse } from './http/message.ts'
import { allocatorMetrics } from './metrics/allocator-metrics.ts'
import { caches } from './metrics/cache-metrics.ts'
import { csrMetrics } from './metrics/csr-metrics.ts'
import { followDefinitions } from './metrics/definition-metrics.ts'
import { ruleMetrics } from './metrics/rule-metrics.ts'
import { ServerMetrics } from './metrics/server-metrics.ts'
import { OpenApi } from './openapi/openapi.ts'
import { Peers, type PeersOptions } from './peers/peers.ts'
import { AdmissionChain } from './registry/admission.ts'
import { certificateSigningRequestHooks } from './registry/certificate-signing-request.ts'
import { StoreReader } from './registry/object-reader.ts'
import { withoutPrivileged } from './registry/privileged.ts'
import { Resources } from './registry/resources.ts'
import { RESOURCE_METRICS_TYPES, ResourceMetrics } from './resource-metrics/resource-metrics.ts'
import type { NodeMetrics } from './resource-metrics/scraper.ts'
import type { ObjectReader, Security, SecurityFactory, User } from './security.ts'
import { measuredStores } from './storage/measured-store.ts'
import { Places, type StoreElsewhere } from './storage/places.ts'
import type { StoredResource } from './storage/storage-spans.ts'
import type { KubeletCredentials } from './subresources/node-address.ts'
import type { Tracing } from './tracing/tracing.ts'
import type { Tuning } from './tuning.ts'
import { createWebhookClient, type WebhookCaller } from './webhook/client.ts'
import { createAddressResolver, createServiceResolver } from './webhook/service-resolver.ts'
import type { FlagValues } from './zpages/flagz.ts'
import type { ProfilingOptions } from './zpages/profiling.ts'
import { Statusz } from './zpages/statusz.ts'

export interface ApiServerOptions {
  readonly store: Store
  /** Further stores, and which kinds lie there; none where missing. Like the first they belong to the caller. */
  readonly elsewhere?: readonly StoreElsewhere[]
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Kinds that are stored, usually `builtInKinds`. */
  readonly kinds: readonly Kind[]
  /** Kinds that are answered on the spot; default `virtualKinds`. */
  readonly virtualKinds?: readonly Kind[]
  /** Whether clients find a resource; all where missing. */
  readonly isServed?: (type: ResourceType) => boolean
  readonly security: SecurityFactory
  /** By what way connections leave; straight where missing. */
  readonly egress?: Egress | undefined
  /** With which kubelets are called for logs, exec and the like; with a certificate also for what pods and nodes use. */
  readonly kubelet?: KubeletCredentials
  /** What nodes use that name no port of a kubelet; such nodes have no figures where missing. */
  readonly nodeMetrics?: NodeMetrics
  /** Address ranges of services, one per family; the first is the default family. Default 10.96.0.0/16. */
  readonly serviceCidr?: string | readonly string[]
  /** Host and port under which clients are told to find it; where it listens first, where missing. */
  readonly publicAddress?: string
  /** Ports for services on every node, both ends included. Default 30000 to 32767. */
  readonly nodePortRange?: PortRange
  /** Sentences for the OpenAPI documents; asked for when a document is first written. */
  readonly descriptions?: () => Descriptions | undefined
  readonly healthChecks?: readonly HealthCheck[]
  /** How webhooks are called; over HTTPS where missing. */
  readonly webhooks?: WebhookCaller
  /** Whom requests are told to; closed with the server. Nothing is audited where missing. */
  readonly auditor?: Auditor
  /** Opens spans for requests; closed with the server. Nothing is traced where missing. */
  readonly tracing?: Tracing
  /** Limits, timeouts and manners; upstream's defaults where missing. */
  readonly serving?: ServingOptions
  /** What operators set of single things; what is usual here where missing. */
  readonly tuning?: Tuning
  /** Where `/metrics` is read from; more than the server's own may be in it. */
  readonly metrics?: MetricsRegistry
  /** Which features are on; `kinds` and admission plugins must fit. The defaults where missing. */
  readonly featureGates?: FeatureGates
  /** Whether clients may be shown a state of a resource that has passed (`--watch-cache`, `--watch-cache-sizes`); all where missing. */
  readonly isCached?: (type: Pick<ResourceType, 'group' | 'plural'>) => boolean
  /** Milliseconds between comparisons of the caches with the store; none are made where missing. */
  readonly consistencyCheckPeriod?: number | undefined
  /** With which flags it runs, for `/flagz`. */
  readonly flags?: FlagValues
  /** By what `/debug/pprof` is answered; there is no such page where missing. */
  readonly profiling?: ProfilingOptions
  /** Where other components of the control plane say how they are, by name: URLs, for `kubectl get cs`. */
  readonly components?: Readonly<Record<string, string>>
  /** Tells this server from others, in figures. */
  readonly serverId?: string
  /** Where given, APIServices are kept for what is served here, and those with a Service are passed on. */
  readonly aggregation?: AggregationOptions
  /** Where given, other API servers are asked what they serve and this one does not. It must have an identity. */
  readonly peers?: PeersOptions
}

export interface ApiServer {
  /** The request path, whatever carries the request. Never rejects but for clients that went away. */
  handle(request: ApiRequest): Promise<ApiResponse>
  /** Requests inside the process under this identity. */
  transport(user: User): Transport
  readonly objects: ObjectReader
  /** What has to be done before the server counts as started. */
  readonly postStartHooks: PostStartHooks
  /** Loads the state. Before it, requests are answered with 503. */
  start(): Promise<void>
  /** Serves on a TLS port as well; may be called more than once. */
  listen(options: ListenOptions): Promise<Listener>
  /**
   * Goes down gracefully: says that it is not ready, serves on for the delay that the options name, takes no new requests,
   * ends watches, and waits for what is under way. The store stays open: it belongs to the caller.
   */
  stop(): Promise<void>
}

/** Whether the server can say what nodes and pods use. */
export const servesResourceMetrics = ({
  kubelet,
  nodeMetrics,
}: Pick<ApiServerOptions, 'kubelet' | 'nodeMetrics'>): boolean =>
  kubelet?.cert !== undefined || nodeMetrics !== undefined

const LOOPBACK: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

/** Connections whose answers are still on their way may take so long, in milliseconds, once everything has been answered. */
const LAST_BYTES = 2000

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { clock, random, logger } = options
  const registry = options.metrics ?? new MetricsRegistry()
  const { elsewhere = [] } = options
  const places = new Places({
    store: options.store,
    elsewhere,
    used: measuredStores(clock, registry, storedResourceOf(options.kinds)),
    cacheOf: (store, root) => new WatchCache({ store, root, clock, logger, normalise }),
  })
  const serving = { ...SERVING_DEFAULTS, ...options.serving }
  const { gitVersion } = serving
  const { consistencyCheckPeriod: period } = options
  const handle = (request: ApiRequest): Promise<ApiResponse> => path.handle(request)
  const transport = (user: User): Transport => inProcessTransport(handle, user)
  const { resources, objects, admission, services } = composeResources(
    { ...options, serving, metrics: registry },
    places,
  )
  const handshakeErrors = registry
    .counter(
      'apiserver_tls_handshake_errors_total',
      "[ALPHA] Number of requests dropped with 'TLS handshake error from' error",
    )
    .with()
  const stopping = new AbortController()
  let repairs: Promise<void> | undefined
  const loopback = transport(LOOPBACK)
  const { tuning = {} } = options
  const resolver =
    tuning.routesToEndpoints === false ? createAddressResolver(objects) : createServiceResolver(objects, random)
  const webhooks = options.webhooks ?? createWebhookClient({ resolver, clock, loopback, egress: options.egress })
  const security = options.security({
    objects,
    loopback,
    clock,
    random,
    logger,
    webhooks,
    metrics: registry,
    ...(options.featureGates === undefined ? {} : { featureGates: options.featureGates }),
    ...(options.serverId === undefined ? {} : { serverId: options.serverId }),
    resourceOfKind: (apiVersion, kind) => resources.ofKind(apiVersion, kind),
  })
  admission.setPlugins(security.admission)
  const listeners = new Set<Listener>()
  const state = { started: false, stopping: false }
  const aggregator =
    options.aggregation &&
    new Aggregator(options.aggregation, {
      ...{ objects, loopback, clock, random, logger, builtIn: resources.types },
      metrics: registry,
      resolver,
      dial: options.egress?.cluster,
    })
  const peers =
    options.peers &&
    options.serverId !== undefined &&
    new Peers(options.peers, {
      ...{ serverId: options.serverId, objects, store: options.store, clock, random, logger, metrics: registry },
      dial: options.egress?.controlplane,
    })
  const { kubelet = {}, nodeMetrics } = options
  const resourceMetrics = servesResourceMetrics(options)
    ? new ResourceMetrics({
        objects,
        clock,
        logger,
        kubelet,
        dial: options.egress?.cluster,
        ...(nodeMetrics ? { nodeMetrics } : {}),
      })
    : undefined
  const postStartHooks = new PostStartHooks({
    started: () => state.started,
    absent: absentHooks(
      serving.priorityAndFairness,
      options.aggregation?.proxyClient?.() !== undefined,
      options.featureGates ?? new FeatureGates(),
      options.peers !== undefined,
    ),
  })
  const front = new Front(serving, random)
  const traffic = new Traffic({ ...serving, clock, facts: workFacts(resources) })
  const follower =
    traffic.flowControl &&
    new FlowControlFollower({
      flowControl: traffic.flowControl,
      objects,
      client: createClient(loopback, { userAgent: 'kube-apiserver' }),
      clock,
      logger,
    })
  const graceEnds = clock.monotonic() + serving.livezGracePeriod
  const health = new Health(
    () => [
      ...ownChecks({ ...tuning, store: options.store, elsewhere, clock }, state),
      ...postStartHooks.checks,
      ...(options.healthChecks ?? []),
      shutdownCheck(state),
    ],
    () => clock.monotonic() < graceEnds,
  )
  const path = composePath(options, {
    security,
    resources,
    objects,
    webhooks,
    ...(aggregator === undefined ? {} : { aggregator }),
    ...(peers ? { peers } : {}),
    ...(resourceMetrics === undefined ? {} : { resourceMetrics }),
    front,
    traffic,
    health,
    metrics: new ServerMetrics({
      resources,
      traffic,
      health,
      registry,
      // As upstream's, for each resource that is elsewhere, whatever others are there too.
      stores: [options.store, ...elsewhere.flatMap(({ store, resources: kept }) => kept.map(() => store))],
      clock,
      featureGates: options.featureGates,
      gitVersion,
      countsObjects: tuning.countsObjects,
      tellsStorageSize: tuning.tellsStorageSize,
    }),
    requestTimeout: serving.requestTimeout,
    connectionBytesPerSecond: tuning.connectionBytesPerSecond,
    gitVersion,
    ready: () => state.started,
    address: () => {
      if (options.publicAddress !== undefined) return options.publicAddress
      const [first] = listeners
      return first === undefined ? '' : `${first.address}:${first.port}`
    },
  })
  return {
    handle,
    transport,
    objects,
    postStartHooks,
    async start() {
      await places.start()
      state.started = true
      follower?.start()
      repairs = services.run(stopping.signal)
      if (period !== undefined) {
        const checked = () =>
          caches(resources).map(([group, , resource, cache, place]) => ({ group, resource, cache, place }))
        const facts = { clock, random, logger, metrics: registry, period, caches: checked }
        void runConsistencyChecks(facts, stopping.signal)
      }
      await aggregator?.start()
      if (peers) peers.start()
      resourceMetrics?.start()
    },
    async listen(listenOptions) {
      const handlers: Handlers = {
        handle,
        upgrade: (...args) => path.upgrade(...args),
        failed: error => logger.error('an answer could not be sent', { error }),
        handshakeFailed: () => handshakeErrors.add(),
      }
      const listener = await listen(listenOptions, handlers, clock)
      listeners.add(listener)
      return listener
    },
    async stop() {
      state.stopping = true
      follower?.stop()
      await aggregator?.stop()
      if (peers) await peers.stop()
      await resourceMetrics?.stop()
      if (serving.shutdownDelay > 0) await sleep(clock, serving.shutdownDelay)
      front.closed = serving.shutdownSendRetryAfter
      if (!front.closed) for (const listener of listeners) listener.stopAccepting()
      if (serving.shutdownWatchTerminationGracePeriod > 0) places.endWatches()
      await drained(clock, traffic, serving.requestTimeout)
      state.started = false
      stopping.abort()
      await repairs
      await places.stop()
      const end = new AbortController()
      const patience = sleep(clock, LAST_BYTES, end.signal).catch(() => {})
      await Promise.all([...listeners].map(listener => listener.close(patience)))
      end.abort()
      listeners.clear()
      webhooks.close()
      await options.auditor?.close()
      await options.tracing?.close()
    },
  }
}

/** Resolves when no request is under way any more, or after `limit` milliseconds. */
async function drained(clock: Clock, { inflight }: Traffic, limit: number): Promise<void> {
  if (inflight.open === 0) return
  const end = new AbortController()
  await Promise.race([inflight.idle(), sleep(clock, limit, end.signal).catch(() => {})])
  end.abort()
}

/** What the estimates of work are made of: the caches know. */
function workFacts(resources: Resources): ConstructorParameters<typeof Traffic>[0]['facts'] {
  const cacheOf = ({ group, version, resource }: RequestInfo) =>
    resources.endpoint(group, version, resource)?.store.cache
  return {
    stored: info => {
      const cache = cacheOf(info)
      return cache && { count: cache.size, bytes: cache.bytes }
    },
    watchers: info => cacheOf(info)?.hub.interested(info.namespace) ?? 0,
  }
}

/** What is stored under a key, for metrics and spans; built-in kinds by their prefix, others by the shape of their keys. */
function storedResourceOf(kinds: readonly Kind[]): (key: string) => StoredResource {
  const known = new Map<string, StoredResource>()
  for (const { storagePrefix, type } of kinds) known.set(storagePrefix, [type.group, type.plural, type.kind])
  return key => {
    const [, , first = '', second = ''] = key.split('/')
    return known.get(first) ?? known.get(`${first}/${second}`) ?? [first, second]
  }
}

/** The registry with what it allocates, and the view of its objects for those who decide by them. */
function composeResources(
  options: ApiServerOptions & { serving: Required<ServingOptions>; metrics: MetricsRegistry },
  places: Places,
): { resources: Resources; objects: ObjectReader; admission: AdmissionChain; services: SharedServices } {
  const { clock, random, logger, kinds, virtualKinds = defaultVirtualKinds } = options
  const { serviceCidr = '10.96.0.0/16', nodePortRange = { from: 30000, to: 32767 } } = options
  const { minRequestTimeout } = options.serving
  const { tuning = {} } = options
  const { store, cache } = places.main
  const ranges = typeof serviceCidr === 'string' ? serviceCidr.split(',') : serviceCidr
  const admission = new AdmissionChain(clock)
  const timeRules = ruleMetrics(clock, options.metrics)
  const watchLists = options.featureGates?.enabled('WatchList') ?? true
  const isCached = ({ type }: Kind): boolean => options.isCached?.(type) ?? true
  const resources = new Resources({
    context: {
      store,
      cache,
      clock,
      random,
      logger,
      admission,
      normalise,
      minRequestTimeout,
      timeRules,
      watchLists,
      isCached,
      deleteWorkers: tuning.deleteCollectionWorkers,
      leavesDependents: tuning.garbageCollection === false,
    },
    // The services' part is made after the registry, since it reads and writes objects through it.
    hooks: {
      '/services': {
        allocate: (...change) => services.allocate(...change),
        settled: (...change) => services.settled(...change),
      },
      'certificates.k8s.io/certificatesigningrequests': {
        ...certificateSigningRequestHooks,
        settled: csrMetrics(options.metrics),
      },
    },
    encoders: new Encoders(
      encodeMessage,
      clock,
      describing(options.descriptions ?? (() => undefined), columnsOf(kinds)),
    ),
    kinds: (tuning.allowPrivileged === false ? kinds.map(withoutPrivileged) : kinds).map(kind =>
      withCertificateChecks(
        kind.type === CustomResourceDefinitions
          ? withSchemaValidation(kind, timeRules)
          : withMandatorySpecs(withExpressionValidation(kind)),
      ),
    ),
    virtualKinds,
    placeOf: kind => places.of(kind),
    ...(options.isServed === undefined ? {} : { isServed: options.isServed }),
  })
  admission.setServed(kind => resources.servedVersions(kind))
  const objects = new StoreReader((type: ResourceType) => resources.storeOf(type))
  const { featureGates } = options
  const isOn = featureGates && ((feature: string) => featureGates.enabled(feature))
  const allocators = new ServiceAllocators(ranges, nodePortRange, random, isOn)
  const services = new SharedServices({
    local: allocators,
    addresses: new AddressClaims(resources.storeOf(IPAddresses)!, objects, clock, logger),
    ports: new NodePortBitmap(store, nodePortRange),
    objects,
    fresh: () => places.fresh(),
    clock,
    logger,
    figures: allocatorMetrics(options.metrics, allocators),
  })
  return { resources, objects, admission, services }
}

const openApiKind = ({ type, message, custom }: Kind): OpenApiKind =>
  custom === undefined ? { type, message } : { type, definition: custom.definition }

interface PathParts {
  readonly security: Security
  readonly resources: Resources
  readonly objects: ObjectReader
  readonly webhooks: WebhookCaller
  readonly front: Front
  readonly traffic: Traffic
  readonly health: Health
  readonly metrics: ServerMetrics
  readonly requestTimeout: number
  readonly connectionBytesPerSecond: number | undefined
  readonly gitVersion: string
  readonly aggregator?: Aggregator
  readonly peers?: Peers
  readonly resourceMetrics?: ResourceMetrics
  ready(): boolean
  /** Where the server listens, for `/api`. */
  address(): string
}

function composePath(options: ApiServerOptions, { objects, address, webhooks, ...parts }: PathParts): RequestPath {
  const { security, resources, aggregator, peers } = parts
  const { clock, random, logger, kubelet = {} } = options
  const { tokenIssuer } = security
  const { featureGates: gates = new FeatureGates() } = options
  const discovery = new Discovery(address, gates.enabled('StorageVersionHash'))
  const isOwn = (type: ResourceType): boolean => aggregator === undefined || !aggregator.isRemote(type)
  const metricsTypes = parts.resourceMetrics === undefined ? [] : RESOURCE_METRICS_TYPES
  const isCustom = (type: ResourceType): boolean => resources.storeOf(type)?.kind.custom !== undefined
  discovery.setTypes(() => [...resources.types, ...metricsTypes].filter(isOwn), isCustom)
  const { registry } = parts.metrics
  tellDiscovery(discovery, registry)
  followDefinitions(objects, registry)
  const openapi = new OpenApi(options.descriptions ?? (() => undefined), clock, gates.enabled('OpenAPIEnums'))
  openapi.setKinds(() => resources.kinds.filter(({ type }) => isOwn(type)).map(openApiKind))
  if (aggregator !== undefined) publishExtensions(aggregator, discovery, openapi)
  if (peers !== undefined) {
    discovery.setPeers(options.serverId ?? '', () => peers.groups())
    peers.listen(() => discovery.changed())
  }
  new CustomResources(resources, webhooks, type => {
    discovery.changed()
    openapi.changed(type)
  }).follow(objects)
  return new RequestPath({
    ...parts,
    discovery,
    openapi,
    statusz: gates.enabled('ComponentStatusz') ? new Statusz(clock, 'apiserver', parts.gitVersion) : undefined,
    flags: gates.enabled('ComponentFlagz') ? (options.flags ?? {}) : undefined,
    ...(options.profiling === undefined ? {} : { profiling: options.profiling }),
    stores: [options, ...(options.elsewhere ?? [])].map(({ store }) => store),
    components: options.components ?? {},
    ...(options.auditor === undefined ? {} : { auditor: options.auditor }),
    ...(options.tracing === undefined ? {} : { tracing: options.tracing }),
    ...(aggregator === undefined ? {} : { aggregator }),
    ...(peers === undefined ? {} : { peers }),
    subresources: {
      resources,
      objects,
      ...(tokenIssuer === undefined ? {} : { tokenIssuer }),
      kubelet,
      dial: options.egress?.cluster,
      featureGates: gates,
      clock,
      random,
      logger,
      metrics: parts.metrics.registry,
    },
    clock,
    random,
    logger,
  })
}

/** Shows in the documents of this server what extension servers serve. */
/** How often which document was asked for. */
function tellDiscovery(discovery: Discovery, registry: MetricsRegistry): void {
  const counted = (name: string, what: string, count: () => number): void =>
    registry.collect(
      'counter',
      `aggregator_discovery_${name}`,
      `[ALPHA] Counter of number of times ${what}`,
      [],
      () => [[[], count()]],
    )
  counted('aggregation_count_total', 'discovery was aggregated', () => discovery.aggregations)
  const served = 'discovery was served from peer-aggregated cache'
  counted('peer_aggregated_cache_hits_total', served, () => discovery.mergedHits)
  const made = 'discovery was aggregated across all API servers'
  counted('peer_aggregated_cache_misses_total', made, () => discovery.mergedMisses)
  const own = 'no-peer (non peer-aggregated) discovery was requested'
  counted('nopeer_requests_total', own, () => discovery.ownAlone)
}

function publishExtensions(aggregator: Aggregator, discovery: Discovery, openapi: OpenApi): void {
  discovery.setAggregation({
    versions: () => aggregator.versions(),
    priorityOf: (group, version) => aggregator.priorityOf(group, version),
  })
  openapi.setExtensions(aggregator)
  aggregator.listen({
    discoveryChanged: () => discovery.changed(),
    openApiChanged: () => openapi.extensionsChanged(),
  })
}
