/** HTTP/2 by Node's own implementation, from the `stream` event. Served where it is asked for; otherwise `h2/` is. */
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { Connection, Maybe } from '../security.ts'
import { readBody } from './body.ts'
import { IDLE_TIMEOUT } from './h2/patience.ts'
import { distinctHeaders, hasNameLike, headerList } from './header-list.ts'
import type { ServeHttp2 } from './http2-session.ts'
import { type ApiRequest, type ApiResponse, BodyAborted, bodyLength, type Headers, type StreamSink } from './message.ts'
import { whenWritten, writeCompressed, writePieces } from './write-pieces.ts'

const EMPTY = new Uint8Array()
const END_STREAM = 1
const WINDOW = 256 * 1024
/** At most so many headers in one request. */
const MAX_HEADERS = 2000
/** Beyond it Node refuses requests: a few big lists at once are enough for its default of 10. */
const MAX_SESSION_MEGABYTES = 1000
/** Errors of a stream or connection end it, and nothing else. */
const ignore = (): void => {}

/** Serves a connection by Node's own implementation. */
export const serveByNode: ServeHttp2 = (socket, facts, { maxStreams, maxHeaderBytes }, { handle, failed }) => {
  const session = performServerHandshake(socket, {
    settings: { maxConcurrentStreams: maxStreams, initialWindowSize: WINDOW, maxHeaderListSize: maxHeaderBytes },
    maxHeaderListPairs: MAX_HEADERS,
    maxSessionMemory: MAX_SESSION_MEGABYTES,
  })
  session.on('error', ignore)
  session.setTimeout(IDLE_TIMEOUT, () => session.close())
  session.on('stream', (opened, headers, flags, rawHeaders) => {
    const stream = opened as ServerHttp2Stream
    stream.on('error', ignore)
    const request = new StreamRequest(stream, headers, rawHeaders, (flags & END_STREAM) !== 0, facts)
    handle(request)
      .then(response => respondToStream(stream, response, request.method === 'HEAD'))
      .catch(error => {
        stream.destroy()
        if (!(error instanceof BodyAborted)) failed(error)
      })
  })
  return { goAway: () => session.close(), destroy: () => session.destroy() }
}

/** A request on a stream of HTTP/2. One object without closures, since there is one for every request. */
class StreamRequest implements ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly connection: Connection
  readonly http2 = true
  readonly #stream: ServerHttp2Stream
  readonly #rawHeaders: readonly string[]
  readonly #endOfStream: boolean

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    endOfStream: boolean,
    connection: Connection,
  ) {
    const target = headers[':path'] ?? '/'
    const question = target.indexOf('?')
    this.method = headers[':method'] ?? 'GET'
    this.path = question < 0 ? target : target.slice(0, question)
    this.query = question < 0 ? '' : target.slice(question + 1)
    this.headers = headers as Headers
    this.connection = connection
    this.#stream = stream
    this.#rawHeaders = rawHeaders
    this.#endOfStream = endOfStream
  }

  hasHeaderLike(prefix: string): boolean {
    return hasNameLike(this.#rawHeaders, prefix)
  }

  distinctHeaders(): Record<string, string[]> {
    return distinctHeaders(this.#rawHeaders)
  }

  body(): Maybe<Uint8Array> {
    const stream = this.#stream
    return this.#endOfStream ? EMPTY : readBody(stream, this.headers['content-length'] as string, () => stream.aborted)
  }

  bodyStream(): ServerHttp2Stream | undefined {
    return this.#endOfStream ? undefined : this.#stream
  }

  gone(): boolean {
    return this.#stream.aborted || this.#stream.destroyed
  }
}

function respondToStream(stream: ServerHttp2Stream, response: ApiResponse, head: boolean): void {
  const { body, stream: streamed, sent, gzip } = response
  if (stream.destroyed || stream.closed || stream.session === undefined || stream.session.destroyed) {
    sent?.()
    return
  }
  if (sent !== undefined) stream.once('close', sent)
  if (response.headers.connection === 'close') {
    // HTTP/2 says it with GOAWAY: what is under way goes on, new requests take another connection.
    stream.session.close()
  }
  const streams = streamed !== undefined && !head
  // As a list, which Node takes as it is; of an object it would make another one first.
  const headers = headerList(response, !streams && !gzip, [':status', String(response.status)])
  if (streams) {
    stream.respond(headers)
    streamed(new Http2Sink(stream))
    return
  }
  if (!gzip) headers.push('content-length', String(response.length ?? bodyLength(body)))
  if (body === undefined || head) {
    stream.respond(headers, { endStream: true })
    return
  }
  stream.respond(headers)
  if (gzip) writeCompressed(stream, body)
  else if (body instanceof Uint8Array) stream.end(body)
  else writePieces(stream, body)
  // What is left of a body that nobody wanted must not hold up the connection. Where there is none, Node would only destroy
  // the stream sooner, with an error object for the write that is under way.
  if (!stream.endAfterHeaders && !stream.readableEnded) stream.resume()
}

class Http2Sink implements StreamSink {
  readonly #stream: ServerHttp2Stream
  readonly connection: object
  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    this.connection = stream.session ?? stream
    stream.resume()
  }
  get closed(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#stream.writableEnded
  }
  write(chunk: Uint8Array, sent?: () => void): boolean {
    return this.closed ? false : this.#stream.write(chunk, whenWritten(sent))
  }
  end(): void {
    if (!this.closed) this.#stream.end()
  }
  onClose(listener: () => void): void {
    this.#stream.once('close', listener)
  }
  onDrain(listener: () => void): void {
    this.#stream.on('drain', listener)
  }
}
