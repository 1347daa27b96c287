/**
 * Group versions that other API servers serve under this one's address (k8s.io/kube-aggregator): an APIService with a
 * Service stands for each, and whatever is asked below `/apis/<group>/<version>` goes to that Service.
 */
import { APIServices } from '@canopus/api'
import type { APIService } from '@canopus/api/apiregistration/v1'
import { isConditionTrue, type ResourceType, StatusError } from '@canopus/apimachinery'
import type { Clock, Logger, MetricsRegistry, Random } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { createClient } from '@canopus/client'
import type { ExternalVersion } from '../discovery/documents.ts'
import type { Dialer } from '../egress/dial.ts'
import { type ApiRequest, type ApiResponse, header, textResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { ObjectReader } from '../security.ts'
import { type Backend, forward } from '../subresources/backend.ts'
import { traceHeaders } from '../tracing/span.ts'
import type { ServiceResolver } from '../webhook/service-resolver.ts'
import { AutoRegister, apiServiceName } from './auto-register.ts'
import { Availability } from './availability.ts'
import { AvailabilityMetrics } from './availability-metrics.ts'
import { ExtensionServers, type ProxyClient } from './extension-servers.ts'
import { localPriority, type Priority } from './priorities.ts'
import { identityHeaders } from './proxy-headers.ts'
import { RemoteDiscovery } from './remote-discovery.ts'
import { type RemoteDocument, RemoteOpenApi } from './remote-openapi.ts'
import type { Swagger } from './swagger.ts'

export interface AggregationOptions {
  /** With which extension API servers are called; asked for anew where it may have been renewed. */
  readonly proxyClient?: () => ProxyClient | undefined
  /** Whether answers that lead elsewhere are passed on; they are not where missing. */
  readonly passesRedirects?: boolean
}

export interface AggregatorContext {
  readonly objects: ObjectReader
  readonly loopback: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The types that the server brings along. */
  readonly builtIn: Iterable<ResourceType>
  readonly metrics: MetricsRegistry
  readonly resolver: ServiceResolver
  /** How extension servers are reached; straight where missing. */
  readonly dial?: Dialer | undefined
}

/** Hears what others serve, so that documents can be made anew. */
export interface AggregatorListeners {
  discoveryChanged(): void
  openApiChanged(): void
}

export class Aggregator {
  readonly #context: AggregatorContext
  readonly #passesRedirects: boolean
  readonly #servers: ExtensionServers
  readonly #registration: AutoRegister
  readonly #availability: Availability
  readonly #discovery: RemoteDiscovery
  readonly #openApi: RemoteOpenApi
  /** APIServices that lead to a Service, by `group/version`. */
  readonly #remote = new Map<string, APIService>()
  readonly #stopping = new AbortController()
  #listeners: AggregatorListeners = { discoveryChanged: () => {}, openApiChanged: () => {} }
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: AggregationOptions, context: AggregatorContext) {
    const { objects, clock, logger, resolver } = context
    const client = createClient(context.loopback, { userAgent: 'kube-apiserver' })
    const find = (name: string): APIService | undefined => objects.get(APIServices, name)
    this.#context = context
    this.#passesRedirects = options.passesRedirects ?? false
    this.#servers = new ExtensionServers(resolver, options.proxyClient ?? (() => undefined), clock, context.dial)
    this.#registration = new AutoRegister({ objects, client, clock, logger, builtIn: context.builtIn })
    const servers = this.#servers
    this.#availability = new Availability({
      ...{ objects, client, clock, logger, servers },
      metrics: new AvailabilityMetrics(context.metrics, objects),
    })
    const discoveryChanged = (): void => this.#listeners.discoveryChanged()
    const openApiChanged = (): void => this.#listeners.openApiChanged()
    this.#discovery = new RemoteDiscovery({ servers, clock, logger, find, changed: discoveryChanged })
    this.#openApi = new RemoteOpenApi({ servers, clock, logger, find, changed: openApiChanged })
  }

  listen(listeners: AggregatorListeners): void {
    this.#listeners = listeners
  }

  /** Registers what this server serves and begins to follow APIServices. The caches must be filled. */
  async start(): Promise<void> {
    const { signal } = this.#stopping
    await this.#registration.start()
    const stop = this.#context.objects.onChange(APIServices, ({ type, object }) =>
      this.follow(object, type === 'deleted'),
    )
    const loops = [this.#registration, this.#availability, this.#discovery, this.#openApi]
    this.#running = Promise.all(loops.map(loop => loop.run(signal))).then(stop)
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the API server is stopping'))
    this.#servers.close()
    await this.#running
  }

  private follow(service: APIService, gone: boolean): void {
    const { group = '', version = '' } = service.spec
    const key = `${group}/${version}`
    const name = service.metadata.name!
    const before = this.#remote.get(key)
    if (gone || service.spec.service === undefined) this.#remote.delete(key)
    else this.#remote.set(key, service)
    if (before !== undefined || this.#remote.has(key)) {
      this.#discovery.touch(name)
      this.#openApi.touch(name)
      if (before === undefined || !this.#remote.has(key)) this.#listeners.openApiChanged()
      if (!this.#remote.has(key)) this.#servers.forget(name)
    }
    this.#listeners.discoveryChanged()
  }

  /** Whether an extension server serves this group version; then nothing of it is served here, not even custom resources. */
  isRemote({ group, version }: { group: string; version: string }): boolean {
    return this.#remote.has(`${group}/${version}`)
  }

  /** Where a group version stands in discovery. */
  priorityOf(group: string, version: string): Priority {
    const spec = this.#context.objects.get(APIServices, apiServiceName(group, version))?.spec
    if (spec === undefined) return localPriority(group, version)
    return { group: spec.groupPriorityMinimum, version: spec.versionPriority }
  }

  /** What extension servers serve, for discovery. */
  versions(): ExternalVersion[] {
    return [...this.#remote.values()].map(service => ({
      group: service.spec.group ?? '',
      document: this.#discovery.versionOf(service),
    }))
  }

  /** OpenAPI v2 documents to be merged with this server's, the most important first. */
  swaggers(): Swagger[] {
    return this.#sorted()
      .map(({ metadata }) => this.#openApi.v2Of(metadata.name!))
      .filter(each => each !== undefined)
  }

  /** OpenAPI v3 documents of extension servers by path (`apis/<group>/<version>`). */
  openApiV3(): Map<string, RemoteDocument> {
    const documents = new Map<string, RemoteDocument>()
    for (const { metadata } of this.#sorted()) {
      for (const [path, document] of this.#openApi.v3Of(metadata.name!)) {
        if (!documents.has(path)) documents.set(path, document)
      }
    }
    return documents
  }

  #sorted(): APIService[] {
    return [...this.#remote.values()].sort(
      ({ spec: a, metadata: { name: left = '' } }, { spec: b, metadata: { name: right = '' } }) =>
        b.groupPriorityMinimum - a.groupPriorityMinimum ||
        b.versionPriority - a.versionPriority ||
        (left < right ? -1 : 1),
    )
  }

  /** Answers a request that an extension server serves; `undefined` for all others. */
  serve(call: Call): Promise<ApiResponse> | undefined {
    const service = this.#serviceOf(call.request.path)
    return service && this.#pass(service, call)
  }

  /** Where an upgrade goes that an extension server serves; an answer where it cannot be reached. */
  upgrade(call: Call): Backend | ApiResponse | undefined {
    const service = this.#serviceOf(call.request.path)
    return service && this.#backend(service, call)
  }

  /** An extension server's OpenAPI v3 document, as the user who asks; `undefined` where nobody has it. */
  openApiDocument(call: Call): Promise<ApiResponse> | ApiResponse | undefined {
    const prefix = '/openapi/v3/'
    if (this.#remote.size === 0 || !call.request.path.startsWith(prefix)) return undefined
    const document = this.openApiV3().get(call.request.path.slice(prefix.length))
    if (document === undefined) return undefined
    if (document.kind === 'converted') {
      return { status: 200, headers: { 'content-type': 'application/json' }, body: document.body }
    }
    const service = this.#context.objects.get(APIServices, document.service)
    return service && this.#pass(service, call)
  }

  #serviceOf(path: string): APIService | undefined {
    if (this.#remote.size === 0 || !path.startsWith('/apis/')) return undefined
    const [group = '', version = ''] = path.slice('/apis/'.length).split('/', 2)
    return this.#remote.get(`${group}/${version}`)
  }

  #backend(service: APIService, { request, user }: Call): Backend | ApiResponse {
    if (!isConditionTrue(service.status?.conditions, 'Available')) return textResponse(503, 'service unavailable\n')
    try {
      return {
        tls: true,
        ...this.#servers.address(service),
        path: request.query === '' ? request.path : `${request.path}?${request.query}`,
        agent: this.#servers.agent(service),
        identity: { ...identityHeaders(user), ...forwardedFor(request), ...traceHeaders() },
      }
    } catch (error) {
      this.#context.logger.error('the server of an APIService cannot be found', { name: service.metadata.name, error })
      return textResponse(503, 'service unavailable\n')
    }
  }

  async #pass(service: APIService, call: Call): Promise<ApiResponse> {
    const backend = this.#backend(service, call)
    if ('status' in backend) return backend
    try {
      const answer = await forward(call.request, backend)
      return this.#passesRedirects ? answer : noRedirect(answer)
    } catch (error) {
      if (error instanceof StatusError && error.code === 503) return textResponse(503, `${error.message}\n`)
      throw error
    }
  }
}

function forwardedFor({ headers, connection }: ApiRequest): Record<string, string> {
  const before = header(headers, 'x-forwarded-for')
  const { remoteAddress } = connection
  return { 'x-forwarded-for': before === undefined ? remoteAddress : `${before}, ${remoteAddress}` }
}

/** An extension server may not send clients, and their credentials, elsewhere. */
function noRedirect(response: ApiResponse): ApiResponse {
  if (response.status < 300 || response.status > 399 || response.headers.location === undefined) return response
  response.stream?.({ write: () => true, end: () => {}, onClose: () => {}, onDrain: () => {}, closed: false })
  return textResponse(502, 'the backend attempted to redirect this request, which is not permitted')
}
