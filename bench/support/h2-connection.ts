/**
 * An HTTP/2 client that costs a few microseconds per request, so that a load generator on the same machine takes little from
 * the server that it measures (RFC 9113; HPACK without tables, RFC 7541). Takes any number of streams, waits for the server's
 * windows before it sends, and gives the server windows that never fill.
 */
import { connect, type TLSSocket } from 'node:tls'

export interface Credentials {
  port: number
  ca: string
  cert: string
  key: string
}

/** Hears what becomes of one request. */
export interface StreamListener {
  /** The answer's status begins with 2. */
  headers?(success: boolean): void
  data?(bytes: Buffer): void
  end?(): void
}

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 }
const FLAG = { endStream: 1, endHeaders: 4, acknowledged: 1, padded: 8 }
const MOST = 2 ** 31 - 1
const REFILL = 2 ** 30

export class H2Connection {
  readonly #socket: TLSSocket
  readonly #listeners = new Map<number, StreamListener>()
  readonly #unsent: { id: number; body: Buffer }[] = []
  #out: Buffer[] = []
  #rest: Buffer | undefined
  #nextId = 1
  #sendWindow = 65_535
  #received = 0
  #failure: Error | undefined
  #closing = false

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.read(chunk))
    socket.on('error', error => this.fail(error))
    socket.on('close', () => this.fail(new Error('the server closed the connection')))
    const settings = Buffer.from([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff])
    socket.write(
      Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame(FRAME.settings, 0, 0, settings),
        frame(FRAME.windowUpdate, 0, 0, uint32(MOST - 65_535)),
      ]),
    )
  }

  static open({ port, ca, cert, key }: Credentials): Promise<H2Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, ca, cert, key, ALPNProtocols: ['h2'] }, () => {
        socket.setNoDelay(true)
        socket.off('error', reject)
        resolve(new H2Connection(socket))
      })
      socket.once('error', reject)
    })
  }

  /** Sends a request whose head was made by `requestHead`. What is sent in one turn goes out as one write. */
  request(head: Buffer, body: Buffer | undefined, listener: StreamListener): void {
    if (this.#failure) throw this.#failure
    const id = this.#nextId
    this.#nextId += 2
    this.#listeners.set(id, listener)
    this.send(frame(FRAME.headers, FLAG.endHeaders | (body === undefined ? FLAG.endStream : 0), id, head))
    if (body !== undefined) {
      this.#unsent.push({ id, body })
      this.sendBodies()
    }
  }

  /** The whole answer of one request. Rejects where its status does not begin with 2. */
  fetch(head: Buffer, body?: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let success = false
      this.request(head, body, {
        headers: ok => {
          success = ok
        },
        data: bytes => chunks.push(Buffer.from(bytes)),
        end: () => {
          const answer = Buffer.concat(chunks)
          if (success) resolve(answer)
          else reject(new Error(`refused: ${answer.toString().slice(0, 500)}`))
        },
      })
    })
  }

  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  private fail(error: Error): void {
    if (this.#closing || this.#failure) return
    this.#failure = error
    for (const listener of this.#listeners.values()) {
      listener.headers?.(false)
      listener.end?.()
    }
    this.#listeners.clear()
  }

  private send(bytes: Buffer): void {
    if (this.#out.push(bytes) > 1) return
    setImmediate(() => {
      const out = this.#out
      this.#out = []
      if (!this.#socket.destroyed) this.#socket.write(out.length === 1 ? out[0]! : Buffer.concat(out))
    })
  }

  private sendBodies(): void {
    while (this.#unsent.length > 0 && this.#unsent[0]!.body.length <= this.#sendWindow) {
      const { id, body } = this.#unsent.shift()!
      this.#sendWindow -= body.length
      this.send(frame(FRAME.data, FLAG.endStream, id, body))
    }
  }

  private read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3)
      if (bytes.length - at < 9 + length) break
      this.take(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes.subarray(at + 9, at + 9 + length))
      at += 9 + length
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at)
  }

  private take(type: number, flags: number, id: number, payload: Buffer): void {
    const listener = this.#listeners.get(id)
    switch (type) {
      case FRAME.data:
        this.refill(payload.length)
        listener?.data?.(payload)
        if (flags & FLAG.endStream) this.end(id, listener)
        break
      case FRAME.headers:
        listener?.headers?.(isSuccess(payload))
        if (flags & FLAG.endStream) this.end(id, listener)
        break
      case FRAME.reset:
        listener?.headers?.(false)
        this.end(id, listener)
        break
      case FRAME.settings:
        if (!(flags & FLAG.acknowledged)) this.send(frame(FRAME.settings, FLAG.acknowledged, 0))
        break
      case FRAME.ping:
        if (!(flags & FLAG.acknowledged)) this.send(frame(FRAME.ping, FLAG.acknowledged, 0, Buffer.from(payload)))
        break
      case FRAME.goAway:
        this.fail(new Error(`the server gave up the connection: code ${payload.readUInt32BE(4)}`))
        break
      case FRAME.windowUpdate:
        if (id !== 0) return
        this.#sendWindow += payload.readUInt32BE(0)
        this.sendBodies()
    }
  }

  private end(id: number, listener: StreamListener | undefined): void {
    this.#listeners.delete(id)
    listener?.end?.()
  }

  private refill(length: number): void {
    this.#received += length
    if (this.#received < REFILL) return
    this.send(frame(FRAME.windowUpdate, 0, 0, uint32(this.#received)))
    this.#received = 0
  }
}

/** Names of HPACK's static table that are needed, by index. */
const NAMES = { ':authority': 1, ':method': 2, ':path': 4, accept: 19, 'content-type': 31 }

/** The header block of a JSON request; may be used again and again. `contentType` is that of the body. */
export function requestHead(method: string, path: string, contentType = 'application/json'): Buffer {
  return Buffer.concat([
    method === 'GET'
      ? Buffer.from([0x82])
      : method === 'POST'
        ? Buffer.from([0x83])
        : literal(NAMES[':method'], method),
    Buffer.from([0x87]),
    literal(NAMES[':path'], path),
    literal(NAMES[':authority'], 'localhost'),
    literal(NAMES.accept, 'application/json'),
    ...(method === 'GET' ? [] : [literal(NAMES['content-type'], contentType)]),
  ])
}

/** A header that goes into no table, its value as it is. */
function literal(name: number, value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([integer(4, name), integer(7, bytes.length), bytes])
}

/** HPACK's integer with a prefix of so many bits. */
function integer(bits: number, value: number): Buffer {
  const limit = 2 ** bits - 1
  if (value < limit) return Buffer.from([value])
  const bytes = [limit]
  let rest = value - limit
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** Whether a header block, made without tables, starts with a status of 2xx. */
function isSuccess(block: Buffer): boolean {
  let at = 0
  while ((block[at]! & 0xe0) === 0x20) at++ // changes of the table's size
  const first = block[at]!
  if (first & 0x80) return first === 0x88 || first === 0x89 || first === 0x8a
  const value = block[at + 2]! // after the name's index and the value's length
  return block[at + 1]! & 0x80 ? value >> 3 === 0b00010 : value === 0x32 // `2`, by Huffman's code or as it is
}

function frame(type: number, flags: number, id: number, payload?: Buffer): Buffer {
  const length = payload?.length ?? 0
  const bytes = Buffer.allocUnsafe(9 + length)
  bytes.writeUIntBE(length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(id, 5)
  payload?.copy(bytes, 9)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
