/**
 * Answers that last, over WebSocket: a watch is a message per event, a log is messages of its bytes. Upstream: k8s.io/streaming
 * pkg/httpstream/wsstream/stream.go, and HandleWS of k8s.io/apiserver pkg/endpoints/handlers/watch.go.
 */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { webSocketProtocols } from '../authn/web-socket-protocols.ts'
import { respondToMessage } from './http1.ts'
import type { ApiResponse, StreamSink } from './message.ts'

const BINARY = 'binary.k8s.io'
const BASE64 = 'base64.binary.k8s.io'

/** More than this waiting for the client, and nothing more is written until it has taken some. */
const MAX_WAITING = 1024 * 1024

/** Clients have nothing to say here; whoever says more than this at once is cut off. */
const MAX_RECEIVED = 64 * 1024

/** Answers an upgrade request that is no exec or the like: over WebSocket where that was asked for and the answer lasts. */
export function respondToUpgrade(
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  response: ApiResponse,
  isWatch: boolean,
): void {
  if (socket.destroyed) abandon(response)
  else if (response.stream === undefined || message.headers.upgrade?.toLowerCase() !== 'websocket')
    respondPlainly(message, socket, response)
  else serveWebSocket(message, socket, head, response, isWatch)
}

/** As if nobody had asked for an upgrade, but that the connection ends with the answer. */
function respondPlainly(message: IncomingMessage, socket: Duplex, response: ApiResponse): void {
  const out = new ServerResponse(message)
  out.shouldKeepAlive = false
  out.assignSocket(socket as Socket)
  // Node looks after a connection that it has handed over no longer.
  socket.on('drain', () => out.emit('drain'))
  socket.resume()
  out.on('finish', () => socket.end())
  respondToMessage(message, out, response)
}

function serveWebSocket(
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  response: ApiResponse,
  isWatch: boolean,
): void {
  let taken = false
  socket.once('close', () => {
    if (!taken) abandon(response)
  })
  const offered = webSocketProtocols(message.headers)
  const chosen = isWatch ? watchProtocol(offered, message.headers.origin) : readerProtocol(offered)
  if (typeof chosen === 'number') {
    respondPlainly(message, socket, { status: chosen, headers: {} })
    return
  }
  // What is echoed has been chosen already.
  delete message.headers['sec-websocket-protocol']
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_RECEIVED })
  server.on('headers', headers => {
    if (chosen !== '') headers.push(`Sec-WebSocket-Protocol: ${chosen}`)
  })
  server.handleUpgrade(message, socket, head, client => {
    taken = true
    client.on('error', () => client.terminate())
    response.stream!(new WebSocketSink(client, isWatch ? eventForm(response) : readerForm(chosen)))
  })
}

/** Nobody is left to be answered: whoever makes the answer is to hear of it. */
function abandon({ stream, sent }: ApiResponse): void {
  stream?.({ closed: true, write: () => false, end() {}, onClose: listener => listener(), onDrain() {} })
  sent?.()
}

/** The protocol of a log: the first one offered that is known. Else the status of the refusal. */
export function readerProtocol(offered: readonly string[]): string | number {
  if (offered.length === 0) return ''
  return offered.find(each => each === BINARY || each === BASE64) ?? 403
}

/** The protocol of a watch: whatever is offered, as long as it is no choice. Clients have to say where they come from. */
export function watchProtocol(offered: readonly string[], origin: string | undefined): string | number {
  if (origin === undefined || !/^(\/|[a-z][a-z0-9+.-]*:)/i.test(origin)) return 403
  return offered.length > 1 ? 400 : (offered[0] ?? '')
}

/** How the bytes of an answer become messages. */
export interface MessageForm {
  readonly binary: boolean
  /** Sent before everything else. */
  readonly first?: Uint8Array
  /** The messages that are complete with this chunk. What of it is kept for later is kept as a copy. */
  take(chunk: Uint8Array): (Uint8Array | string)[]
}

const isText = ({ headers }: ApiResponse): boolean => !String(headers['content-type']).includes('protobuf')

const eventForm = (response: ApiResponse): MessageForm =>
  isText(response) ? new EventForm(false, lineEnd) : new EventForm(true, frameEnd, FRAME_HEAD)

/** The bytes as they come, after an empty message that tells the client of the beginning. */
export function readerForm(protocol: string): MessageForm {
  const binary = protocol !== BASE64
  return {
    binary,
    first: new Uint8Array(0),
    take(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      return bytes.length === 0 ? [] : [binary ? bytes : bytes.toString('base64')]
    },
  }
}

const NEWLINE = 0x0a
/** Bytes that say how long a frame of a protobuf stream is; messages need none. */
const FRAME_HEAD = 4

const lineEnd = (bytes: Buffer, from: number): number => bytes.indexOf(NEWLINE, from) + 1

function frameEnd(bytes: Buffer, from: number): number {
  if (bytes.length < from + FRAME_HEAD) return 0
  const end = from + FRAME_HEAD + bytes.readUInt32BE(from)
  return end <= bytes.length ? end : 0
}

/** One message per event, however many of them a chunk holds and wherever it ends. */
class EventForm implements MessageForm {
  readonly binary: boolean
  readonly #endOf: (bytes: Buffer, from: number) => number
  readonly #skip: number
  #rest = Buffer.alloc(0)

  /** `endOf` tells where the event ends that begins at an offset, or 0; `skip` is how much of its beginning is no event. */
  constructor(binary: boolean, endOf: (bytes: Buffer, from: number) => number, skip = 0) {
    this.binary = binary
    this.#endOf = endOf
    this.#skip = skip
  }

  take(chunk: Uint8Array): Uint8Array[] {
    const own = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const bytes = this.#rest.length === 0 ? own : Buffer.concat([this.#rest, own])
    const messages: Uint8Array[] = []
    let start = 0
    for (let end = this.#endOf(bytes, start); end > 0; end = this.#endOf(bytes, start)) {
      messages.push(bytes.subarray(start + this.#skip, end))
      start = end
    }
    this.#rest = Buffer.from(bytes.subarray(start))
    return messages
  }
}

export const jsonEvents = (): MessageForm => new EventForm(false, lineEnd)
export const protobufEvents = (): MessageForm => new EventForm(true, frameEnd, FRAME_HEAD)

class WebSocketSink implements StreamSink {
  readonly #client: WebSocket
  readonly #form: MessageForm
  readonly #drained: (() => void)[] = []
  #blocked = false

  constructor(client: WebSocket, form: MessageForm) {
    this.#client = client
    this.#form = form
    if (form.first !== undefined) client.send(form.first, { binary: form.binary })
  }

  get closed(): boolean {
    return this.#client.readyState !== WebSocket.OPEN
  }

  write(chunk: Uint8Array, sent?: () => void): boolean {
    if (this.closed) return false
    const { binary } = this.#form
    const messages = this.#form.take(chunk)
    const last = messages.pop()
    for (const each of messages) this.#client.send(each, { binary })
    if (last === undefined) sent?.()
    else this.#client.send(last, { binary }, () => this.written(sent))
    this.#blocked = this.#client.bufferedAmount >= MAX_WAITING
    return !this.#blocked
  }

  private written(sent: (() => void) | undefined): void {
    sent?.()
    if (!this.#blocked || this.#client.bufferedAmount >= MAX_WAITING) return
    this.#blocked = false
    for (const each of this.#drained) each()
  }

  end(): void {
    if (!this.closed) this.#client.close(1000)
  }

  onClose(listener: () => void): void {
    this.#client.once('close', listener)
  }

  onDrain(listener: () => void): void {
    this.#drained.push(listener)
  }
}
