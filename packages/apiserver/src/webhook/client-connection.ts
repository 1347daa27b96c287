/**
 * An HTTP/2 connection whose death is noticed, and which ends when nobody uses it (golang.org/x/net/http2 Transport's
 * ReadIdleTimeout and PingTimeout as k8s.io/apimachinery/pkg/util/net/http.go sets them; net/http Transport's IdleConnTimeout).
 */
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Clock, Timer } from '@canopus/base'

/** Milliseconds without a frame from the server after which it is asked whether it is there. */
const READ_IDLE = 30_000
/** Milliseconds for the answer. */
const PING = 15_000
/** Milliseconds without a request after which the connection is closed. */
const IDLE = 90_000

export class ClientConnection {
  readonly #session: ClientHttp2Session
  readonly #clock: Clock
  #lastRead: number
  #requests = 0
  /** The last request that the server means to answer, once it has said that it goes. */
  #lastProcessed = Number.POSITIVE_INFINITY
  #readTimer: Timer
  #pingTimer: Timer | undefined
  #idleTimer: Timer | undefined

  /** `dropped` is called when no new requests may be sent; perhaps more than once. */
  constructor(session: ClientHttp2Session, clock: Clock, dropped: (session: ClientConnection) => void) {
    this.#session = session
    this.#clock = clock
    this.#lastRead = clock.monotonic()
    this.#readTimer = this.expectFrames(READ_IDLE)
    // Errors reach those who ask over their streams.
    session.on('error', () => dropped(this))
    session.on('remoteSettings', this.read)
    session.on('goaway', (_code, lastStreamId) => {
      this.#lastProcessed = lastStreamId
      dropped(this)
    })
    session.on('close', () => {
      for (const timer of [this.#readTimer, this.#pingTimer, this.#idleTimer]) timer?.cancel()
      dropped(this)
    })
  }

  get usable(): boolean {
    return !this.#session.closed && !this.#session.destroyed && this.#lastProcessed === Number.POSITIVE_INFINITY
  }

  /** Throws where the connection has just been closed. */
  request(headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    const stream = this.#session.request(headers, { endStream })
    this.#requests++
    this.#idleTimer?.cancel()
    stream.on('response', this.read)
    stream.on('data', this.read)
    stream.on('close', () => {
      if (--this.#requests > 0 || !this.usable) return
      this.#idleTimer = this.#clock.setTimer(IDLE, () => this.#session.close())
    })
    return stream
  }

  /** Whether the server has gone without having begun with this request. */
  leftOut({ id }: ClientHttp2Stream): boolean {
    return id === undefined || id > this.#lastProcessed
  }

  /** Once what is being asked is answered. */
  close(): void {
    this.#session.close()
  }

  destroy(): void {
    this.#session.destroy()
  }

  private readonly read = (): void => {
    this.#lastRead = this.#clock.monotonic()
  }

  private expectFrames(within: number): Timer {
    return this.#clock.setTimer(within, () => {
      const left = this.#lastRead + READ_IDLE - this.#clock.monotonic()
      if (left > 0) this.#readTimer = this.expectFrames(left)
      else this.ping()
    })
  }

  private ping(): void {
    if (this.#session.destroyed) return
    this.#pingTimer = this.#clock.setTimer(PING, () => {
      this.#session.destroy(new Error('http2: client connection lost'))
    })
    this.#session.ping(error => {
      this.#pingTimer?.cancel()
      if (error !== null || this.#session.destroyed) return
      this.read()
      this.#readTimer = this.expectFrames(READ_IDLE)
    })
  }
}
