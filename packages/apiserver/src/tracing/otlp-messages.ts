/** What a collector of spans is sent (opentelemetry-proto, collector/trace/v1 and trace/v1). */
import protobuf from 'protobufjs/light.js'
import type { EndedSpan, SpanAttributes, SpanEvent, SpanKind } from './span.ts'
import type { SpanContext } from './trace-context.ts'

type Field = readonly [id: number, type: string, rule?: 'repeated']

const fields = (all: Record<string, Field>) => ({
  fields: Object.fromEntries(
    Object.entries(all).map(([name, [id, type, rule]]) => [
      name,
      { id, type, ...(rule === undefined ? {} : { rule }) },
    ]),
  ),
})

const root = protobuf.Root.fromJSON({
  nested: {
    AnyValue: {
      oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue'] } },
      ...fields({
        stringValue: [1, 'string'],
        boolValue: [2, 'bool'],
        intValue: [3, 'int64'],
        doubleValue: [4, 'double'],
      }),
    },
    KeyValue: fields({ key: [1, 'string'], value: [2, 'AnyValue'] }),
    Resource: fields({ attributes: [1, 'KeyValue', 'repeated'] }),
    Scope: fields({ name: [1, 'string'], version: [2, 'string'] }),
    Event: fields({ timeUnixNano: [1, 'fixed64'], name: [2, 'string'], attributes: [3, 'KeyValue', 'repeated'] }),
    Link: fields({ traceId: [1, 'bytes'], spanId: [2, 'bytes'], traceState: [3, 'string'], flags: [6, 'fixed32'] }),
    Status: fields({ message: [2, 'string'], code: [3, 'int32'] }),
    Span: fields({
      traceId: [1, 'bytes'],
      spanId: [2, 'bytes'],
      traceState: [3, 'string'],
      parentSpanId: [4, 'bytes'],
      name: [5, 'string'],
      kind: [6, 'int32'],
      startTimeUnixNano: [7, 'fixed64'],
      endTimeUnixNano: [8, 'fixed64'],
      attributes: [9, 'KeyValue', 'repeated'],
      events: [11, 'Event', 'repeated'],
      links: [13, 'Link', 'repeated'],
      status: [15, 'Status'],
      flags: [16, 'fixed32'],
    }),
    ScopeSpans: fields({ scope: [1, 'Scope'], spans: [2, 'Span', 'repeated'] }),
    ResourceSpans: fields({ resource: [1, 'Resource'], scopeSpans: [2, 'ScopeSpans', 'repeated'] }),
    ExportTraceServiceRequest: fields({ resourceSpans: [1, 'ResourceSpans', 'repeated'] }),
    ExportTraceServiceResponse: fields({}),
  },
} as protobuf.INamespace)

/** The method that takes spans. */
export const EXPORT_METHOD = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

const request = root.lookupType('ExportTraceServiceRequest')

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 }
const ERROR = 2
const SCOPE = 'k8s.io/component-base/tracing'

/** One export of `spans`, all of the process that `resource` tells of. */
export function encodeExport(resource: SpanAttributes, spans: readonly EndedSpan[]): Buffer {
  const scopeSpans = [{ scope: { name: SCOPE }, spans: spans.map(spanMessage) }]
  const message = { resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans }] }
  return Buffer.from(request.encode(message).finish())
}

/** The other way round, for collectors in tests. */
export const decodeExport = (bytes: Uint8Array): unknown => request.toObject(request.decode(bytes), { longs: Number })

function spanMessage(span: EndedSpan): object {
  const { name, kind, context, parentSpanId, link, start, end, attributes, events, failed, message } = span
  return {
    ...identity(context),
    ...(parentSpanId === undefined ? {} : { parentSpanId: Buffer.from(parentSpanId, 'hex') }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(end),
    attributes: keyValues(attributes),
    events: events.map(eventMessage),
    ...(link === undefined ? {} : { links: [identity(link)] }),
    ...(failed ? { status: { code: ERROR, message } } : {}),
  }
}

const eventMessage = ({ name, time, attributes = {} }: SpanEvent): object => ({
  timeUnixNano: nanoseconds(time),
  name,
  attributes: keyValues(attributes),
})

function identity({ traceId, spanId, state, sampled }: SpanContext): object {
  return {
    traceId: Buffer.from(traceId, 'hex'),
    spanId: Buffer.from(spanId, 'hex'),
    ...(state === undefined ? {} : { traceState: state }),
    flags: sampled ? 1 : 0,
  }
}

function keyValues(attributes: SpanAttributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isInteger(value) ? { intValue: value } : { doubleValue: value }
}

/** As two halves, since nanoseconds of this century are beyond what a number holds exactly. */
function nanoseconds(milliseconds: number): { low: number; high: number; unsigned: true } {
  const all = BigInt(Math.round(milliseconds * 1000)) * 1000n
  return { low: Number(all & 0xffffffffn), high: Number(all >> 32n), unsigned: true }
}
