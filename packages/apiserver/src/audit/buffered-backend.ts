/** How events reach a backend: in batches later, or each at once (plugin/pkg/audit/buffered, server/options/audit.go). */
import { type Clock, type Logger, type RateLimit, sleep, type Timer, TokenBucket } from '@canopus/base'
import type { Maybe } from '../security.ts'
import { AuditMetrics } from './audit-metrics.ts'
import type { AuditBackend } from './auditor.ts'
import type { AuditEvent } from './event.ts'

export type AuditMode = 'batch' | 'blocking' | 'blocking-strict'

export interface BatchOptions {
  /** Events that wait at most; more are lost. */
  readonly bufferSize: number
  readonly maxSize: number
  /** Milliseconds for which an event waits for others. */
  readonly maxWait: number
  /** Batches per second and at once; no limit where missing. */
  readonly throttle?: RateLimit
  /** Whether a batch may go out before the one before it has arrived. */
  readonly concurrent: boolean
}

/** The backend behind the mode: `blocking` forgives losses, `blocking-strict` refuses requests whose first event is lost. */
export function inMode(
  mode: AuditMode,
  backend: AuditBackend,
  batch: BatchOptions,
  clock: Clock,
  logger: Logger,
  metrics?: AuditMetrics,
): AuditBackend {
  switch (mode) {
    case 'blocking-strict':
      return backend
    case 'blocking':
      return { process: events => forgiven(backend.process(events)), close: () => backend.close() }
    case 'batch':
      return new BufferedBackend(backend, batch, clock, logger, metrics)
  }
}

function forgiven(kept: Maybe<boolean>): Maybe<boolean> {
  return kept instanceof Promise ? kept.then(() => true) : true
}

export class BufferedBackend implements AuditBackend {
  readonly #backend: AuditBackend
  readonly #options: BatchOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #metrics: AuditMetrics
  readonly #underWay = new Set<Promise<unknown>>()
  #events: AuditEvent[] = []
  #timer: Timer | undefined
  #sending: Promise<void> | undefined
  readonly #bucket: TokenBucket | undefined
  #closed = false

  constructor(
    backend: AuditBackend,
    options: BatchOptions,
    clock: Clock,
    logger: Logger,
    metrics = new AuditMetrics(),
  ) {
    this.#metrics = metrics
    this.#backend = backend
    this.#options = options
    this.#clock = clock
    this.#logger = logger
    this.#bucket = options.throttle && new TokenBucket(options.throttle, clock.monotonic())
  }

  process(events: readonly AuditEvent[]): boolean {
    const { bufferSize, maxSize, maxWait } = this.#options
    for (const [index, event] of events.entries()) {
      if (this.#closed || this.#events.length >= bufferSize) {
        const why = this.#closed ? 'audit backend shut down' : 'audit buffer queue blocked'
        this.lost(events.length - index, why)
        break
      }
      this.#events.push(event)
    }
    if (this.#events.length >= maxSize) this.send()
    else if (this.#events.length > 0) this.#timer ??= this.#clock.setTimer(maxWait, () => this.send())
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.send()
    await this.#sending
    await Promise.all(this.#underWay)
    await this.#backend.close()
  }

  private send(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#sending ??= this.drain().finally(() => {
      this.#sending = undefined
    })
  }

  private async drain(): Promise<void> {
    const { maxSize, concurrent } = this.#options
    do {
      const batch = this.#events.splice(0, maxSize)
      if (batch.length === 0) return
      await this.throttle()
      const done = Promise.resolve(this.#backend.process(batch)).catch(error => this.lost(batch.length, error))
      if (concurrent) {
        this.#underWay.add(done)
        void done.then(() => this.#underWay.delete(done))
      } else await done
    } while (this.#events.length >= maxSize || this.#closed)
    if (this.#events.length > 0) this.#timer ??= this.#clock.setTimer(this.#options.maxWait, () => this.send())
  }

  private lost(count: number, error: unknown): void {
    this.#metrics.lost('buffered', count)
    this.#logger.error('audit events were lost', { plugin: 'buffered', count, error })
  }

  /** Waits for a token of the bucket. */
  private async throttle(): Promise<void> {
    if (this.#bucket === undefined || this.#closed) return
    const wait = this.#bucket.take(this.#clock.monotonic())
    if (wait > 0) await sleep(this.#clock, wait)
  }
}
