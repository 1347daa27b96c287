import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { constants, createDeflate, type Deflate } from 'node:zlib'

const VERSION = 0x8003
const SYN_STREAM = 1
const SYN_REPLY = 2
const RST_STREAM = 3
const PING = 6
const GO_AWAY = 7
const FIN = 0x01
const HEADER_BYTES = 8

/** Who takes what a stream brings. */
export interface SpdyReceiver {
  onData(data: Buffer): void
  /** No more data comes: the other side has finished or reset the stream, or the connection is gone. */
  onEnd(): void
}

/** A stream within a SPDY connection. */
export interface SpdyStream {
  /** Hands everything that comes to `receiver`, first what has come before: the reply, data and the end may arrive together. */
  receive(receiver: SpdyReceiver): void
  /** Returns false where the connection is full; see `SpdyConnection.drained`. */
  write(data: Buffer): boolean
  /** Ends our half. */
  end(): void
}

interface Stream extends SpdyStream {
  receiver: SpdyReceiver | undefined
  /** What came while nobody received. */
  early: Buffer[]
  ended: boolean
  replied(accepted: boolean): void
}

/**
 * The client's side of SPDY/3.1 as container runtimes serve it for exec, attach and port-forward (draft-mbelshe-httpbis-spdy-00;
 * moby/spdystream): no flow control, and headers of replies are of no interest, so they are not even unpacked.
 */
export class SpdyConnection {
  readonly #socket: Duplex
  readonly #streams = new Map<number, Stream>()
  /** Headers are packed as one zlib stream for the whole connection; its preset dictionary is optional, and left out. */
  readonly #deflate: Deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH })
  #nextId = 1
  /** Streams are opened one after the other: their headers have to be sent in the order in which they were packed. */
  #opening: Promise<unknown> = Promise.resolve()
  #received: Buffer

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.#received = head
    socket.on('data', (data: Buffer) => {
      this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
      this.#parse()
    })
    socket.on('close', () => this.#endAll())
    setImmediate(() => this.#parse())
  }

  /** Opens a stream and waits until the other side has accepted it. Rejects where it does not. */
  async open(headers: Readonly<Record<string, string>>): Promise<SpdyStream> {
    const id = this.#nextId
    this.#nextId += 2
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const stream: Stream = {
      receiver: undefined,
      early: [],
      ended: false,
      receive(receiver) {
        stream.receiver = receiver
        for (const data of stream.early.splice(0)) receiver.onData(data)
        if (stream.ended) receiver.onEnd()
      },
      replied: accepted => (accepted ? resolve() : reject(new Error('the runtime refused a stream'))),
      write: data => this.#send(id, 0, data),
      end: () => void this.#send(id, FIN, Buffer.alloc(0)),
    }
    this.#streams.set(id, stream)
    this.#opening = this.#opening.then(async () => {
      const start = Buffer.alloc(10)
      start.writeUInt32BE(id)
      this.#control(SYN_STREAM, Buffer.concat([start, await this.#pack(headers)]))
    })
    await promise
    return stream
  }

  /** Stops reading until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  drained(callback: () => void): void {
    this.#socket.once('drain', callback)
  }

  close(): void {
    this.#socket.destroy()
  }

  #pack(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    const entries = Object.entries(headers)
    const text = (value: string): Buffer => Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)])
    const block = Buffer.concat([
      uint32(entries.length),
      ...entries.flatMap(([name, value]) => [text(name), text(value)]),
    ])
    return new Promise(resolve => {
      this.#deflate.write(block, () => {
        this.#deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(this.#deflate.read() ?? Buffer.alloc(0)))
      })
    })
  }

  #control(type: number, body: Buffer): void {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt16BE(VERSION, 0)
    header.writeUInt16BE(type, 2)
    header.writeUInt32BE(body.length, 4)
    this.#socket.write(Buffer.concat([header, body]))
  }

  #send(id: number, flags: number, data: Buffer): boolean {
    if (this.#socket.destroyed) return true
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32BE(id, 0)
    header.writeUInt32BE(data.length, 4)
    header[4] = flags
    return this.#socket.write(Buffer.concat([header, data]))
  }

  #parse(): void {
    while (this.#received.length >= HEADER_BYTES) {
      const length = this.#received.readUIntBE(5, 3)
      if (this.#received.length < HEADER_BYTES + length) return
      const word = this.#received.readUInt32BE(0)
      const flags = this.#received[4]!
      const body = this.#received.subarray(HEADER_BYTES, HEADER_BYTES + length)
      this.#received = this.#received.subarray(HEADER_BYTES + length)
      if (word >>> 31 === 1) this.#handleControl(word & 0xffff, body)
      else this.#handleData(word, flags, body)
    }
  }

  #handleControl(type: number, body: Buffer): void {
    if (type === PING) this.#control(PING, body)
    else if (type === GO_AWAY) this.#socket.end()
    else if (type === SYN_REPLY || type === RST_STREAM) {
      const stream = this.#streams.get(body.readUInt32BE(0) & 0x7fffffff)
      if (stream === undefined) return
      stream.replied(type === SYN_REPLY)
      if (type === RST_STREAM) this.#end(stream)
    }
  }

  #handleData(id: number, flags: number, body: Buffer): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (body.length > 0 && stream.receiver) stream.receiver.onData(body)
    else if (body.length > 0) stream.early.push(body)
    if ((flags & FIN) !== 0) this.#end(stream)
  }

  #end(stream: Stream): void {
    if (stream.ended) return
    stream.ended = true
    stream.receiver?.onEnd()
  }

  #endAll(): void {
    for (const stream of this.#streams.values()) {
      stream.replied(false)
      this.#end(stream)
    }
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A connection of the runtime's streaming server, switched to SPDY. Rejects with its answer where it does not switch. */
export function upgradeToSpdy(url: string, protocol: string): Promise<{ socket: Socket; head: Buffer }> {
  const { hostname, port, pathname, search, host } = new URL(url)
  const lines = [
    `POST ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
    'Content-Length: 0',
  ]
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.setNoDelay(true)
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    })
    let received = Buffer.alloc(0)
    const onData = (data: Buffer): void => {
      received = Buffer.concat([received, data])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', onData)
      socket.off('error', reject)
      const status = received.toString('latin1', 0, received.indexOf('\r\n'))
      if (!/^HTTP\/1\.1 101 /.test(status)) {
        socket.destroy()
        reject(new Error(`the container runtime answered ${JSON.stringify(status)}`))
        return
      }
      socket.on('error', () => socket.destroy())
      socket.pause()
      resolve({ socket, head: received.subarray(end + 4) })
    }
    socket.on('data', onData)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the container runtime closed the connection')))
  })
}
