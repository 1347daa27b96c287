/** HTTP/1.1 with Node's request and response objects. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Connection } from '../security.ts'
import { readBody } from './body.ts'
import { type ApiRequest, type ApiResponse, bodyLength, type Headers, type StreamSink } from './message.ts'
import { whenWritten, writeCompressed, writePieces } from './write-pieces.ts'

export function requestOfMessage(message: IncomingMessage, connection: Connection): ApiRequest {
  const target = message.url ?? '/'
  const question = target.indexOf('?')
  return {
    method: message.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers: message.headers as Headers,
    distinctHeaders: () => message.headersDistinct,
    connection,
    body: () => readBody(message, message.headers['content-length'], () => message.destroyed && !message.complete),
    bodyStream: () => message,
    gone: () => message.destroyed && !message.complete,
  }
}

export function respondToMessage(message: IncomingMessage, out: ServerResponse, response: ApiResponse): void {
  const { body, stream, sent, gzip, length = bodyLength(body) } = response
  if (out.destroyed || out.headersSent) {
    sent?.()
    return
  }
  if (sent !== undefined) out.once('close', sent)
  // Since HTTP/1.1 connections are kept without saying so, and for how long is nobody's business, as with Go's server.
  if (out.shouldKeepAlive && message.httpVersion === '1.1') out.removeHeader('connection')
  const head = message.method === 'HEAD'
  // A body that nobody read would be taken for the next request.
  if (!message.complete) message.resume()
  if (stream !== undefined && !head) {
    out.writeHead(response.status, named(response.headers))
    out.flushHeaders()
    stream(new MessageSink(out))
    return
  }
  const headers = named(response.headers)
  if (!gzip) headers['Content-Length'] = String(length)
  out.writeHead(response.status, headers)
  if (body === undefined || head) out.end()
  else if (gzip) writeCompressed(out, body)
  else if (body instanceof Uint8Array) out.end(body)
  else writePieces(out, body)
}

const names = new Map<string, string>()

/** Headers under their names as Go's server writes them in HTTP/1.1, where the case can be seen: each word begins with a capital. */
function named(headers: ApiResponse['headers']): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {}
  for (const key in headers) {
    let name = names.get(key)
    if (name === undefined) {
      name = key.toLowerCase().replace(/(?:^|-)[a-z]/g, start => start.toUpperCase())
      // What is passed on from other servers may have any name.
      if (names.size < 1000) names.set(key, name)
    }
    all[name] = headers[key]!
  }
  return all
}

class MessageSink implements StreamSink {
  readonly #out: ServerResponse
  constructor(out: ServerResponse) {
    this.#out = out
  }
  get closed(): boolean {
    return this.#out.destroyed || this.#out.writableEnded
  }
  write(chunk: Uint8Array, sent?: () => void): boolean {
    return this.closed ? false : this.#out.write(chunk, whenWritten(sent))
  }
  end(): void {
    if (!this.closed) this.#out.end()
  }
  onClose(listener: () => void): void {
    this.#out.once('close', listener)
  }
  onDrain(listener: () => void): void {
    this.#out.on('drain', listener)
  }
}
