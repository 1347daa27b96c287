/** HTTP/2 from the `stream` event: a third cheaper per request than Node's request and response objects. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Connection, Maybe } from '../security.ts'
import { readBody } from './body.ts'
import { type ApiRequest, type ApiResponse, bodyLength, type Headers, type StreamSink } from './message.ts'
import { whenWritten, writeCompressed, writePieces } from './write-pieces.ts'

const EMPTY = new Uint8Array()

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

  /** HTTP/2 allows names in lower case only. */
  hasHeaderLike(prefix: string): boolean {
    const list = this.#rawHeaders
    for (let index = 0; index < list.length; index += 2) if (list[index]!.startsWith(prefix)) return true
    return false
  }

  distinctHeaders(): Record<string, string[]> {
    return distinct(this.#rawHeaders)
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

export function requestOfStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  endOfStream: boolean,
  connection: Connection,
): ApiRequest {
  return new StreamRequest(stream, headers, rawHeaders, endOfStream, connection)
}

function distinct(rawHeaders: readonly string[]): Record<string, string[]> {
  const result: Record<string, string[]> = {}
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    const values = result[name]
    if (values === undefined) result[name] = [rawHeaders[index + 1]!]
    else values.push(rawHeaders[index + 1]!)
  }
  return result
}

export function respondToStream(stream: ServerHttp2Stream, response: ApiResponse, head: boolean): void {
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
  const headers = headerList(response, !streams && !gzip)
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

/** As names and values in turn, which Node takes as they are; of an object it would make another one first. */
function headerList({ status, headers }: ApiResponse, counted: boolean): string[] {
  const list = [':status', String(status)]
  for (const name in headers) {
    const value = headers[name]!
    // The length is that of the body; Node takes it once.
    if (name === 'connection' || (name === 'content-length' && counted)) continue
    if (typeof value === 'string') list.push(name, value)
    else for (const each of value) list.push(name, each)
  }
  return list
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
