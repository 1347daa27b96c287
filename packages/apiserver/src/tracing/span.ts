/**
 * Spans: what took how long, inside what. The span that is going on follows the request through everything that it waits
 * for, so that nobody has to hand it down (k8s.io/component-base/tracing).
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { StatusError } from '@canopus/apimachinery'
import { outgoingHeaders, type SpanContext } from './trace-context.ts'

export type SpanKind = 'internal' | 'server' | 'client'
export type AttributeValue = string | number | boolean
export type SpanAttributes = Readonly<Record<string, AttributeValue>>

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
  readonly failed: boolean
  readonly message: string
}

/** What makes spans: ids, times, and where they go once they are over. */
export interface SpanMaker {
  newSpanId(): string
  now(): number
  ended(span: EndedSpan): void
}

/** One span while it goes on. */
export class Span {
  readonly context: SpanContext
  readonly name: string
  readonly #maker: SpanMaker
  readonly #kind: SpanKind
  readonly #start: number
  readonly #parentSpanId: string | undefined
  readonly #link: SpanContext | undefined
  #attributes: SpanAttributes
  #over = false

  constructor(
    maker: SpanMaker,
    facts: {
      name: string
      kind: SpanKind
      context: SpanContext
      start: number
      attributes: SpanAttributes
      parentSpanId?: string | undefined
      link?: SpanContext | undefined
    },
  ) {
    this.#maker = maker
    this.name = facts.name
    this.context = facts.context
    this.#kind = facts.kind
    this.#start = facts.start
    this.#parentSpanId = facts.parentSpanId
    this.#link = facts.link
    this.#attributes = facts.attributes
  }

  set(attributes: SpanAttributes): void {
    this.#attributes = { ...this.#attributes, ...attributes }
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
    return new Span(this.#maker, { name, kind, context, start, attributes, parentSpanId: this.context.spanId })
  }

  /** The first call counts. */
  end(failure?: { readonly message: string }): void {
    if (this.#over) return
    this.#over = true
    this.#maker.ended({
      name: this.name,
      kind: this.#kind,
      context: this.context,
      ...(this.#parentSpanId === undefined ? {} : { parentSpanId: this.#parentSpanId }),
      ...(this.#link === undefined ? {} : { link: this.#link }),
      start: this.#start,
      end: this.#maker.now(),
      attributes: this.#attributes,
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

/**
 * Does `work` in a span of its own inside the one that goes on; simply does it where none is kept. `attributes` are asked for
 * only then, and `work` is told of the span.
 */
export function traced<T>(name: string, kind: SpanKind, attributes: () => SpanAttributes, work: (span?: Span) => T): T {
  const parent = current.getStore()
  if (!(parent instanceof Span)) return work()
  const span = parent.child(name, kind, attributes())
  const failed = (error: unknown): never => {
    const isAnswer = error instanceof StatusError && error.code < 500
    span.end(isAnswer ? undefined : { message: error instanceof Error ? error.message : String(error) })
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
