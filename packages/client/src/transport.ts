import type { Piece } from './carried-values.ts'

/** How a client reaches an API server: over HTTPS (package `host`) or by a call inside the process (package `apiserver`). */
export interface Transport {
  /**
   * Sends one request. Rejects only where no answer came (connection refused, aborted); an HTTP error status is an answer.
   */
  send(request: TransportRequest): Promise<TransportResponse>
}

export interface TransportRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query. */
  path: string
  headers?: Readonly<Record<string, string>>
  body?: Uint8Array
  /**
   * What `body` was or would be made of, where that is JSON: a server in the same process takes it as it is and may never ask for the
   * bytes. Not changed by anybody before the answer.
   */
  value?: unknown
  signal?: AbortSignal
}

export interface TransportResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole body. Use either this or `chunks`. */
  bytes(): Promise<Uint8Array>
  /** Set where the body is made when it is asked for: one that nobody reads need not be taken. */
  readonly isOnDemand?: boolean
  /** The body as it arrives, for watches and followed logs. Leaving the loop closes the stream. */
  chunks(): AsyncIterable<Piece>
}
