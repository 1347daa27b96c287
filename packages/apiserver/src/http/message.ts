/** Requests and answers as the request path sees them, whatever carried them: HTTP/2, HTTP/1.1 or a call in the process. */
import type { Readable } from 'node:stream'
import type { Piece } from '@canopus/client'
import type { Connection, Maybe, User } from '../security.ts'

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

export interface ApiRequest {
  /** In upper case. */
  readonly method: string
  /** Path without the query, as it arrived. */
  readonly path: string
  /** The query without its question mark. */
  readonly query: string
  /** Names in lower case. */
  readonly headers: Headers
  /** The same with the values of headers that came more than once apart, which `headers` joins with commas. */
  distinctHeaders?(): Readonly<Record<string, readonly string[] | undefined>>
  /** Whether a header's name begins so, where the carrier can tell without going through `headers`. */
  hasHeaderLike?(prefix: string): boolean
  readonly connection: Connection
  /** Set where the carrier knows who is asking (calls inside the process); then nobody authenticates. */
  readonly user?: User
  /** The whole body. Throws StatusError 413 beyond the limit and `BodyAborted` where it was cut short. */
  body(): Maybe<Uint8Array>
  /** What the body is JSON of, where the carrier knows; then nobody need read it (`encoding/given-body.ts`). Never changed. */
  readonly given?: unknown
  /** The body as a stream, for proxied requests, which have no limit. Use either this or `body`. */
  bodyStream?(): Readable | undefined
  /** Carried by HTTP/2. */
  readonly http2?: boolean
  /** Whether the client has gone away meanwhile: then nobody needs an answer. */
  gone?(): boolean
}

/** Where a streamed answer (a watch, a followed log) goes. */
export interface StreamSink {
  /**
   * False where the reader is behind: wait for `onDrain` before writing more. `sent` is called once nobody needs the bytes any
   * more, so that they may be overwritten; whoever hands the bytes on never calls it.
   */
  write(chunk: Uint8Array, sent?: () => void): boolean
  end(): void
  /** The reader went away, or the answer ended. */
  onClose(listener: () => void): void
  onDrain(listener: () => void): void
  readonly closed: boolean
  /** Where a call in this process reads: it can take what a piece carries, and may never ask for the bytes. */
  writeLazily?(piece: Piece): boolean
  /** The same for all answers on one connection, where several share it. */
  readonly connection?: object
}

export interface ApiResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  /** Pieces are written one after the other; they may be shared bytes and are never changed. */
  readonly body?: Uint8Array | readonly Uint8Array[]
  /** In the place of `body`, for callers in this process: makes it, where somebody wants to read it. */
  readonly bodyLater?: () => Uint8Array
  /** Bytes of the body, where they have been counted already. */
  readonly length?: number
  /** The body is to be compressed (`Content-Encoding: gzip` is among the headers). */
  readonly gzip?: boolean
  /** Called once the head of the answer was sent. */
  readonly stream?: (sink: StreamSink) => void
  /** Whoever carries the answer calls this once the body has left, or nobody waits for it any more. */
  readonly sent?: () => void
}

/** The client went away before its body was complete: there is nobody to answer. */
export class BodyAborted extends Error {
  constructor() {
    super('the request was aborted before its body was complete')
    this.name = 'BodyAborted'
  }
}

/** The first value of a header. */
export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' || value === undefined ? value : value[0]
}

/** All values of a header, each as it was sent. */
export function headerValues(
  request: Pick<ApiRequest, 'headers' | 'distinctHeaders'>,
  name: string,
): readonly string[] {
  const value = request.headers[name]
  if (value === undefined) return []
  if (typeof value !== 'string') return value
  return request.distinctHeaders?.()[name] ?? [value]
}

const encoder = new TextEncoder()

/** An error in words, as Go's `http.Error` writes it. */
export function textResponse(status: number, text: string, headers: Record<string, string> = {}): ApiResponse {
  return plainResponse(status, text, { 'x-content-type-options': 'nosniff', ...headers })
}

/** Text that is no error: nobody says that clients are not to guess what it is. */
export function plainResponse(status: number, text: string, headers: Record<string, string> = {}): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: encoder.encode(text),
  }
}

export function jsonResponse(status: number, value: unknown, headers: Record<string, string> = {}): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: encoder.encode(`${JSON.stringify(value)}\n`),
  }
}

/** For people to read, as upstream writes what is no object (endpoints/handlers/responsewriters, WriteRawJSON). */
export function indentedResponse(status: number, value: unknown): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: encoder.encode(JSON.stringify(value, undefined, 2)),
  }
}

/** Length of a body in bytes. */
export function bodyLength(body: ApiResponse['body']): number {
  if (body === undefined) return 0
  if (body instanceof Uint8Array) return body.byteLength
  let total = 0
  for (const piece of body) total += piece.byteLength
  return total
}
