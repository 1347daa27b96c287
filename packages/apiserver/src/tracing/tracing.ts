/** The spans of requests (k8s.io/apiserver/pkg/endpoints/filters/traces.go, pkg/server/options/tracing.go). */
import { apiVersionOf } from '@canopus/apimachinery'
import type { Clock, Random } from '@canopus/base'
import type { RequestInfo } from '../filters/request-info.ts'
import { type ApiRequest, header } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { User } from '../security.ts'
import type { TracingConfiguration } from './configuration.ts'
import {
  currentContext,
  type EndedSpan,
  type RequestFacts,
  Span,
  type SpanAttributes,
  type SpanMaker,
  traced,
} from './span.ts'
import { incomingContext, type SpanContext } from './trace-context.ts'

/** Where spans go once they are over. */
export interface SpanSink {
  export(span: EndedSpan): void
  close(): Promise<void>
}

export interface TracingOptions {
  readonly configuration: Pick<TracingConfiguration, 'samplingRatePerMillion'>
  readonly sink: SpanSink
  readonly clock: Clock
  readonly random: Random
}

/** Callers of these groups decide about sampling, and their spans are the parents of those here. */
const TRUSTED: ReadonlySet<string> = new Set(['system:masters', 'system:monitoring'])
const MILLION = 1_000_000

/** Opens the span of a request, where the request is to be traced. */
export class Tracing implements SpanMaker {
  readonly #options: TracingOptions
  readonly #zero: number

  constructor(options: TracingOptions) {
    this.#options = options
    this.#zero = options.clock.now() - options.clock.monotonic()
  }

  /**
   * The span of a request by `user` that came at `start` (by the monotonic clock). Where it is not sampled, what has to be
   * passed on all the same.
   */
  open(request: ApiRequest, info: RequestInfo, user: User, auditId: string, start: number): Span | SpanContext {
    const remote = incomingContext(request.headers) ?? (request.user === undefined ? undefined : currentContext())
    const parent = user.groups.some(group => TRUSTED.has(group)) ? remote : undefined
    const sampled = parent?.sampled ?? this.#options.random.next() * MILLION < this.rate
    const context: SpanContext = {
      ...(parent?.state === undefined ? {} : { state: parent.state }),
      ...(remote?.baggage === undefined ? {} : { baggage: remote.baggage }),
      traceId: parent?.traceId ?? this.randomHex(4),
      spanId: this.newSpanId(),
      sampled,
    }
    if (!sampled) return context
    const facts = factsOf(request, info, auditId.slice(0, MOST_AUDIT_ID))
    return new Span(this, {
      name: spanName(request, info),
      kind: 'server',
      context,
      request: facts,
      start: this.#zero + start,
      attributes: requestAttributes(request, facts.auditId),
      parentSpanId: parent?.spanId,
      link: parent === undefined ? remote : undefined,
    })
  }

  newSpanId(): string {
    return this.randomHex(2)
  }

  now(): number {
    return this.#zero + this.#options.clock.monotonic()
  }

  ended(span: EndedSpan): void {
    this.#options.sink.export(span)
  }

  /** Sends what is left. */
  close(): Promise<void> {
    return this.#options.sink.close()
  }

  private get rate(): number {
    return this.#options.configuration.samplingRatePerMillion
  }

  /** So many times eight hexadecimal digits, not all of them zero. */
  private randomHex(count: number): string {
    const { random } = this.#options
    let text = ''
    for (let index = 0; index < count; index++) {
      text += Math.floor(random.next() * 0xffff_ffff)
        .toString(16)
        .padStart(8, '0')
    }
    return /[1-9a-f]/.test(text) ? text : `${text.slice(0, -1)}1`
  }
}

/** `GET /api/v1/namespaces/{:namespace}/pods/{:name}`: the same for all requests of a kind. */
export function spanName({ method }: ApiRequest, info: RequestInfo): string {
  if (!info.isResourceRequest) return method
  const group = info.group === '' ? '' : `/${info.group}`
  const namespace = info.namespace === '' ? '' : '/namespaces/{:namespace}'
  const name = info.name === '' ? '' : '/{:name}'
  const subresource = info.subresource === '' ? '' : `/${info.subresource}`
  return `${method} /${info.prefix}${group}/${info.version}${namespace}/${info.resource}${name}${subresource}`
}

function requestAttributes(request: ApiRequest, auditId: string): SpanAttributes {
  const { method, path, query, headers, connection, http2 } = request
  const agent = header(headers, 'user-agent')
  return {
    'http.request.method': method,
    'url.scheme': 'https',
    'url.path': path,
    'http.target': query === '' ? path : `${path}?${query}`,
    'server.address': header(headers, 'host') ?? header(headers, ':authority') ?? '',
    'network.peer.address': connection.remoteAddress,
    'network.protocol.version': http2 === true ? '2' : '1.1',
    ...(agent === undefined ? {} : { 'user_agent.original': agent }),
    'audit-id': auditId,
  }
}

const MOST_AUDIT_ID = 64
/** Handlers by verb: their spans lie in that of the request. */
const HANDLERS: Readonly<Record<string, string>> = {
  get: 'Get',
  list: 'List',
  create: 'Create',
  update: 'Update',
  patch: 'Patch',
  delete: 'Delete',
  deletecollection: 'Delete',
}

/** The name of the span inside which a resource is served; watches see to their own. */
const handlerSpan = ({ verb }: RequestInfo): string | undefined => HANDLERS[verb]

/** Does the work of a handler in a span of its own. */
export function inHandlerSpan<T>({ request, info }: Pick<Call, 'request' | 'info'>, serve: () => T): T {
  const name = handlerSpan(info)
  return name === undefined
    ? serve()
    : traced(name, 'internal', parent => handlerAttributes(request, info, parent), serve)
}

function factsOf({ method, path, http2 }: ApiRequest, info: RequestInfo, auditId: string): RequestFacts {
  const groupVersion = info.isResourceRequest ? apiVersionOf(info) : ''
  return { auditId, method, url: path, protocol: http2 === true ? 'HTTP/2.0' : 'HTTP/1.1', groupVersion }
}

/** pkg/endpoints/handlers/trace_util.go */
export function handlerAttributes(
  request: ApiRequest,
  info: RequestInfo,
  { request: { auditId, protocol } }: Span,
): SpanAttributes {
  const { headers, connection } = request
  return {
    accept: header(headers, 'accept') ?? '',
    'audit-id': auditId,
    client: connection.remoteAddress,
    'api-group': info.group,
    'api-version': info.version,
    name: info.name,
    subresource: info.subresource,
    namespace: info.namespace,
    protocol,
    resource: info.resource,
    scope: info.name !== '' ? 'resource' : info.namespace !== '' ? 'namespace' : 'cluster',
    url: info.path,
    'user-agent': (header(headers, 'user-agent') ?? '').slice(0, 1024),
    verb: info.verb,
  }
}

/**
 * What a request runs in: its span; where nothing is traced here, what its client said of his, so that it is passed on; else
 * nothing.
 */
export function openSpan(
  tracing: Tracing | undefined,
  request: ApiRequest,
  info: RequestInfo,
  user: User,
  auditId: () => string,
  start: number,
): Span | SpanContext | undefined {
  if (tracing !== undefined) return tracing.open(request, info, user, auditId(), start)
  return request.headers.traceparent === undefined ? undefined : incomingContext(request.headers)
}
