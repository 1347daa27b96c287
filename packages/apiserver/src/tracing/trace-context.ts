/** Who a span belongs to, as headers carry it from process to process (W3C Trace Context, Baggage). */
import { type Headers, header } from '../http/message.ts'

export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  readonly sampled: boolean
  /** `tracestate`, passed on as it came. */
  readonly state?: string
  /** `baggage`, passed on as it came. */
  readonly baggage?: string
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** What a request says of the span that it comes from; undefined where it says nothing that can be read. */
export function incomingContext(headers: Headers): SpanContext | undefined {
  const text = header(headers, 'traceparent')
  if (text === undefined) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = TRACEPARENT.exec(text.trim()) ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  const state = header(headers, 'tracestate')
  const baggage = header(headers, 'baggage')
  return {
    traceId,
    spanId,
    sampled: (Number.parseInt(flags, 16) & 1) === 1,
    ...(state ? { state } : {}),
    ...(baggage ? { baggage } : {}),
  }
}

/** The headers by which the next process learns of the span. */
export function outgoingHeaders({ traceId, spanId, sampled, state, baggage }: SpanContext): Record<string, string> {
  return {
    traceparent: `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`,
    ...(state === undefined ? {} : { tracestate: state }),
    ...(baggage === undefined ? {} : { baggage }),
  }
}
