/** Sends spans to a collector in batches (OTLP over gRPC, without TLS, as upstream does). */
import type { Clock, Logger, Timer } from '@canopus/base'
import type { OtlpClient } from './otlp-client.ts'
import type { EndedSpan, SpanAttributes } from './span.ts'

export interface OtlpExporterOptions {
  readonly endpoint: string
  /** What the spans are of: `service.name` and the like. */
  readonly resource: SpanAttributes
  readonly clock: Clock
  readonly logger: Logger
}

/** As OpenTelemetry's batch processor has it by default. */
const MOST_WAITING = 2048
const BATCH = 512
const PAUSE = 5000
const FLUSH = 2000

/** Where spans go once they are over. What there is no room for is dropped: tracing never holds a request up. */
export class OtlpExporter {
  readonly #options: OtlpExporterOptions
  /** Made for the first batch: gRPC is large, and not loaded where nothing is traced. */
  #client: Promise<OtlpClient> | undefined
  #waiting: EndedSpan[] = []
  #timer: Timer | undefined
  #sending: Promise<void> | undefined
  /** Spans that were lost. */
  dropped = 0

  constructor(options: OtlpExporterOptions) {
    this.#options = options
  }

  export(span: EndedSpan): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.dropped++
      return
    }
    this.#waiting.push(span)
    if (this.#waiting.length >= BATCH) void this.flush()
    else this.#timer ??= this.#options.clock.setTimer(PAUSE, () => void this.flush())
  }

  /** Sends everything that is waiting. Never rejects. */
  flush(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#sending ??= this.drain().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  /** Sends what is left, for a short while, and closes the connection. */
  async close(): Promise<void> {
    const { clock } = this.#options
    let timer: Timer | undefined
    await Promise.race([this.flush(), new Promise<void>(done => (timer = clock.setTimer(FLUSH, done)))])
    timer?.cancel()
    void this.#client?.then(client => client.close())
  }

  private async drain(): Promise<void> {
    const { resource, logger, endpoint } = this.#options
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH)
      this.#waiting = this.#waiting.slice(BATCH)
      try {
        this.#client ??= import('./otlp-client.ts').then(({ OtlpClient }) => new OtlpClient(endpoint))
        await (await this.#client).send(resource, batch)
      } catch (error) {
        this.dropped += batch.length
        logger.warn('traces export failed', { error: (error as Error).message })
      }
    }
  }
}
