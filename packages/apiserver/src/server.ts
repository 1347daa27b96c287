/** Composes the API server: what `DESIGN.md` section 2 draws as one box. */
import { type Descriptions, virtualKinds as defaultVirtualKinds, type Kind, schemaOfKind } from '@canopus/api'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { decodeProtobuf, isProtobuf, parseApiVersion, type StructSchema } from '@canopus/apimachinery'
import type { Clock, Logger, Random } from '@canopus/base'
import type { Transport } from '@canopus/client'
import type { Store } from '@canopus/store'
import { type PortRange, ServiceAllocators } from './allocators/services.ts'
import { asBuffer, stampedBytes } from './cache/object-version.ts'
import { WatchCache } from './cache/watch-cache.ts'
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
import type { RegistryContext } from './registry/kind-store.ts'
import { StoreReader } from './registry/object-reader.ts'
import { Resources } from './registry/resources.ts'
import type { ObjectReader, SecurityFactory, User } from './security.ts'
import type { KubeletCredentials } from './subresources/node-address.ts'

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
  const { store, clock, random, logger, kinds } = options
  const cache = new WatchCache({ store, clock, logger, normalise })
  const handle = (request: ApiRequest): Promise<ApiResponse> => path.handle(request)
  const transport = (user: User): Transport => inProcessTransport(handle, user)

  let resources: Resources | undefined
  const objects = new StoreReader((type: ResourceType) => resources?.storeOf(type))
  const context: RegistryContext & { admission: AdmissionChain } = {
    store,
    cache,
    clock,
    random,
    logger,
    admission: new AdmissionChain([]),
    normalise,
  }
  const { serviceCidr = '10.96.0.0/16', nodePortRange = { from: 30000, to: 32767 } } = options
  const ranges = typeof serviceCidr === 'string' ? serviceCidr.split(',') : serviceCidr
  const services = new ServiceAllocators(ranges, nodePortRange, random)
  resources = new Resources({
    context,
    hooks: { '/services': services },
    encoders: new Encoders(encodeMessage, clock),
    kinds,
    virtualKinds: options.virtualKinds ?? defaultVirtualKinds,
  })
  services.follow(objects)
  const security = options.security({ objects, loopback: transport(LOOPBACK), clock, random, logger })
  context.admission.setPlugins(security.admission)
  const listeners = new Set<Listener>()
  const discovery = new Discovery(() => {
    const [first] = listeners
    return first === undefined ? '' : `${first.address}:${first.port}`
  })
  discovery.setTypes(resources.types)
  const started = { done: false }
  const health = new Health([
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
        if (!started.done) throw new Error('the caches are not filled yet')
      },
    },
    ...(options.healthChecks ?? []),
  ])
  const openapi = new OpenApi(options.descriptions ?? (() => undefined))
  openapi.setKinds(resources.kinds)
  const metrics = new Metrics()
  const { authorizer, tokenIssuer } = security
  const subresources = {
    resources,
    objects,
    authorizer,
    ...(tokenIssuer === undefined ? {} : { tokenIssuer }),
    ...(options.kubelet === undefined ? {} : { kubelet: options.kubelet }),
    clock,
    random,
    logger,
  }
  const ready = (): boolean => started.done
  const path = new RequestPath({
    security,
    resources,
    discovery,
    health,
    clock,
    random,
    logger,
    subresources,
    openapi,
    metrics,
    ready,
  })
  return {
    handle,
    transport,
    objects,
    async start() {
      await cache.start()
      started.done = true
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
      started.done = false
      await cache.stop()
      await Promise.all([...listeners].map(listener => listener.close()))
      listeners.clear()
    },
  }
}

/** Stored bytes that another API server wrote (no revision inside, or protobuf) as our own form. */
function normalise(bytes: Uint8Array, revision: number): Uint8Array {
  const object = isProtobuf(bytes)
    ? (decodeProtobuf(schemaOf, bytes) as unknown as KubeObject)
    : (JSON.parse(asBuffer(bytes).toString()) as KubeObject)
  return stampedBytes({ ...object, metadata: object.metadata ?? {} }, revision)
}

function schemaOf(apiVersion: string, kind: string): StructSchema {
  const schema = schemaOfKind({ ...parseApiVersion(apiVersion), kind })
  if (schema === undefined) throw new Error(`no kind ${kind} in version ${apiVersion}`)
  return schema
}
