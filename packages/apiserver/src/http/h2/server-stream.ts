/** One request on a connection of HTTP/2, and its answer. */
import { type Readable, Writable } from 'node:stream'
import type { Connection, Maybe } from '../../security.ts'
import { distinctHeaders, hasNameLike, headerList } from '../header-list.ts'
import { type ApiRequest, type ApiResponse, bodyLength, type Headers, type StreamSink } from '../message.ts'
import { writeCompressed } from '../write-pieces.ts'
import { Outgoing } from './outgoing.ts'
import { RequestBody } from './request-body.ts'
import type { RequestHead } from './request-head.ts'

/** A reader that has so many bytes still to come is behind. */
const BEHIND = 64 * 1024

/** What a stream asks of its connection. */
export interface StreamOwner {
  readonly facts: Connection
  /** Sends the head of an answer; nothing follows it where `end`. */
  sendHead(stream: ServerStream, status: number, list: readonly string[], end: boolean): void
  /** There is something of the answer's body to send, or its end. */
  ready(stream: ServerStream): void
  /** Bytes of the request's body have been read. */
  bodyRead(stream: ServerStream, bytes: number): void
  /** No new requests on this connection. */
  goAway(): void
  date(): string
}

export class ServerStream implements ApiRequest, StreamSink {
  readonly id: number
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Headers
  readonly connection: Connection
  readonly http2 = true
  readonly received: RequestBody
  readonly outgoing = new Outgoing()
  /** How many bytes the client takes of the answer, and may send of the request. */
  sendWindow: number
  receiveWindow: number
  /** Bytes that were read and that the client does not know of. */
  unreported = 0
  readonly #owner: StreamOwner
  readonly #list: readonly string[]
  #over: 'no' | 'answered' | 'cut' = 'no'
  #behind = false
  #drained: (() => void)[] | undefined
  #atEnd: (() => void)[] | undefined

  constructor(owner: StreamOwner, id: number, head: RequestHead, windows: { send: number; receive: number }) {
    const { target } = head
    const question = target.indexOf('?')
    this.id = id
    this.method = head.method
    this.path = question < 0 ? target : target.slice(0, question)
    this.query = question < 0 ? '' : target.slice(question + 1)
    this.headers = head.headers
    this.connection = owner.facts
    this.sendWindow = windows.send
    this.receiveWindow = windows.receive
    this.#owner = owner
    this.#list = head.list
    this.received = new RequestBody(head.length, bytes => owner.bodyRead(this, bytes))
  }

  hasHeaderLike(prefix: string): boolean {
    return hasNameLike(this.#list, prefix)
  }

  distinctHeaders(): Record<string, string[]> {
    return distinctHeaders(this.#list)
  }

  body(): Maybe<Uint8Array> {
    this.sayContinue()
    return this.received.whole()
  }

  bodyStream(): Readable | undefined {
    if (this.received.complete && this.received.empty) return undefined
    this.sayContinue()
    return this.received.stream()
  }

  gone(): boolean {
    return this.#over !== 'no'
  }

  respond(response: ApiResponse): void {
    const { status, body, stream: streamed, sent, gzip } = response
    if (this.closed) {
      sent?.()
      return
    }
    if (sent !== undefined) this.onClose(sent)
    // HTTP/2 says it with GOAWAY: what is under way goes on, new requests take another connection.
    if (response.headers.connection === 'close') this.#owner.goAway()
    const head = this.method === 'HEAD'
    const streams = streamed !== undefined && !head
    const list = headerList(response, !streams && !gzip, [])
    if (response.headers.date === undefined) list.push('date', this.#owner.date())
    if (!streams && !gzip) list.push('content-length', String(response.length ?? bodyLength(body)))
    const end = !streams && (body === undefined || head)
    this.#owner.sendHead(this, status, list, end)
    if (streams) streamed(this)
    else if (!end) this.sendBody(body!, gzip === true)
  }

  private sendBody(body: Uint8Array | readonly Uint8Array[], gzip: boolean): void {
    if (gzip) {
      writeCompressed(writableTo(this), body)
      return
    }
    if (body instanceof Uint8Array) this.outgoing.add(body)
    else for (const piece of body) this.outgoing.add(piece)
    this.end()
  }

  get closed(): boolean {
    return this.#over !== 'no' || this.outgoing.ended
  }

  write(chunk: Uint8Array, sent?: () => void): boolean {
    if (this.closed) return false
    this.outgoing.add(chunk, sent)
    this.#owner.ready(this)
    this.#behind = this.outgoing.unsent > BEHIND
    return !this.#behind
  }

  end(): void {
    if (this.closed) return
    this.outgoing.ended = true
    this.#owner.ready(this)
  }

  onClose(listener: () => void): void {
    if (this.#over !== 'no') queueMicrotask(listener)
    else this.#atEnd = [...(this.#atEnd ?? []), listener]
  }

  onDrain(listener: () => void): void {
    this.#drained = [...(this.#drained ?? []), listener]
  }

  /** The connection has taken some of what was to be sent. */
  taken(): void {
    if (!this.#behind || this.outgoing.unsent > 0) return
    this.#behind = false
    for (const listener of this.#drained ?? []) listener()
  }

  /** The answer has left, or neither side wants to hear more. */
  over(how: 'answered' | 'cut'): void {
    if (this.#over !== 'no') return
    this.#over = how
    if (how === 'cut') this.received.cut()
    else this.received.discard()
    const listeners = this.#atEnd
    // Whoever ended it has not returned yet.
    if (listeners === undefined) return
    queueMicrotask(() => {
      for (const listener of listeners) listener()
    })
  }

  /** Clients may keep a body back until the server wants it. */
  private sayContinue(): void {
    if (this.headers.expect !== '100-continue' || !this.received.untouched || this.gone()) return
    this.#owner.sendHead(this, 100, [], false)
  }
}

/** For what writes to Node's streams. */
function writableTo(stream: ServerStream): Writable {
  let wanted: (() => void) | undefined
  const writable = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      if (stream.closed) done(new Error('the client has gone'))
      else if (stream.write(chunk)) done()
      else wanted = done
    },
    final(done) {
      stream.end()
      done()
    },
  })
  writable.on('error', () => {})
  stream.onDrain(() => {
    const done = wanted
    wanted = undefined
    done?.()
  })
  stream.onClose(() => writable.destroy())
  return writable
}
