/** One request from its arrival to its answer: what the filters note about it, and the books that are closed at its end. */
import type { Clock } from '@canopus/base'
import type { RequestAudit } from '../audit/request-audit.ts'
import { type ApiRequest, type ApiResponse, bodyLength, header, type StreamSink } from '../http/message.ts'
import type { RequestMetrics, RequestSeries } from '../metrics/request-metrics.ts'
import { Span, within } from '../tracing/span.ts'
import type { SpanContext } from '../tracing/trace-context.ts'
import { Latencies, type Layer } from './latencies.ts'
import type { RequestInfo } from './request-info.ts'
import type { Place } from './traffic.ts'

const LONGEST_WRITE = 34_000
const atOnce = (work: () => void): void => work()
const WRITES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

export class Trip {
  /** When it came, by the monotonic clock. */
  readonly start: number
  readonly warnings: string[] = []
  info: RequestInfo | undefined
  /** Milliseconds that it has; infinite for requests that last. */
  timeout = Number.POSITIVE_INFINITY
  longRunning = false
  place: Place | undefined
  /** Missing where nothing is audited and no webhook was asked. */
  latencies: Latencies | undefined
  /** Missing where nothing is audited. */
  audit: RequestAudit | undefined
  /** Made when somebody first wants to know. */
  auditId: string | undefined
  /** Its span, or what is only passed on; missing where it is not traced. */
  span: Span | SpanContext | undefined
  /** Turned away, or given up, for the server's sake. */
  terminated = false
  /** Bytes of the body that a resource was changed by; undefined where none was read. */
  bodyBytes: number | undefined
  /** Whether the server asks itself. */
  isOwn = false
  /** What still goes on after the deadline. */
  work: Promise<unknown> | undefined

  constructor(start: number) {
    this.start = start
  }

  /** Reads of one object are answered from memory: they end by themselves, and a timer for each would cost a part of them. */
  get hasDeadline(): boolean {
    const { info, timeout } = this
    return timeout !== Number.POSITIVE_INFINITY && !(info?.verb === 'get' && info.query.size === 0)
  }

  /** When its time is up, by the monotonic clock; writes have 34 seconds at most (`requestTimeoutUpperBound` upstream). */
  get deadline(): number {
    return this.start + Math.min(this.timeout, LONGEST_WRITE)
  }

  /** Does a part of the request inside its span. */
  within<T>(work: () => T): T {
    return this.span === undefined ? work() : within(this.span, work)
  }

  /** Leaves its place. Harmless when it has none, or has left it. */
  leave(now: number): void {
    this.place?.finish(now)
  }

  /** Notes how long a part of the request took, whether or not others are measured. */
  took(clock: Clock, layer: Layer, milliseconds: number): void {
    this.latencies ??= new Latencies(clock)
    this.latencies.add(layer, milliseconds)
  }

  /** The time that the server's promises leave out. */
  private get notOurs(): number {
    return (this.place?.waited ?? 0) + (this.latencies?.webhooks ?? 0)
  }

  seriesOf(metrics: RequestMetrics, { method, headers }: ApiRequest): RequestSeries {
    return metrics.seriesOf(method, this.info, method === 'PATCH' ? header(headers, 'content-type') : undefined)
  }

  /**
   * Closes the books with the answer, or has the answer close them once it has been sent. With `later`, what nobody waits for is done
   * there.
   */
  end(
    response: ApiResponse,
    metrics: RequestMetrics,
    clock: Clock,
    request: ApiRequest,
    later: (work: () => void) => void = atOnce,
  ): ApiResponse {
    const { place, work } = this
    if (response.stream !== undefined || work !== undefined) return this.endLasting(response, metrics, clock, request)
    const ended = clock.monotonic()
    later(() => this.book(this.seriesOf(metrics, request), response, metrics, request, ended))
    if (place?.wide === true && response.body !== undefined && !(response.body instanceof Uint8Array)) {
      return { ...response, length: bodyLength(response.body), sent: () => place.finish(clock.monotonic()) }
    }
    this.leave(ended)
    return response
  }

  /** Of what goes on after this: a stream, or work that took too long. */
  private endLasting(response: ApiResponse, metrics: RequestMetrics, clock: Clock, request: ApiRequest): ApiResponse {
    const { work } = this
    const series = this.seriesOf(metrics, request)
    if (response.stream !== undefined) {
      if (this.terminated || work !== undefined) metrics.terminated(series, response.status)
      this.note(metrics, series, request)
      return this.endOfStream(response, response.stream, metrics, series, clock)
    }
    this.book(series, response, metrics, request, clock.monotonic())
    void work
      ?.then(
        () => metrics.cameLate('ok'),
        () => metrics.cameLate('error'),
      )
      .finally(() => this.leave(clock.monotonic()))
    return response
  }

  private book(
    series: RequestSeries,
    response: ApiResponse,
    metrics: RequestMetrics,
    request: ApiRequest,
    ended: number,
  ): void {
    const { status, length, body } = response
    if (this.terminated || this.work !== undefined) metrics.terminated(series, status)
    this.note(metrics, series, request)
    const bytes = series.sized ? (length ?? bodyLength(body)) : 0
    metrics.observe(series, status, ended - this.start, this.notOurs, bytes)
    this.endSpan(status)
  }

  private note(metrics: RequestMetrics, series: RequestSeries, { method }: ApiRequest): void {
    const { info, bodyBytes } = this
    if (this.isOwn) metrics.askedItself(series)
    if (info === undefined) return
    if (bodyBytes !== undefined) metrics.sent(series, info, bodyBytes)
    if (WRITES.has(method)) metrics.validated(info)
  }

  /** `status` is missing where nobody was there to answer. */
  endSpan(status?: number): void {
    if (!(this.span instanceof Span)) return
    if (status !== undefined) this.span.set({ 'http.response.status_code': status })
    this.span.end(status === undefined || status >= 500 ? { message: '' } : undefined)
  }

  /** A request that lasts is counted when it is over; a watch has left its place long before. */
  private endOfStream(
    response: ApiResponse,
    stream: (sink: StreamSink) => void,
    metrics: RequestMetrics,
    series: RequestSeries,
    clock: Clock,
  ): ApiResponse {
    series.longRunning++
    let over = false
    const end = (): void => {
      if (over) return
      over = true
      series.longRunning--
      const now = clock.monotonic()
      this.leave(now)
      metrics.observe(series, response.status, now - this.start, 0, 0)
      response.sent?.()
      this.endSpan(response.status)
    }
    return {
      ...response,
      stream: sink => {
        sink.onClose(end)
        stream(sink)
      },
      sent: end,
    }
  }
}
