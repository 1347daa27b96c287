/** Events that are too large lose their objects, or are lost themselves (plugin/pkg/audit/truncate). */
import { encodeJson } from '@canopus/apimachinery'
import type { Logger } from '@canopus/base'
import type { AuditBackend } from './auditor.ts'
import type { AuditEvent } from './event.ts'

export interface TruncateOptions {
  /** Bytes. */
  readonly maxEventSize: number
  readonly maxBatchSize: number
}

export class TruncatingBackend implements AuditBackend {
  readonly #backend: AuditBackend
  readonly #options: TruncateOptions
  readonly #logger: Logger

  constructor(backend: AuditBackend, options: TruncateOptions, logger: Logger) {
    this.#backend = backend
    this.#options = options
    this.#logger = logger
  }

  async process(events: readonly AuditEvent[]): Promise<boolean> {
    const { maxBatchSize } = this.#options
    const results: (boolean | Promise<boolean>)[] = []
    let batch: AuditEvent[] = []
    let batchSize = 0
    const send = (): void => {
      if (batch.length > 0) results.push(this.#backend.process(batch))
      batch = []
      batchSize = 0
    }
    for (const event of events) {
      const fitting = this.fit(event)
      if (fitting === undefined) continue
      if (batchSize + fitting.size > maxBatchSize) send()
      batch.push(fitting.event)
      batchSize += fitting.size
    }
    send()
    return (await Promise.all(results)).every(Boolean)
  }

  close(): Promise<void> {
    return this.#backend.close()
  }

  private fit(event: AuditEvent): { event: AuditEvent; size: number } | undefined {
    const { maxEventSize } = this.#options
    const size = sizeOf(event)
    if (size <= maxEventSize) return { event, size }
    if (event.level === 'Request' || event.level === 'RequestResponse') {
      const { requestObject: _, responseObject: __, ...rest } = event
      const short = { ...rest, annotations: { ...event.annotations, 'audit.k8s.io/truncated': 'true' } }
      const shortSize = sizeOf(short)
      if (shortSize <= maxEventSize) return { event: short, size: shortSize }
    }
    const error = 'event is too large even after truncating'
    this.#logger.error('audit events were lost', { plugin: 'truncate', count: 1, error })
    return undefined
  }
}

const sizeOf = (event: AuditEvent): number => Buffer.byteLength(encodeJson(event)) + 1
