/** Events as lines of a log (plugin/pkg/audit/log/backend.go). */
import { encodeJson } from '@canopus/apimachinery'
import type { Logger } from '@canopus/base'
import { AuditMetrics } from './audit-metrics.ts'
import type { AuditBackend } from './auditor.ts'
import { type AuditEvent, legacyLine } from './event.ts'

export type LogFormat = 'json' | 'legacy'

/** Where lines go: a file that is rotated, or standard output. */
export interface LineSink {
  /** Settles once the lines are written. */
  write(lines: string): Promise<void>
  close(): Promise<void>
}

export class LogBackend implements AuditBackend {
  readonly #sink: LineSink
  readonly #format: LogFormat
  readonly #logger: Logger
  readonly #metrics: AuditMetrics

  constructor(sink: LineSink, format: LogFormat, logger: Logger, metrics = new AuditMetrics()) {
    this.#sink = sink
    this.#format = format
    this.#logger = logger
    this.#metrics = metrics
  }

  async process(events: readonly AuditEvent[]): Promise<boolean> {
    try {
      await this.#sink.write(events.map(event => `${this.line(event)}\n`).join(''))
      return true
    } catch (error) {
      this.#metrics.lost('log', events.length)
      this.#logger.error('audit events were lost', { plugin: 'log', count: events.length, error })
      return false
    }
  }

  close(): Promise<void> {
    return this.#sink.close()
  }

  private line(event: AuditEvent): string {
    return this.#format === 'legacy' ? legacyLine(event) : encodeJson(event)
  }
}

/** Lines to a stream that stays open, such as standard output. */
export function streamSink(stream: { write(text: string, done: (error?: Error | null) => void): unknown }): LineSink {
  return {
    write: lines =>
      new Promise((resolve, reject) => {
        stream.write(lines, error => (error ? reject(error) : resolve()))
      }),
    close: async () => {},
  }
}
