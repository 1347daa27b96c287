/** The way of a request: who, may they, what is it, do it; and whatever goes wrong becomes a Status. */
import type { IncomingMessage } from 'node:http'
import type { Duplex, Transform } from 'node:stream'
import { type Kind, Pods } from '@canopus/api'
import {
  internalError,
  methodNotAllowedError,
  methodNotSupportedError,
  pathNotFoundError,
  StatusError,
  serviceUnavailableError,
  UnreadableRawError,
} from '@canopus/apimachinery'
import { type Clock, type Logger, messageOf, type Random } from '@canopus/base'
import { CompactedError, type Store } from '@canopus/store'
import type { Aggregator } from '../aggregation/aggregator.ts'
import type { Auditor } from '../audit/auditor.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { checkRoute } from '../encoding/negotiate.ts'
import { TooManyRequests } from '../flow-control/flow-control.ts'
import type { Health } from '../health/health.ts'
import { type ApiRequest, type ApiResponse, BodyAborted, header, textResponse } from '../http/message.ts'
import { respondToUpgrade } from '../http/web-socket.ts'
import type { RequestSeries } from '../metrics/request-metrics.ts'
import type { ServerMetrics } from '../metrics/server-metrics.ts'
import type { OpenApi } from '../openapi/openapi.ts'
import type { Peers } from '../peers/peers.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import type { Resources } from '../registry/resources.ts'
import { errorResponse } from '../registry/respond.ts'
import type { ResourceMetrics } from '../resource-metrics/resource-metrics.ts'
import { type ComponentHealth, probeComponent } from '../reviews/component-probe.ts'
import { serveComponentStatuses } from '../reviews/component-status.ts'
import { isReview, serveReview } from '../reviews/reviews.ts'
import type { Authorizer, Maybe, Security, User } from '../security.ts'
import { type Backend, splice } from '../subresources/backend.ts'
import { type SubresourceContext, serveBinding, subresourceHandler, upgradeBackend } from '../subresources/index.ts'
import { throttle } from '../subresources/throttle.ts'
import { inHandlerSpan, openSpan, type Tracing } from '../tracing/tracing.ts'
import type { FlagValues } from '../zpages/flagz.ts'
import type { ProfilingOptions } from '../zpages/profiling.ts'
import type { Statusz } from '../zpages/statusz.ts'
import { AdmittedCall } from './admitted-call.ts'
import { AuditIds } from './audit-ids.ts'
import { authenticate } from './authentication.ts'
import { authorize, RefusedError } from './authorization.ts'
import { compressed } from './compression.ts'
import { DeadlineExceeded, timeoutOf, withDeadline } from './deadline.ts'
import { isRoutedDocument, serveDocument } from './documents.ts'
import type { Front } from './front.ts'
import { Impersonation } from './impersonation.ts'
import { Latencies, measured } from './latencies.ts'
import { isLongRunning } from './long-running.ts'
import { isBroken, type RequestInfo, UnknownTargetError } from './request-info.ts'
import { Routes } from './routes.ts'
import type { Traffic } from './traffic.ts'
import { Trip } from './trip.ts'
import { withWarnings } from './warnings.ts'

export interface RequestPathOptions {
  readonly security: Security
  readonly resources: Resources
  readonly discovery: Discovery
  readonly health: Health
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly subresources: SubresourceContext
  readonly openapi: OpenApi
  readonly metrics: ServerMetrics
  readonly traffic: Traffic
  readonly front: Front
  /** Of each connection that was joined with another, in each direction; 0 or missing: no limit. */
  readonly connectionBytesPerSecond?: number | undefined
  /** Milliseconds that a request has which is not meant to last. */
  readonly requestTimeout: number
  /** What `/version` says. */
  readonly gitVersion: string
  /** Missing where there is no such page. */
  readonly statusz: Statusz | undefined
  /** With which flags the server runs; missing where nobody is told. */
  readonly flags: FlagValues | undefined
  /** By what `/debug/pprof` is answered; missing where there is none. */
  readonly profiling?: ProfilingOptions
  /** Where other components of the control plane say how they are, by name: URLs. */
  readonly components: Readonly<Record<string, string>>
  /** Where objects are stored: they say how they are, too. */
  readonly stores: readonly Pick<Store, 'revision'>[]
  /** Whom requests are told to; missing where nothing is audited. */
  readonly auditor?: Auditor
  /** Opens the spans of requests; missing where nothing is traced. */
  readonly tracing?: Tracing
  /** Passes on what extension API servers serve. */
  readonly aggregator?: Aggregator
  /** Passes on what other API servers of the cluster serve; missing where they are not asked. */
  readonly peers?: Peers
  /** What nodes and pods use; missing where no kubelets are called. */
  readonly resourceMetrics?: ResourceMetrics
  /** Whether the caches are filled. */
  ready(): boolean
}

/** The server itself (k8s.io/apiserver/pkg/authentication/user: APIServerUser). */
const isServer = ({ name, groups }: User): boolean =>
  name === 'system:apiserver' && groups?.includes('system:masters') === true

export class RequestPath {
  readonly #options: RequestPathOptions
  readonly #auditIds: AuditIds
  readonly #impersonation: Impersonation
  readonly #compresses: boolean
  readonly #routes = new Routes()
  /** What is left of requests that are answered. */
  #closing: (() => void)[] = []
  /** The authorizer, whose answers are counted. */
  readonly #authorizer: Authorizer

  constructor(options: RequestPathOptions) {
    this.#options = options
    this.#auditIds = new AuditIds(options.random)
    this.#authorizer = options.metrics.access.counted(options.security.authorizer)
    const gates = options.subresources.featureGates
    const isConstrained = gates.enabled('ConstrainedImpersonation')
    this.#impersonation = new Impersonation(options.security.authorizer, options.metrics.impersonation, isConstrained)
    this.#compresses = gates.enabled('APIResponseCompression')
  }

  async handle(request: ApiRequest): Promise<ApiResponse> {
    const { clock, front, metrics } = this.#options
    if (isBroken(request.path)) return UNREADABLE
    const early = front.answer(request)
    if (early !== undefined) return this.finish(request, early, undefined)
    const trip = new Trip(clock.monotonic())
    let response: ApiResponse
    let failed = false
    try {
      const admitted = this.admit(request, trip)
      const answer = this.answered(admitted instanceof Promise ? await admitted : admitted, trip)
      response = answer instanceof Promise ? await answer : answer
    } catch (error) {
      const broken = error instanceof UnreadableRawError
      if (broken && trip.audit !== undefined) await trip.audit.panicked(error)
      if (broken || error instanceof BodyAborted) {
        trip.leave(clock.monotonic())
        trip.endSpan()
        throw error
      }
      response = trip.within(() => this.failure(request, error, trip))
      failed = error instanceof StatusError
      if (trip.audit !== undefined && !isForeseen(error)) await trip.audit.panicked(error)
    }
    if (trip.audit !== undefined) response = await trip.audit.respond(response, failed)
    const warned = withWarnings(response, trip.warnings)
    response = this.#compresses ? compressed(request, warned) : warned
    // Who asks in this process may look at the books at once.
    const later = request.user === undefined ? this.closeLater : undefined
    return this.finish(request, trip.end(response, metrics.requests, clock, request, later), trip)
  }

  /** Does what is left of requests when the answers of this turn have left. */
  private readonly closeLater = (work: () => void): void => {
    if (this.#closing.push(work) === 1) setImmediate(() => this.closeBooks())
  }

  private closeBooks(): void {
    const all = this.#closing
    this.#closing = []
    for (const each of all) {
      try {
        each()
      } catch (error) {
        // It has been answered: nobody else would hear of it.
        this.#options.logger.error('what a request was could not be counted', { error })
      }
    }
  }

  private answered(call: Call, trip: Trip): Maybe<ApiResponse> {
    const work = trip.within(() => this.dispatch(call))
    return work instanceof Promise && trip.hasDeadline ? this.inTime(trip, work) : work
  }

  /**
   * Upgrades over HTTP/1.1. Exec, attach, port-forward and proxied ones: joins the connection with the one behind. All others are
   * answered here: watches and logs over WebSocket, the rest as if no upgrade had been asked for.
   */
  async upgrade(request: ApiRequest, message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { clock, front, metrics } = this.#options
    const trip = new Trip(clock.monotonic())
    let answer = isBroken(request.path) ? UNREADABLE : front.answer(request)
    let series: RequestSeries | undefined
    try {
      if (answer === undefined) {
        const call = await this.admit(request, trip)
        series = trip.seriesOf(metrics.requests, request)
        series.longRunning++
        const backend = trip.within(() => this.#options.aggregator?.upgrade(call)) ?? (await this.ownBackend(call))
        if (backend === undefined) answer = await this.answered(call, trip)
        else answer = 'status' in backend ? backend : await splice(message, backend, socket, head, this.slowed())
      }
    } catch (error) {
      answer = this.failure(request, error, trip)
    }
    if (series !== undefined) series.longRunning--
    if (answer !== undefined) {
      if (trip.audit !== undefined) answer = await trip.audit.respond(answer)
      answer = trip.end(withWarnings(answer, trip.warnings), metrics.requests, clock, request)
      respondToUpgrade(message, socket, head, this.finish(request, answer, trip), trip.info?.verb === 'watch')
      return
    }
    trip.end({ status: 101, headers: {} }, metrics.requests, clock, request)
    await trip.audit?.upgraded(101, listener => whenClosed(socket, listener))
  }

  private slowed(): (() => Transform) | undefined {
    const { clock, connectionBytesPerSecond: limit = 0 } = this.#options
    return limit > 0 ? () => throttle(limit, clock) : undefined
  }

  private async ownBackend(call: Call): Promise<Backend | undefined> {
    const endpoint = this.endpointOf(call)
    if (endpoint === undefined) return this.isVirtual(call) ? undefined : this.#options.peers?.upgrade(call)
    const facts = endpoint.kind.type.subresources[call.info.subresource]
    if (facts !== undefined) checkVerb(call, endpoint, facts.verbs)
    return upgradeBackend(this.#options.subresources, endpoint, call)
  }

  /**
   * Authentication, impersonation, its turn, and authorisation. Step by step rather than in one async function: mostly there is
   * nothing to wait for, and a promise for each question costs more than the answers.
   */
  private admit(request: ApiRequest, trip: Trip): Maybe<Call> {
    const { requestTimeout, auditor } = this.#options
    const info = this.#routes.infoOf(request.method, request.path, request.query)
    trip.info = info
    if (auditor !== undefined && info.verb !== 'watch') trip.latencies = new Latencies(this.#options.clock)
    const audit = auditor?.open(request, info, this.auditId(request, trip), trip.latencies)
    trip.audit = audit
    trip.longRunning = isLongRunning(info)
    trip.timeout = trip.longRunning ? Number.POSITIVE_INFINITY : timeoutOf(info, requestTimeout)
    let user: Maybe<User>
    try {
      user =
        trip.latencies === undefined
          ? this.authenticated(request, trip)
          : trip.latencies.measure('authentication', () => this.authenticated(request, trip))
    } catch (error) {
      audit?.unauthenticated()
      throw error
    }
    if (!(user instanceof Promise)) return this.act(request, info, trip, user)
    return user.then(
      found => this.act(request, info, trip, found),
      error => {
        audit?.unauthenticated()
        throw error
      },
    )
  }

  /** Under whose name the user acts. */
  private act(request: ApiRequest, info: RequestInfo, trip: Trip, user: User): Maybe<Call> {
    const begun = this.#options.clock.monotonic()
    const kept = trip.audit?.begin(user)
    if (kept instanceof Promise) return kept.then(() => this.actAs(request, info, trip, user, begun))
    return this.actAs(request, info, trip, user, begun)
  }

  private actAs(request: ApiRequest, info: RequestInfo, trip: Trip, user: User, audited: number): Maybe<Call> {
    const { clock, metrics } = this.#options
    const begun = clock.monotonic()
    metrics.access.passed('audit', begun - audited)
    const acting = this.#impersonation.acting(request, info, user)
    if (acting === undefined) {
      metrics.access.passed('constrainedimpersonation', clock.monotonic() - begun)
      return this.enter(request, info, trip, user, user)
    }
    return Promise.resolve(measured(trip.latencies, 'impersonation', () => acting)).then(
      ({ user: own, constraint }) => {
        metrics.access.passed('constrainedimpersonation', clock.monotonic() - begun)
        trip.audit?.impersonates(own, constraint)
        return this.enter(request, info, trip, user, own)
      },
    )
  }

  /** Waits for its turn. */
  private enter(request: ApiRequest, info: RequestInfo, trip: Trip, user: User, own: User): Maybe<Call> {
    const { traffic, requestTimeout, tracing } = this.#options
    trip.isOwn = isServer(own)
    trip.span = openSpan(tracing, request, info, user, () => this.auditId(request, trip), trip.start)
    const place = traffic.admit(own, info, trip.longRunning ? requestTimeout : trip.timeout, request)
    if (!(place instanceof Promise)) {
      trip.place = place
      return this.permit(request, info, trip, own)
    }
    return place.then(found => {
      trip.place = found
      if (found.waited !== undefined) trip.latencies?.add('apf-queue-wait', found.waited)
      if (request.gone?.() === true) throw new BodyAborted()
      return this.permit(request, info, trip, own)
    })
  }

  private permit(request: ApiRequest, info: RequestInfo, trip: Trip, own: User): Maybe<Call> {
    const { security, clock, metrics } = this.#options
    const authorizer = this.#authorizer
    metrics.access.passed('priorityandfairness', trip.place?.waited ?? 0)
    const { audit } = trip
    const call = new AdmittedCall(request, info, own, trip, security.authorizer, clock)
    const { span, latencies } = trip
    const ask = (): Maybe<void> => authorize(authorizer, own, info, audit)
    const allowed =
      latencies === undefined && span === undefined
        ? authorize(authorizer, own, info, audit)
        : trip.within(() => measured(latencies, 'authorization', ask))
    return allowed instanceof Promise ? allowed.then(() => call) : call
  }

  private authenticated(request: ApiRequest, { audit, warnings }: Trip): Maybe<User> {
    const { security, metrics, clock } = this.#options
    const { access } = metrics
    const begun = clock.monotonic()
    try {
      const user = authenticate(security.authenticator, request, audit, warnings)
      if (!(user instanceof Promise)) {
        access.authenticated(user, request.connection, begun)
        return user
      }
      return user.then(
        found => {
          access.authenticated(found, request.connection, begun)
          return found
        },
        error => {
          access.failed(error, begun)
          throw error
        },
      )
    } catch (error) {
      access.failed(error, begun)
      throw error
    }
  }

  /** The work goes on after its deadline, and keeps its place until it is done. */
  private inTime(trip: Trip, work: Promise<ApiResponse>): Promise<ApiResponse> {
    const { clock } = this.#options
    const left = trip.timeout - (clock.monotonic() - trip.start)
    return withDeadline(clock, left, work, () => {
      trip.work = work
    })
  }

  private dispatch(call: Call): Maybe<ApiResponse> {
    const { info } = call
    const { ready, subresources, aggregator } = this.#options
    const passed = aggregator?.serve(call)
    if (passed !== undefined) return passed
    // Whatever it asks for, no route begins so.
    if (call.request.path.startsWith('//')) return notFoundPage()
    if (!info.isResourceRequest) return this.document(call)
    if (!ready()) throw serviceUnavailableError('the server is starting: its caches are not filled yet')
    const endpoint = this.endpointOf(call)
    if (endpoint === undefined) return this.withoutEndpoint(call)
    // Nothing lies behind a subresource but what a proxy leads to; custom objects do not look at it.
    if (info.rest.length > 0 && info.subresource !== 'proxy' && endpoint.kind.custom === undefined) {
      return this.noRoute(call)
    }
    if (info.subresource === '') {
      this.noteDeprecation(endpoint.kind, call)
      if (isRefused(call, endpoint)) throw methodNotAllowedError()
      return inHandlerSpan(call, () => endpoint.serve(call))
    }
    const handler = subresourceHandler(endpoint, info.subresource)
    const facts = endpoint.kind.type.subresources[info.subresource]
    if (handler === undefined || facts === undefined) {
      if (endpoint.kind.custom !== undefined) throw endpoint.store.notFound(info.name)
      return this.noRoute(call)
    }
    this.noteDeprecation(endpoint.kind, call)
    checkVerb(call, endpoint, facts.verbs)
    if (endpoint.kind.custom === undefined && !FREE.has(info.subresource)) checkRoute(call.request.headers, false)
    return inHandlerSpan(call, () => handler(subresources, endpoint, call))
  }

  /** What is not stored here: figures, reviews and the like, or what another server has. */
  private withoutEndpoint(call: Call): Maybe<ApiResponse> {
    const { resourceMetrics, peers } = this.#options
    const passed = resourceMetrics?.serve(call)
    if (passed !== undefined) return passed
    return (this.isVirtual(call) ? undefined : peers?.serve(call)) ?? this.virtual(call)
  }

  private isVirtual({ info }: Call): boolean {
    return this.#options.resources.virtual(info.group, info.version, info.resource) !== undefined
  }

  private noteDeprecation({ deprecation }: Kind, { info, audit }: Call): void {
    if (deprecation === undefined) return
    this.#options.metrics.deprecatedApi(info)
    audit?.annotate('k8s.io/deprecated', 'true')
  }

  /** Kinds that are not stored: reviews, bindings, component statuses. */
  private async virtual(call: Call): Promise<ApiResponse> {
    const { resources, security, clock, subresources } = this.#options
    const { info } = call
    const kind = resources.virtual(info.group, info.version, info.resource)
    if (kind === undefined || info.subresource !== '' || kind.type.namespaced !== (info.namespace !== '')) {
      return this.noRoute(call)
    }
    // What can only be created has no path of its own.
    if (info.name !== '' && !kind.type.verbs.includes('get')) return this.noRoute(call)
    if (!kind.type.verbs.includes(info.verb) || call.request.method === 'HEAD') {
      throw methodNotAllowedError()
    }
    checkRoute(call.request.headers, false)
    const { admission } = resources.context
    this.noteDeprecation(kind, call)
    if (isReview(kind)) return inHandlerSpan(call, () => serveReview({ security, clock, admission }, kind, call))
    if (kind.type.plural === 'bindings') {
      const pods = resources.endpoint('', 'v1', Pods.plural)!
      return inHandlerSpan(call, () => serveBinding(subresources, pods, call, kind))
    }
    const { encoders } = resources
    const components = this.components()
    return inHandlerSpan(call, () => serveComponentStatuses({ encoders, components }, kind, call))
  }

  private components(): Readonly<Record<string, () => Promise<ComponentHealth>>> {
    const { components, stores } = this.#options
    const healthOf = async (store: Pick<Store, 'revision'>): Promise<ComponentHealth> => {
      try {
        await store.revision()
        return { healthy: true, message: 'ok' }
      } catch (error) {
        return { healthy: false, error: messageOf(error) }
      }
    }
    const others = Object.entries(components).map(([name, url]) => [name, () => probeComponent(url)] as const)
    const own = stores.map((store, index) => [`etcd-${index}`, () => healthOf(store)] as const)
    return Object.fromEntries([...others, ...own])
  }

  private endpointOf({ info }: Call): Endpoint | undefined {
    if (!info.isResourceRequest) return undefined
    const endpoint = this.#options.resources.endpoint(info.group, info.version, info.resource)
    if (endpoint === undefined || !misplaced(endpoint.kind.type.namespaced, info)) return endpoint
    // The collection of all namespaces can be read and nothing else; of custom objects there is none for other verbs.
    if (endpoint.kind.type.namespaced && info.name === '' && endpoint.kind.custom === undefined) {
      throw methodNotAllowedError()
    }
    return undefined
  }

  private async document(call: Call): Promise<ApiResponse> {
    // The metrics may be asked for.
    this.closeBooks()
    return (await serveDocument(this.#options, call)) ?? this.noRoute(call)
  }

  /** The built-in groups have routers of their own, which say it with a Status. */
  private noRoute({ request }: Call): ApiResponse {
    const group = /^\/api\/./.test(request.path) ? '' : /^\/apis\/([^/]+)/.exec(request.path)?.[1]
    const routed = group === undefined ? isRoutedDocument(request.path) : this.#options.resources.isBuiltIn(group)
    return routed ? errorResponse(request, pathNotFoundError()) : notFoundPage()
  }

  private failure(request: ApiRequest, error: unknown, trip: Trip): ApiResponse {
    if (error instanceof TooManyRequests) {
      trip.terminated = true
      const { flow, retryAfter, message } = error
      return textResponse(429, `${message}\n`, { ...flow?.headers, 'retry-after': String(retryAfter) })
    }
    if (error instanceof DeadlineExceeded) return error.response
    if (error instanceof RefusedError)
      return withHeader(errorResponse(request, error), 'x-content-type-options', 'nosniff')
    if (error instanceof StatusError) return errorResponse(request, error)
    if (error instanceof UnknownTargetError) return textResponse(500, `${error.message}\n`)
    if (error instanceof CompactedError) {
      const message = 'the requested revision is no longer there'
      return errorResponse(request, new StatusError({ code: 410, reason: 'Expired', message }))
    }
    this.#options.logger.error('a request failed', { method: request.method, path: request.path, error })
    const problem = internalError(messageOf(error))
    return errorResponse(request, problem)
  }

  private auditId(request: ApiRequest, trip: Trip | undefined): string {
    if (trip === undefined) return header(request.headers, 'audit-id') || this.#auditIds.next()
    trip.auditId ??= header(request.headers, 'audit-id') || this.#auditIds.next()
    return trip.auditId
  }

  private finish(request: ApiRequest, response: ApiResponse, trip: Trip | undefined): ApiResponse {
    const headers: Record<string, string | string[]> = {
      'audit-id': this.auditId(request, trip),
      'cache-control': 'no-cache, private',
    }
    // One by one, which costs half of what spreading them does.
    addHeaders(headers, this.#options.front.headers(request))
    if (trip?.place?.headers !== undefined) addHeaders(headers, trip.place.headers)
    addHeaders(headers, response.headers)
    const { status, body, bodyLater, length, gzip, stream, sent } = response
    // Written out: spreading an object of optional members costs several times as much.
    if (length === undefined && gzip === undefined && stream === undefined && sent === undefined && body !== undefined)
      return { status, headers, body }
    if (bodyLater !== undefined) return { status, headers, bodyLater }
    return { ...response, headers }
  }
}

const withHeader = (response: ApiResponse, name: string, value: string): ApiResponse => ({
  ...response,
  headers: { ...response.headers, [name]: value },
})

function addHeaders(to: Record<string, string | string[]>, from: ApiResponse['headers']): void {
  for (const name in from) to[name] = from[name]!
}

/** Whether an error is an answer rather than a fault of the server. */
const isForeseen = (error: unknown): boolean =>
  error instanceof StatusError ||
  error instanceof UnknownTargetError ||
  error instanceof CompactedError ||
  error instanceof TooManyRequests

function whenClosed(socket: Duplex, listener: () => void): void {
  if (socket.destroyed) listener()
  else socket.once('close', listener)
}

/** Namespaced objects have no path outside their namespace, and the other way round. */
function misplaced(namespaced: boolean, info: RequestInfo): boolean {
  if (!namespaced) return info.namespace !== '' && !(info.resource === 'namespaces' && info.name === info.namespace)
  return info.namespace === '' && info.verb !== 'list' && info.verb !== 'watch'
}

/**
 * No route of a built-in resource takes HEAD, though it is authorized as GET, and the old paths of watches take GET alone; custom resources
 * go by the verb.
 */
function isRefused({ request: { method }, info: { verb } }: Call, { kind }: Endpoint): boolean {
  return kind.custom === undefined && (method === 'HEAD' || (verb === 'watch' && method !== 'GET'))
}

/** Whether there is a route with this method to the subresource. Throws StatusError 405. */
function checkVerb(call: Call, endpoint: Endpoint, verbs: readonly string[]): void {
  const { verb } = call.info
  if ((verbs.includes(verb) && !isRefused(call, endpoint)) || isProxied(call)) return
  if (endpoint.kind.custom === undefined) throw methodNotAllowedError()
  throw methodNotSupportedError(endpoint.store.target(''), verb)
}

/** What answers with something else than objects, in any form. */
const FREE: ReadonlySet<string> = new Set(['proxy', 'exec', 'attach', 'portforward', 'log'])

/** Proxies pass on every method that there is a verb for, and the question for what is there. */
const isProxied = ({ request: { method }, info: { subresource, verb } }: Call): boolean =>
  subresource === 'proxy' && (verb !== '' || method === 'OPTIONS')

/** Go's server says so before anybody looks at the request. */
const UNREADABLE: ApiResponse = {
  status: 400,
  headers: { 'content-type': 'text/plain; charset=utf-8', connection: 'close' },
  body: new TextEncoder().encode('400 Bad Request'),
}

export function notFoundPage(): ApiResponse {
  return textResponse(404, '404 page not found\n')
}
