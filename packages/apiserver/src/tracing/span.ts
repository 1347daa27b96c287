/**
 * Spans: what took how long, inside what. The span that is going on follows the request through everything that it waits
 * for, so that nobody has to hand it down (k8s.io/component-base/tracing).
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { StatusError } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { outgoingHeaders, type SpanContext } from './trace-context.ts'

export type SpanKind = 'internal' | 'server' | 'client'
export type AttributeValue = string | number | boolean
export type SpanAttributes = Readonly<Record<string, AttributeValue>>

/** Something that happened at one moment of a span. */
export interface SpanEvent {
  readonly name: string
  readonly time: number
  readonly attributes?: SpanAttributes
}

/** A span that is over. Times are in milliseconds since the Unix epoch, with fractions. */
export interface EndedSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly context: SpanContext
  readonly parentSpanId?: string
  /** The span of a caller who does not decide about the sampling here. */
  readonly link?: SpanContext
  readonly start: number
  readonly end: number
  readonly attributes: SpanAttributes
  readonly events: readonly SpanEvent[]
  readonly failed: boolean
  readonly message: string
}

/** What makes spans: ids, times, and where they go once they are over. */
export interface SpanMaker {
  newSpanId(): string
  now(): number
  ended(span: EndedSpan): void
}

/** What spans tell of the request that they belong to. */
export interface RequestFacts {
  readonly auditId: string
  readonly method: string
  /** Its path. */
  readonly url: string
  /** As Go has it: `HTTP/2.0`. */
  readonly protocol: string
  /** Of the resource that is asked for; empty where there is none. */
  readonly groupVersion: string
}

/** How many spans go on: while there are none, nobody has to ask in which one a piece of work is. */
let goingOn = 0

/** One span while it goes on. Who makes one ends it, whatever happens. */
export class Span {
  readonly context: SpanContext
  readonly name: string
  readonly request: RequestFacts
  readonly #maker: SpanMaker
  readonly #kind: SpanKind
  readonly #start: number
  readonly #parentSpanId: string | undefined
  readonly #link: SpanContext | undefined
  readonly #events: SpanEvent[] = []
  #attributes: SpanAttributes
  #over = false

  constructor(
    maker: SpanMaker,
    facts: {
      name: string
      kind: SpanKind
      context: SpanContext
      request: RequestFacts
      start: number
      attributes: SpanAttributes
      parentSpanId?: string | undefined
      link?: SpanContext | undefined
    },
  ) {
    this.#maker = maker
    this.name = facts.name
    this.context = facts.context
    this.request = facts.request
    this.#kind = facts.kind
    this.#start = facts.start
    this.#parentSpanId = facts.parentSpanId
    this.#link = facts.link
    this.#attributes = facts.attributes
    goingOn++
  }

  set(attributes: SpanAttributes): void {
    this.#attributes = { ...this.#attributes, ...attributes }
  }

  /** The time of an event that is noted now. */
  now(): number {
    return this.#maker.now()
  }

  event(name: string, attributes?: SpanAttributes, time = this.now()): void {
    if (this.#over) return
    this.#events.push(attributes === undefined ? { name, time } : { name, time, attributes })
  }

  /** Notes an error, as OpenTelemetry has it. */
  record(error: unknown): void {
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
    this.event('exception', { 'exception.type': name, 'exception.message': message })
  }

  child(name: string, kind: SpanKind, attributes: SpanAttributes): Span {
    const { traceId, sampled, state, baggage } = this.context
    const context = {
      traceId,
      sampled,
      spanId: this.#maker.newSpanId(),
      ...(state === undefined ? {} : { state }),
      ...(baggage === undefined ? {} : { baggage }),
    }
    const start = this.#maker.now()
    const { request } = this
    return new Span(this.#maker, { name, kind, context, request, start, attributes, parentSpanId: this.context.spanId })
  }

  /** The first call counts. */
  end(failure?: { readonly message: string }): void {
    if (this.#over) return
    this.#over = true
    goingOn--
    this.#maker.ended({
      name: this.name,
      kind: this.#kind,
      context: this.context,
      ...(this.#parentSpanId === undefined ? {} : { parentSpanId: this.#parentSpanId }),
      ...(this.#link === undefined ? {} : { link: this.#link }),
      start: this.#start,
      end: this.#maker.now(),
      attributes: this.#attributes,
      events: this.#events,
      failed: failure !== undefined,
      message: failure?.message ?? '',
    })
  }
}

/** What goes on: a span that is kept, or only what has to be passed on. */
const current = new AsyncLocalStorage<Span | SpanContext>()

/** Runs `work` inside a span, or inside what a caller said of his. */
export const within = <T>(span: Span | SpanContext, work: () => T): T => current.run(span, work)

/** Which span goes on, where there is any. */
export function currentContext(): SpanContext | undefined {
  const now = current.getStore()
  return now instanceof Span ? now.context : now
}

/** Headers for requests that leave this process; none where nobody asked for any. */
export function traceHeaders(): Record<string, string> {
  const context = currentContext()
  return context === undefined ? NONE : outgoingHeaders(context)
}

const NONE: Record<string, string> = {}

/** The span that goes on, where one is kept. */
export function currentSpan(): Span | undefined {
  if (goingOn === 0) return undefined
  const now = current.getStore()
  return now instanceof Span ? now : undefined
}

/** Notes in the span that goes on what happens now; `attributes` are asked for only where one is kept. */
export function addEvent(name: string, attributes?: () => SpanAttributes): void {
  if (goingOn > 0) currentSpan()?.event(name, attributes?.())
}

/**
 * Does `work` in a span of its own inside the one that goes on; simply does it where none is kept. `attributes` are asked for
 * only then, and are told the one around; `work` is told of the new one.
 */
export function traced<T>(
  name: string,
  kind: SpanKind,
  attributes: (parent: Span) => SpanAttributes,
  work: (span?: Span) => T,
): T {
  const parent = currentSpan()
  if (parent === undefined) return work()
  const span = parent.child(name, kind, attributes(parent))
  const failed = (error: unknown): never => {
    const isAnswer = error instanceof StatusError && error.code < 500
    span.end(isAnswer ? undefined : { message: messageOf(error) })
    throw error
  }
  try {
    const result = current.run(span, work, span)
    if (result instanceof Promise) {
      return result.then(value => {
        span.end()
        return value as unknown
      }, failed) as T
    }
    span.end()
    return result
  } catch (error) {
    return failed(error)
  }
}
