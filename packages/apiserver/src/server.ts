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
import type { Clock, Logger, Random } from '@canopus/base'
import type { Transport } from '@canopus/client'
import type { Store } from '@canopus/store'
import { AddressClaims } from './allocators/address-claims.ts'
import { NodePortBitmap } from './allocators/node-port-bitmap.ts'
import { type PortRange, ServiceAllocators } from './allocators/services.ts'
import { SharedServices } from './allocators/shared-services.ts'
import type { Auditor } from './audit/auditor.ts'
import { normalise } from './cache/normalise.ts'
import { WatchCache } from './cache/watch-cache.ts'
import { CustomResources } from './custom-resources/custom-resources.ts'
import { Discovery } from './discovery/discovery.ts'
import { Encoders } from './encoding/encoders.ts'
import { encodeMessage } from './encoding/protobuf.ts'
import { RequestPath } from './filters/request-path.ts'
import { Health, type HealthCheck } from './health/health.ts'
import { inProcessTransport } from './http/in-process.ts'
import { type Listener, type ListenOptions, listen } from './http/listen.ts'
import type { ApiRequest, ApiResponse } from './http/message.ts'
import { Metrics } from './metrics/metrics.ts'
import { OpenApi } from './openapi/openapi.ts'
import { AdmissionChain } from './registry/admission.ts'
import { StoreReader } from './registry/object-reader.ts'
import { Resources } from './registry/resources.ts'
import type { ObjectReader, Security, SecurityFactory, User } from './security.ts'
import type { KubeletCredentials } from './subresources/node-address.ts'
import { createWebhookClient, type WebhookCaller } from './webhook/client.ts'
import { createServiceResolver } from './webhook/service-resolver.ts'

export interface ApiServerOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Kinds that are stored, usually `builtInKinds`. */
  readonly kinds: readonly Kind[]
  /** Kinds that are answered on the spot; default `virtualKinds`. */
  readonly virtualKinds?: readonly Kind[]
  readonly security: SecurityFactory
  /** With which kubelets are called for logs, exec and the like. */
  readonly kubelet?: KubeletCredentials
  /** Address ranges of services, one per family; the first is the default family. Default 10.96.0.0/16. */
  readonly serviceCidr?: string | readonly string[]
  /** Ports for services on every node, both ends included. Default 30000 to 32767. */
  readonly nodePortRange?: PortRange
  /** Sentences for the OpenAPI documents; asked for when a document is first written. */
  readonly descriptions?: () => Descriptions | undefined
  readonly healthChecks?: readonly HealthCheck[]
  /** How webhooks are called; over HTTPS where missing. */
  readonly webhooks?: WebhookCaller
  /** Whom requests are told to; closed with the server. Nothing is audited where missing. */
  readonly auditor?: Auditor
}

export interface ApiServer {
  /** The request path, whatever carries the request. Never rejects but for clients that went away. */
  handle(request: ApiRequest): Promise<ApiResponse>
  /** Requests inside the process under this identity. */
  transport(user: User): Transport
  readonly objects: ObjectReader
  /** Loads the state. Before it, requests are answered with 503. */
  start(): Promise<void>
  /** Serves on a TLS port as well; may be called more than once. */
  listen(options: ListenOptions): Promise<Listener>
  /** Ends watches and listeners. The store stays open: it belongs to the caller. */
  stop(): Promise<void>
}

const LOOPBACK: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { store, clock, random, logger } = options
  const cache = new WatchCache({ store, clock, logger, normalise })
  const handle = (request: ApiRequest): Promise<ApiResponse> => path.handle(request)
  const transport = (user: User): Transport => inProcessTransport(handle, user)
  const { resources, objects, admission, services } = composeResources(options, cache)
  const stopping = new AbortController()
  let repairs: Promise<void> | undefined
  const webhooks = options.webhooks ?? createWebhookClient({ resolver: createServiceResolver(objects, random), clock })
  const security = options.security({ objects, loopback: transport(LOOPBACK), clock, random, logger, webhooks })
  admission.setPlugins(security.admission)
  const listeners = new Set<Listener>()
  let started = false
  const path = composePath(options, {
    security,
    resources,
    objects,
    webhooks,
    ready: () => started,
    address: () => {
      const [first] = listeners
      return first === undefined ? '' : `${first.address}:${first.port}`
    },
  })
  return {
    handle,
    transport,
    objects,
    async start() {
      await cache.start()
      started = true
      repairs = services.run(stopping.signal)
    },
    async listen(listenOptions) {
      const listener = await listen(listenOptions, {
        handle,
        upgrade: (...args) => path.upgrade(...args),
        failed: error => logger.error('an answer could not be sent', { error }),
      })
      listeners.add(listener)
      return listener
    },
    async stop() {
      started = false
      stopping.abort()
      await repairs
      await cache.stop()
      await Promise.all([...listeners].map(listener => listener.close()))
      listeners.clear()
      webhooks.close()
      await options.auditor?.close()
    },
  }
}

/** The registry with what it allocates, and the view of its objects for those who decide by them. */
function composeResources(
  options: ApiServerOptions,
  cache: WatchCache,
): { resources: Resources; objects: ObjectReader; admission: AdmissionChain; services: SharedServices } {
  const { store, clock, random, logger, kinds, virtualKinds = defaultVirtualKinds } = options
  const { serviceCidr = '10.96.0.0/16', nodePortRange = { from: 30000, to: 32767 } } = options
  const ranges = typeof serviceCidr === 'string' ? serviceCidr.split(',') : serviceCidr
  const admission = new AdmissionChain()
  const resources = new Resources({
    context: { store, cache, clock, random, logger, admission, normalise },
    // The services' part is made after the registry, since it reads and writes objects through it.
    hooks: {
      '/services': {
        allocate: (...change) => services.allocate(...change),
        settled: (...change) => services.settled(...change),
      },
    },
    encoders: new Encoders(encodeMessage, clock),
    kinds: kinds.map(kind => (kind.type === CustomResourceDefinitions ? withSchemaValidation(kind) : kind)),
    virtualKinds,
  })
  admission.setServed(kind => resources.servedVersions(kind))
  const objects = new StoreReader((type: ResourceType) => resources.storeOf(type))
  const services = new SharedServices({
    local: new ServiceAllocators(ranges, nodePortRange, random),
    addresses: new AddressClaims(resources.storeOf(IPAddresses)!, objects, clock, logger),
    ports: new NodePortBitmap(store, nodePortRange),
    objects,
    clock,
    logger,
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
  ready(): boolean
  /** Where the server listens, for `/api`. */
  address(): string
}

function composePath(
  options: ApiServerOptions,
  { security, resources, objects, webhooks, ready, address }: PathParts,
): RequestPath {
  const { clock, random, logger, kubelet } = options
  const { tokenIssuer } = security
  const discovery = new Discovery(address)
  discovery.setTypes(() => resources.types)
  const openapi = new OpenApi(options.descriptions ?? (() => undefined))
  openapi.setKinds(() => resources.kinds.map(openApiKind))
  new CustomResources(resources, webhooks, type => {
    discovery.changed()
    openapi.changed(type)
  }).follow(objects)
  return new RequestPath({
    security,
    resources,
    discovery,
    openapi,
    health: new Health([...ownChecks(options.store, ready), ...(options.healthChecks ?? [])]),
    metrics: new Metrics(),
    ...(options.auditor === undefined ? {} : { auditor: options.auditor }),
    subresources: {
      resources,
      objects,
      ...(tokenIssuer === undefined ? {} : { tokenIssuer }),
      ...(kubelet === undefined ? {} : { kubelet }),
      clock,
      random,
      logger,
    },
    clock,
    random,
    logger,
    ready,
  })
}

/** Checks under the names that upstream gave them. */
function ownChecks(store: Store, ready: () => boolean): HealthCheck[] {
  return [
    { name: 'log', scope: 'all', check: () => {} },
    {
      name: 'etcd',
      scope: 'all',
      check: async () => {
        await store.revision()
      },
    },
    {
      name: 'informer-sync',
      scope: 'ready',
      check: () => {
        if (!ready()) throw new Error('the caches are not filled yet')
      },
    },
  ]
}
