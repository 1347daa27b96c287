/** The connection to a collector of spans. */
import * as grpc from '@grpc/grpc-js'
import { EXPORT_METHOD, encodeExport } from './otlp-messages.ts'
import type { EndedSpan, SpanAttributes } from './span.ts'

const TIMEOUT = 10_000

export class OtlpClient {
  readonly #client: grpc.Client

  constructor(endpoint: string) {
    this.#client = new grpc.Client(endpoint, grpc.credentials.createInsecure())
  }

  /** Sends spans of `resource`. Rejects where the collector does not take them. */
  send(resource: SpanAttributes, spans: readonly EndedSpan[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Buffer, undefined>(
        EXPORT_METHOD,
        bytes => bytes,
        () => undefined,
        encodeExport(resource, spans),
        new grpc.Metadata(),
        { deadline: Date.now() + TIMEOUT },
        error => (error ? reject(error) : resolve()),
      )
    })
  }

  close(): void {
    this.#client.close()
  }
}
