/**
 * Requests of HTTP/1.1 whose method Node's parser does not know, or takes for the wish to be a tunnel (CONNECT). Go's server reads any token
 * as a method, and leaves it to the routes to say that they have none for it.
 */
import { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Connection } from '../security.ts'
import { requestOfMessage, respondToMessage } from './http1.ts'
import type { ApiRequest, ApiResponse, Headers } from './message.ts'

/** The beginning of a request, as text. */
export interface Head {
  readonly method: string
  readonly target: string
  readonly headers: Headers
}

/** What Node tells of a request that it could not read. */
export interface Unread {
  readonly code?: string
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\/\S*) HTTP\/1\.1$/
const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/

/** The request in a packet that ended the parser's patience; undefined where more than the method is wrong, or it is not whole. */
export function headOf({ code, rawPacket, bytesParsed = 0 }: Unread): Head | undefined {
  if (code !== 'HPE_INVALID_METHOD' || rawPacket === undefined) return undefined
  const text = rawPacket.toString('latin1')
  const start = text.lastIndexOf('\n', Math.max(bytesParsed - 1, 0)) + 1
  const end = text.indexOf('\r\n\r\n', start)
  if (end < 0) return undefined
  const [first = '', ...lines] = text.slice(start, end).split('\r\n')
  const [, method, target] = REQUEST_LINE.exec(first) ?? []
  if (method === undefined || target === undefined) return undefined
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  return headers.host === undefined ? undefined : { method, target, headers }
}

/** A request without a body: no route that takes one has such a method. */
export function requestOfHead({ method, target, headers }: Head, connection: Connection): ApiRequest {
  const question = target.indexOf('?')
  return {
    method,
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? '' : target.slice(question + 1),
    headers,
    connection,
    body: () => new Uint8Array(),
  }
}

type Handle = (request: ApiRequest) => Promise<ApiResponse>

/** Answers what the parser gave up on, and closes the connection, whose parser is of no use any more. False where it cannot be read. */
export function answerUnread(unread: Unread, socket: TLSSocket, connection: Connection, handle: Handle): boolean {
  const head = headOf(unread)
  if (head === undefined) return false
  const message = new IncomingMessage(socket)
  message.method = head.method
  message.complete = true
  answer(message, requestOfHead(head, connection), socket, handle)
  return true
}

/** Answers CONNECT: nobody is connected with anything here. */
export function answerConnect(message: IncomingMessage, socket: Duplex, connection: Connection, handle: Handle): void {
  message.complete = true
  answer(message, requestOfMessage(message, connection), socket, handle)
}

function answer(message: IncomingMessage, request: ApiRequest, socket: Duplex, handle: Handle): void {
  const out = new ServerResponse(message)
  out.shouldKeepAlive = false
  out.assignSocket(socket as TLSSocket)
  out.once('finish', () => socket.end())
  handle(request).then(
    response => respondToMessage(message, out, response),
    () => socket.destroy(),
  )
}
