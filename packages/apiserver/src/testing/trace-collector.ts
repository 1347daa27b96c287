/** A collector of spans for tests: OTLP over gRPC, kept in memory. */
import { type Clock, silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import * as grpc from '@grpc/grpc-js'
import { createTracing } from '../tracing/create-tracing.ts'
import { decodeExport, EXPORT_METHOD } from '../tracing/otlp-messages.ts'
import type { Tracing } from '../tracing/tracing.ts'

export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly kind: number
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly error: boolean
  readonly service: unknown
}

export interface TraceCollector {
  /** `host:port`, as configurations have it. */
  readonly endpoint: string
  readonly spans: readonly CollectedSpan[]
  stop(): void
}

interface RawSpan {
  readonly name: string
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId?: Uint8Array
  readonly kind: number
  readonly startTimeUnixNano: number
  readonly endTimeUnixNano: number
  readonly attributes?: readonly RawAttribute[]
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly RawAttribute[] }[]
  readonly links?: readonly { readonly traceId: Uint8Array; readonly spanId: Uint8Array }[]
  readonly status?: { readonly code?: number }
}

interface RawAttribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface RawExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly RawAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[]
  }[]
}

export async function startTraceCollector(): Promise<TraceCollector> {
  const spans: CollectedSpan[] = []
  const server = new grpc.Server()
  server.register(
    EXPORT_METHOD,
    ({ request }: grpc.ServerUnaryCall<RawExport, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      for (const { resource, scopeSpans } of request.resourceSpans) {
        const service = plain(resource.attributes)['service.name']
        for (const each of scopeSpans.flatMap(scope => scope.spans)) spans.push(collected(each, service))
      }
      answer(null, Buffer.alloc(0))
    },
    bytes => bytes,
    bytes => decodeExport(bytes) as RawExport,
    'unary',
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return { endpoint: `127.0.0.1:${port}`, spans, stop: () => server.forceShutdown() }
}

/** A server that ends sends what is left for two seconds at most; here for as long as it takes. */
const patient: Clock = { ...systemClock, setTimer: () => ({ cancel() {} }) }

/** Tracing whose spans, so many of a million requests, are at the collector once the server has stopped. */
export function tracingTo({ endpoint }: TraceCollector, samplingRatePerMillion = 1_000_000): Tracing {
  const configuration = `apiVersion: apiserver.config.k8s.io/v1
kind: TracingConfiguration
endpoint: ${endpoint}
samplingRatePerMillion: ${samplingRatePerMillion}`
  return createTracing({ configuration, instance: 'test', clock: patient, random: systemRandom, logger: silentLogger })
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

const plain = (attributes: readonly RawAttribute[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

function collected(span: RawSpan, service: unknown): CollectedSpan {
  const { name, kind, attributes, events = [], links = [], status } = span
  return {
    name,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    kind,
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    attributes: plain(attributes),
    events: events.map(event => ({ name: event.name, attributes: plain(event.attributes) })),
    links: links.map(link => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
    error: status?.code === 2,
    service,
  }
}
