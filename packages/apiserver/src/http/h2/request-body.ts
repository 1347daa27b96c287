/** The body of one request: kept until somebody wants it, whole or as a stream. What was read, the sender may send anew. */
import { Readable } from 'node:stream'
import { BODY_LIMIT, tooLargeError } from '../body.ts'
import { BodyAborted } from '../message.ts'

interface Waiting {
  resolve(body: Uint8Array): void
  reject(error: Error): void
}

export class RequestBody {
  readonly #announced: number | undefined
  readonly #read: (bytes: number) => void
  #chunks: Buffer[] = []
  /** Bytes that have arrived in all. */
  #size = 0
  #state: 'open' | 'complete' | 'cut' = 'open'
  #use: 'none' | 'whole' | 'stream' | 'unwanted' = 'none'
  #waiting: Waiting | undefined
  #stream: BodyStream | undefined

  /** `announced` is its length where that is known; `read` hears how many bytes have been taken. */
  constructor(announced: number | undefined, read: (bytes: number) => void) {
    this.#announced = announced
    this.#read = read
  }

  get complete(): boolean {
    return this.#state === 'complete'
  }

  /** Nothing has come, and nobody has asked for it. */
  get untouched(): boolean {
    return this.#state === 'open' && this.#use === 'none' && this.#size === 0
  }

  get empty(): boolean {
    return this.#size === 0
  }

  /** False where that is more than was announced. */
  push(chunk: Buffer): boolean {
    this.#size += chunk.length
    if (this.#announced !== undefined && this.#size > this.#announced) return false
    switch (this.#use) {
      case 'unwanted':
        this.#read(chunk.length)
        break
      case 'stream':
        this.#stream!.hand(chunk)
        break
      case 'whole':
        this.#read(chunk.length)
        this.collect(chunk)
        break
      case 'none':
        this.#chunks.push(chunk)
    }
    return true
  }

  /** Nothing more comes. False where that is less than was announced. */
  end(): boolean {
    if (this.#announced !== undefined && this.#size !== this.#announced) return false
    this.#state = 'complete'
    this.#waiting?.resolve(this.joined())
    this.#stream?.push(null)
    return true
  }

  /** The rest never comes. */
  cut(): void {
    if (this.#state !== 'open') return
    this.#state = 'cut'
    this.#waiting?.reject(new BodyAborted())
    this.#stream?.destroy(new BodyAborted())
    this.discard()
  }

  /** Rejects with StatusError 413 beyond the limit, and with `BodyAborted` where it does not come whole. */
  whole(): Uint8Array | Promise<Uint8Array> {
    if ((this.#announced ?? this.#size) > BODY_LIMIT) {
      this.discard()
      return Promise.reject(tooLargeError())
    }
    if (this.#state === 'cut') return Promise.reject(new BodyAborted())
    if (this.#use !== 'stream') this.use('whole')
    if (this.complete) return this.joined()
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  /** The same as a stream, without a limit. */
  stream(): Readable {
    const stream = new BodyStream(this.#read, () => {
      if (this.#state === 'open') this.#use = 'unwanted'
    })
    this.#stream = stream
    this.#use = 'stream'
    for (const chunk of this.#chunks) stream.hand(chunk)
    this.#chunks = []
    if (this.#state === 'complete') stream.push(null)
    if (this.#state === 'cut') stream.destroy(new BodyAborted())
    return stream
  }

  /** Nobody wants what is there and what is still to come. */
  discard(): void {
    if (this.#use === 'stream') this.#stream!.destroy()
    this.use('unwanted')
    this.#chunks = []
  }

  private use(use: 'whole' | 'unwanted'): void {
    const kept = this.#use === 'none' ? this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0) : 0
    this.#use = use
    if (kept > 0) this.#read(kept)
  }

  private collect(chunk: Buffer): void {
    if (this.#size <= BODY_LIMIT) {
      this.#chunks.push(chunk)
      return
    }
    this.#waiting?.reject(tooLargeError())
    this.discard()
  }

  private joined(): Uint8Array {
    const chunks = this.#chunks
    this.#chunks = []
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }
}

/** What it handed on counts as read when its reader asks for more. */
class BodyStream extends Readable {
  readonly #readBytes: (bytes: number) => void
  readonly #closed: () => void
  #handedOn = 0

  constructor(readBytes: (bytes: number) => void, closed: () => void) {
    super({ highWaterMark: 0 })
    this.#readBytes = readBytes
    this.#closed = closed
  }

  hand(chunk: Buffer): void {
    this.#handedOn += chunk.length
    this.push(chunk)
  }

  override _read(): void {
    const bytes = this.#handedOn
    this.#handedOn = 0
    if (bytes > 0) this.#readBytes(bytes)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this._read()
    this.#closed()
    done(error)
  }
}
