/** A client transport that calls the request path directly: no sockets, no TLS, the same bytes. */
import { AsyncQueue } from '@canopus/base'
import {
  bytesOfPiece,
  type Piece,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '@canopus/client'
import type { User } from '../security.ts'
import type { ApiRequest, ApiResponse, StreamSink } from './message.ts'

const CONNECTION = { remoteAddress: '127.0.0.1', certificateVerified: false }
const EMPTY = new Uint8Array()

export function inProcessTransport(handle: (request: ApiRequest) => Promise<ApiResponse>, user: User): Transport {
  return {
    async send(request: TransportRequest): Promise<TransportResponse> {
      request.signal?.throwIfAborted()
      const question = request.path.indexOf('?')
      const response = await handle({
        method: request.method,
        path: question < 0 ? request.path : request.path.slice(0, question),
        query: question < 0 ? '' : request.path.slice(question + 1),
        headers: request.headers ?? {},
        connection: CONNECTION,
        user,
        body: () => request.body ?? EMPTY,
        given: request.value,
      })
      return toTransport(response, request.signal)
    },
  }
}

function toTransport(response: ApiResponse, signal: AbortSignal | undefined): TransportResponse {
  const { stream } = response
  const headers = joined(response.headers)
  if (stream === undefined) {
    response.sent?.()
    const bytes = response.bodyLater ?? ((): Uint8Array => whole(response.body))
    return {
      status: response.status,
      headers,
      isOnDemand: true,
      bytes: async () => bytes(),
      chunks: () => once(bytes()),
    }
  }
  const sink = new QueueSink(signal)
  stream(sink)
  return {
    status: response.status,
    headers,
    bytes: async () => {
      const pieces: Uint8Array[] = []
      for await (const piece of sink.chunks()) pieces.push(bytesOfPiece(piece))
      return whole(pieces)
    },
    chunks: () => sink.chunks(),
  }
}

/** One text for each header. Mostly they have that already, and nobody looks at them in this process. */
function joined(headers: ApiResponse['headers']): Readonly<Record<string, string>> {
  if (isJoined(headers)) return headers
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : value.join(', ')]),
  )
}

function isJoined(headers: ApiResponse['headers']): headers is Readonly<Record<string, string>> {
  for (const name in headers) if (typeof headers[name] !== 'string') return false
  return true
}

function whole(body: ApiResponse['body']): Uint8Array {
  if (body === undefined) return EMPTY
  if (body instanceof Uint8Array) return body
  return body.length === 1 ? body[0]! : Buffer.concat(body)
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes
}

/** Where the reader is this far behind, it is told to wait like any other. */
const HIGH_WATER = 4 * 1024 * 1024

class QueueSink implements StreamSink {
  readonly #queue = new AsyncQueue<Piece>()
  readonly #closeListeners: (() => void)[] = []
  readonly #drainListeners: (() => void)[] = []
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => this.abort()
  #waiting = 0
  closed = false

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    if (signal?.aborted) this.closed = true
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  write(chunk: Uint8Array): boolean {
    return this.writeLazily(chunk)
  }

  writeLazily(chunk: Piece): boolean {
    if (this.closed) return false
    this.#waiting += chunk.byteLength
    this.#queue.push(chunk)
    return this.#waiting < HIGH_WATER
  }

  end(): void {
    if (this.closed) return
    this.#queue.close()
    this.close()
  }

  onClose(listener: () => void): void {
    if (this.closed) listener()
    else this.#closeListeners.push(listener)
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  async *chunks(): AsyncIterable<Piece> {
    try {
      for await (const chunk of this.#queue) {
        const full = this.#waiting >= HIGH_WATER
        this.#waiting -= chunk.byteLength
        if (full && this.#waiting < HIGH_WATER) for (const listener of this.#drainListeners) listener()
        yield chunk
        this.#signal?.throwIfAborted()
      }
      this.#signal?.throwIfAborted()
    } finally {
      this.end()
    }
  }

  private abort(): void {
    this.end()
  }

  private close(): void {
    this.closed = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    for (const listener of this.#closeListeners) listener()
  }
}
