/** A connection of HTTP/2, whoever speaks it: `h2/connection.ts`, or Node (`http2.ts`). */
import type { Duplex } from 'node:stream'
import type { Clock } from '@canopus/base'
import type { Connection } from '../security.ts'
import type { ApiRequest, ApiResponse } from './message.ts'

export interface Http2Session {
  /** Asks the client to send nothing new (GOAWAY). The connection ends when all requests have been answered. */
  goAway(): void
  destroy(): void
}

export interface Http2Options {
  /** At most so many requests at once. */
  readonly maxStreams: number
  /** Headers of one request, as RFC 9113 counts them (section 6.5.2). */
  readonly maxHeaderBytes: number
  readonly clock: Clock
}

export interface Http2Handlers {
  handle(request: ApiRequest): Promise<ApiResponse>
  /** Hears of answers that could not be sent for a reason that is not the client's. */
  failed(error: unknown): void
}

/** Speaks HTTP/2 on a connection that has just been opened. */
export type ServeHttp2 = (
  socket: Duplex,
  facts: Connection,
  options: Http2Options,
  handlers: Http2Handlers,
) => Http2Session
