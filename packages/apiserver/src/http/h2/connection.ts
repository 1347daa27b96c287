/**
 * One connection of HTTP/2 (RFC 9113), of the server's side. Node's own takes most of what a GET costs: a stream object of
 * several queues for each request, and a write for each frame (docs/adr/0024).
 */
import type { Duplex } from 'node:stream'
import type { Timer } from '@canopus/base'
import type { Connection } from '../../security.ts'
import type { Http2Handlers, Http2Options, Http2Session, ServeHttp2 } from '../http2-session.ts'
import { BodyAborted } from '../message.ts'
import { Allowance } from './allowance.ts'
import {
  CODE,
  ConnectionError,
  checkOther,
  clientStream,
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  FrameReader,
  HEAD_BYTES,
  LARGEST_WINDOW,
  numbersFrame,
  SETTING,
  settingsFrame,
  sized,
  unpadded,
  writeHead,
} from './frames.ts'
import { HeaderFrames, type WholeBlock } from './header-frames.ts'
import { type HeaderBlock, HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import { Output } from './output.ts'
import { Patience } from './patience.ts'
import { requestHead } from './request-head.ts'
import { ServerStream, type StreamOwner } from './server-stream.ts'
import { initialSettings, takeSettings } from './settings.ts'

/** What a client may send of one body, and of all on a connection, before somebody reads it. */
const STREAM_WINDOW = 256 * 1024
const CONNECTION_WINDOW = 16 * 1024 * 1024
/** Requests that a client takes back (CVE-2023-44487): more than those who end many watches need. */
const RESETS = { most: 1000, perSecond: 200 }
/** Frames are no longer than that, so that others have their turn. */
const LONGEST_FRAME = 64 * 1024
/** Frames that carry nothing, or ask for an answer. */
const IDLE_FRAMES = { most: 10_000, perSecond: 1000 }
/** How long a client may go on with a body that nobody wants, in milliseconds. */
const REFUSAL = 100
/** So many streams that were reset are remembered. */
const MOST_LEFT = 1000
/** How long a client may take to close what is over, in milliseconds. */
const LINGER = 1000

/** Serves a connection by this implementation. */
export const serveHttp2: ServeHttp2 = (...args) => new Http2Connection(...args)

class Http2Connection implements StreamOwner, Http2Session {
  readonly facts: Connection
  readonly #socket: Duplex
  readonly #options: Http2Options
  readonly #handlers: Http2Handlers
  readonly #output: Output
  readonly #reader = new FrameReader((...frame) => this.take(...frame))
  readonly #headerFrames: HeaderFrames
  readonly #decoder: HpackDecoder
  readonly #encoder = new HpackEncoder()
  readonly #peer = initialSettings()
  readonly #resets: Allowance
  readonly #idleFrames: Allowance
  readonly #streams = new Map<number, ServerStream>()
  /** Those with something to send that have waited the longest come first. */
  readonly #ready = new Set<ServerStream>()
  /** Streams that we have reset lately: the client may not have known of it when it sent more. */
  readonly #left = new Set<number>()
  /** Streams that were answered while the client was still sending, and when it will be told to stop. */
  readonly #refused = new Map<number, Timer>()
  /** Requests that came with what was read last. */
  #opened: ServerStream[] = []
  #sendWindow = DEFAULT_WINDOW
  #receiveWindow = CONNECTION_WINDOW
  #unreported = 0
  /** The newest stream that the client has opened, and that we have answered for. */
  #last = 0
  #state: 'open' | 'leaving' | 'over' = 'open'
  readonly #patience: Patience
  #date = { second: 0, text: '' }

  constructor(socket: Duplex, facts: Connection, options: Http2Options, handlers: Http2Handlers) {
    const { clock, maxHeaderBytes, maxStreams } = options
    this.facts = facts
    this.#socket = socket
    this.#options = options
    this.#handlers = handlers
    this.#output = new Output(socket, () => this.pump())
    this.#headerFrames = new HeaderFrames(maxHeaderBytes)
    this.#decoder = new HpackDecoder(maxHeaderBytes)
    this.#resets = new Allowance(clock, RESETS.most, RESETS.perSecond)
    this.#idleFrames = new Allowance(clock, IDLE_FRAMES.most, IDLE_FRAMES.perSecond)
    const isBusy = (): boolean => this.#streams.size > 0
    this.#patience = new Patience(
      clock,
      isBusy,
      () => socket.destroy(),
      () => this.goAway(),
    )
    socket.on('data', (chunk: Buffer) => this.read(chunk))
    socket.on('close', () => this.gone())
    this.#output.add(
      settingsFrame([
        [SETTING.maxStreams, maxStreams],
        [SETTING.window, STREAM_WINDOW],
        [SETTING.maxHeaderList, maxHeaderBytes],
      ]),
    )
    this.#output.add(numbersFrame(FRAME.windowUpdate, 0, 0, CONNECTION_WINDOW - DEFAULT_WINDOW))
  }

  goAway(): void {
    if (this.#state !== 'open') return
    this.#state = 'leaving'
    this.#output.add(numbersFrame(FRAME.goAway, 0, 0, this.#last, CODE.none))
    this.leaveWhenDone()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  date(): string {
    const second = Math.floor(this.#options.clock.now() / 1000)
    if (second !== this.#date.second) this.#date = { second, text: new Date(second * 1000).toUTCString() }
    return this.#date.text
  }

  sendHead(stream: ServerStream, status: number, list: readonly string[], end: boolean): void {
    this.sendHeaders(stream.id, status, list, end)
    if (end) this.answered(stream)
  }

  ready(stream: ServerStream): void {
    this.#ready.add(stream)
    this.pump()
  }

  bodyRead(stream: ServerStream, bytes: number): void {
    this.forget(bytes)
    stream.unreported += bytes
    if (stream.unreported < STREAM_WINDOW / 2 || stream.received.complete || stream.gone()) return
    this.#output.add(numbersFrame(FRAME.windowUpdate, 0, stream.id, stream.unreported))
    stream.receiveWindow += stream.unreported
    stream.unreported = 0
  }

  private read(chunk: Buffer): void {
    if (this.#state === 'over') return
    try {
      this.#reader.read(chunk)
    } catch (error) {
      this.fail(error instanceof ConnectionError ? error.code : CODE.internal)
      if (!(error instanceof ConnectionError)) this.#handlers.failed(error)
    }
    if (this.#opened.length === 0) return
    const opened = this.#opened
    this.#opened = []
    // Some may have been taken back by what came after them.
    for (const stream of opened) if (!stream.gone()) this.serve(stream)
  }

  private serve(stream: ServerStream): void {
    const failed = (error: unknown): void => {
      this.cut(stream, CODE.internal)
      if (!(error instanceof BodyAborted)) this.#handlers.failed(error)
    }
    this.#handlers
      .handle(stream)
      .then(response => stream.respond(response))
      .catch(failed)
  }

  private take(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#state === 'over') return
    this.#headerFrames.expect(type)
    switch (type) {
      case FRAME.data:
        this.takeData(flags, id, payload)
        break
      case FRAME.headers:
        this.takeBlock(this.#headerFrames.headers(flags, clientStream(id), payload))
        break
      case FRAME.continuation:
        this.takeBlock(this.#headerFrames.goOn(flags, id, payload))
        break
      case FRAME.reset:
        this.takeReset(id, payload)
        break
      case FRAME.settings:
        this.takeSettings(flags, id, payload)
        break
      case FRAME.ping:
        this.takePing(flags, id, payload)
        break
      case FRAME.windowUpdate:
        this.takeWindow(id, payload)
        break
      default:
        checkOther(type, id, payload)
        this.idleFrame()
    }
  }

  private takeBlock(block: WholeBlock | undefined): void {
    if (block === undefined) return
    const { id, endOfStream } = block
    const decoded = this.#decoder.decode(block.bytes)
    const open = this.#streams.get(id)
    if (open !== undefined) this.takeTrailers(open, endOfStream)
    else if (id <= this.#last) {
      if (!this.#left.has(id)) throw new ConnectionError(CODE.streamClosed, 'headers of a request that is over')
    } else if (this.#state === 'open') {
      this.#last = id
      this.open(id, decoded, endOfStream)
    }
  }

  /** Nobody asks for them; they end the body. */
  private takeTrailers(stream: ServerStream, endOfStream: boolean): void {
    if (stream.received.complete) this.cut(stream, CODE.streamClosed)
    else if (endOfStream) this.endOfBody(stream)
    else this.cut(stream, CODE.protocol)
  }

  private open(id: number, block: HeaderBlock, endOfStream: boolean): void {
    const head = requestHead(block)
    if (this.#streams.size >= this.#options.maxStreams) this.resetFrame(id, CODE.refused)
    else if (block.tooLong) this.refuseHeaders(id, endOfStream)
    else if (head === undefined) this.resetFrame(id, CODE.protocol)
    else {
      const stream = new ServerStream(this, id, head, { send: this.#peer.window, receive: STREAM_WINDOW })
      this.#streams.set(id, stream)
      this.#opened.push(stream)
      if (endOfStream) this.endOfBody(stream)
    }
  }

  /** As Go's server answers (net/http/h2_bundle.go: handleHeaderListTooLong). */
  private refuseHeaders(id: number, endOfStream: boolean): void {
    const body = Buffer.from('<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>')
    const list = ['content-type', 'text/html; charset=utf-8', 'date', this.date()]
    this.sendHeaders(id, 431, [...list, 'content-length', String(body.length)], false)
    this.#output.add(this.head(body.length, FRAME.data, FLAG.endStream, id))
    this.#output.add(body)
    this.#sendWindow -= body.length
    if (!endOfStream) this.refuseRest(id)
  }

  private takeData(flags: number, id: number, payload: Buffer): void {
    this.known(clientStream(id))
    const { length } = payload
    const end = (flags & FLAG.endStream) !== 0
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0) throw new ConnectionError(CODE.flowControl, 'more than there is room for')
    if (length === 0 && !end) this.idleFrame()
    const body = unpadded(flags, payload)
    this.forget(length - body.length)
    const stream = this.#streams.get(id)
    if (stream === undefined) {
      this.forget(body.length)
      if (end) this.hasEnded(id)
      if (this.#state === 'open' && !this.#left.has(id)) this.resetFrame(id, CODE.streamClosed)
      return
    }
    stream.receiveWindow -= length
    stream.unreported += length - body.length
    const wrong = faultOf(stream, body)
    if (wrong !== undefined) {
      this.forget(body.length)
      this.cut(stream, wrong)
    } else if (end) this.endOfBody(stream)
  }

  private endOfBody(stream: ServerStream): void {
    if (!stream.received.end()) this.cut(stream, CODE.protocol)
  }

  private takeReset(id: number, payload: Buffer): void {
    this.known(clientStream(id))
    sized(payload, 4)
    this.hasEnded(id)
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (!this.#resets.take()) throw new ConnectionError(CODE.enhanceYourCalm, 'too many requests were taken back')
    this.remove(stream, 'cut')
  }

  private takeSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionError(CODE.protocol, 'settings of a stream')
    if ((flags & FLAG.acknowledged) !== 0) {
      sized(payload, 0)
      return
    }
    this.#patience.hasBegun()
    this.idleFrame()
    const before = this.#peer.window
    takeSettings(this.#peer, payload)
    if (this.#peer.headerTable !== undefined) this.#encoder.limit(this.#peer.headerTable)
    this.answer(this.head(0, FRAME.settings, FLAG.acknowledged, 0))
    const more = this.#peer.window - before
    if (more === 0) return
    for (const stream of this.#streams.values()) this.widen(stream, more)
    this.pump()
  }

  private takePing(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new ConnectionError(CODE.protocol, 'a ping of a stream')
    sized(payload, 8)
    if ((flags & FLAG.acknowledged) !== 0) return
    this.idleFrame()
    this.answer(Buffer.concat([this.head(8, FRAME.ping, FLAG.acknowledged, 0), payload]))
  }

  private takeWindow(id: number, payload: Buffer): void {
    sized(payload, 4)
    const more = payload.readUInt32BE(0) & LARGEST_WINDOW
    if (id !== 0) this.known(clientStream(id))
    const stream = this.#streams.get(id)
    if (id !== 0 && stream === undefined) return
    if (stream === undefined) {
      if (more === 0) throw new ConnectionError(CODE.protocol, 'a window grows by nothing')
      this.#sendWindow += more
      if (this.#sendWindow > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too big')
    } else if (more === 0) this.cut(stream, CODE.protocol)
    else this.widen(stream, more)
    this.pump()
  }

  private widen(stream: ServerStream, more: number): void {
    stream.sendWindow += more
    if (stream.sendWindow > LARGEST_WINDOW) this.cut(stream, CODE.flowControl)
    else if (stream.outgoing.unsent > 0) this.#ready.add(stream)
  }

  /** Sends what bodies have, a frame of each in turn, as far as windows and the socket take it. */
  private pump(): void {
    for (const stream of this.#ready) {
      if (this.#output.full || (this.#sendWindow <= 0 && stream.outgoing.unsent > 0)) return
      this.#ready.delete(stream)
      this.sendData(stream)
    }
  }

  private sendData(stream: ServerStream): void {
    const { outgoing } = stream
    const { unsent } = outgoing
    const size = Math.max(0, Math.min(unsent, stream.sendWindow, this.#sendWindow, this.#peer.maxFrame, LONGEST_FRAME))
    const end = outgoing.ended && size === unsent
    if (size === 0 && !end) return
    this.#output.add(this.head(size, FRAME.data, end ? FLAG.endStream : 0, stream.id))
    outgoing.take(size, this.#output)
    stream.sendWindow -= size
    this.#sendWindow -= size
    if (end) this.answered(stream)
    else if (size < unsent && stream.sendWindow > 0) this.#ready.add(stream)
    else stream.taken()
  }

  private answered(stream: ServerStream): void {
    if (!stream.received.complete) this.refuseRest(stream.id)
    this.remove(stream, 'answered')
  }

  /**
   * The client need not go on with a body that nobody wants. It is told a little later, since there are clients that forget an
   * answer that they have not read when they hear it (curl 7.88); until then they have a window's worth to send.
   */
  private refuseRest(id: number): void {
    this.remember(id)
    const tell = (): void => {
      this.#refused.delete(id)
      if (this.#state !== 'over') this.resetFrame(id, CODE.none)
    }
    this.#refused.set(id, this.#options.clock.setTimer(REFUSAL, tell))
  }

  /** The client has no more to send. */
  private hasEnded(id: number): void {
    this.#refused.get(id)?.cancel()
    this.#refused.delete(id)
  }

  /** Ends a stream before its time. Clients can make us do that as often as they can do it themselves (CVE-2025-8671). */
  private cut(stream: ServerStream, code: number): void {
    if (this.#streams.get(stream.id) !== stream) return
    if (!this.#resets.take()) {
      this.fail(CODE.enhanceYourCalm)
      return
    }
    this.resetFrame(stream.id, code)
    this.remove(stream, 'cut')
  }

  private remove(stream: ServerStream, how: 'answered' | 'cut'): void {
    this.#streams.delete(stream.id)
    this.#ready.delete(stream)
    if (this.#streams.size === 0) this.#patience.idles()
    stream.over(how)
    this.leaveWhenDone()
  }

  private leaveWhenDone(): void {
    if (this.#state === 'leaving' && this.#streams.size === 0) this.leave()
  }

  private leave(): void {
    this.#state = 'over'
    this.#output.flush()
    this.#socket.once('finish', () => {
      const timer = this.#options.clock.setTimer(LINGER, () => this.#socket.destroy())
      this.#socket.once('close', () => timer.cancel())
    })
    this.#socket.end()
  }

  private fail(code: number): void {
    if (this.#state === 'over') return
    this.#output.add(numbersFrame(FRAME.goAway, 0, 0, this.#last, code))
    this.leave()
    this.gone()
  }

  /** Nobody is left on the other side. */
  private gone(): void {
    this.#state = 'over'
    this.#patience.end()
    this.#ready.clear()
    for (const timer of this.#refused.values()) timer.cancel()
    this.#refused.clear()
    for (const stream of this.#streams.values()) stream.over('cut')
    this.#streams.clear()
  }

  /** Bytes of bodies that the connection has room for again. */
  private forget(bytes: number): void {
    this.#unreported += bytes
    if (this.#unreported < CONNECTION_WINDOW / 2) return
    this.#output.add(numbersFrame(FRAME.windowUpdate, 0, 0, this.#unreported))
    this.#receiveWindow += this.#unreported
    this.#unreported = 0
  }

  private idleFrame(): void {
    if (!this.#idleFrames.take()) throw new ConnectionError(CODE.enhanceYourCalm, 'too many frames that say nothing')
  }

  /** Answers a frame of the client, who has to read if it wants more of them. */
  private answer(frame: Buffer): void {
    if (this.#output.full && !this.#resets.take()) this.fail(CODE.enhanceYourCalm)
    else this.#output.add(frame)
  }

  private known(id: number): void {
    if (id > this.#last) throw new ConnectionError(CODE.protocol, 'a frame of a stream that was not opened')
  }

  private remember(id: number): void {
    this.#left.add(id)
    if (this.#left.size > MOST_LEFT) this.#left.delete(this.#left.values().next().value!)
  }

  private resetFrame(id: number, code: number): void {
    this.remember(id)
    this.answer(numbersFrame(FRAME.reset, 0, id, code))
  }

  private head(length: number, type: number, flags: number, id: number): Buffer {
    const bytes = Buffer.allocUnsafe(HEAD_BYTES)
    writeHead(bytes, 0, length, type, flags, id)
    return bytes
  }

  private sendHeaders(id: number, status: number, list: readonly string[], end: boolean): void {
    const block = this.#encoder.encode(String(status), list)
    const most = this.#peer.maxFrame
    const endStream = end ? FLAG.endStream : 0
    let type: number = FRAME.headers
    for (let at = 0; at < block.length; at += most) {
      const part = block.subarray(at, at + most)
      const last = at + most >= block.length ? FLAG.endHeaders : 0
      const bytes = Buffer.allocUnsafe(HEAD_BYTES + part.length)
      writeHead(bytes, 0, part.length, type, last | (at === 0 ? endStream : 0), id)
      bytes.set(part, HEAD_BYTES)
      this.#output.add(bytes)
      type = FRAME.continuation
    }
  }
}

/** Gives a stream more of its body; the code of what is wrong with that. */
function faultOf(stream: ServerStream, body: Buffer): number | undefined {
  if (stream.received.complete) return CODE.streamClosed
  if (stream.receiveWindow < 0) return CODE.flowControl
  return stream.received.push(body) ? undefined : CODE.protocol
}
