/** Frames of HTTP/2 (RFC 9113, sections 4, 6 and 7): their numbers, and how they are written. */

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const FLAG = { endStream: 1, acknowledged: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const

export const CODE = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const

export const SETTING = { headerTable: 1, push: 2, maxStreams: 3, window: 4, maxFrame: 5, maxHeaderList: 6 } as const

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const HEAD_BYTES = 9
/** The smallest limit that anybody may have for what a frame carries, and ours. */
export const FRAME_BYTES = 16_384
/** What a window holds where nobody has said anything, and the most that it can. */
export const DEFAULT_WINDOW = 65_535
export const LARGEST_WINDOW = 2 ** 31 - 1

/** What ends the whole connection: the code goes out with GOAWAY. */
export class ConnectionError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.name = 'ConnectionError'
    this.code = code
  }
}

/** Writes the head of a frame. */
export function writeHead(into: Buffer, at: number, length: number, type: number, flags: number, id: number): void {
  into[at] = length >> 16
  into[at + 1] = length >> 8
  into[at + 2] = length
  into[at + 3] = type
  into[at + 4] = flags
  into[at + 5] = id >> 24
  into[at + 6] = id >> 16
  into[at + 7] = id >> 8
  into[at + 8] = id
}

/** A frame whose payload are numbers of 32 bits. */
export function numbersFrame(type: number, flags: number, id: number, ...numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + 4 * numbers.length)
  writeHead(bytes, 0, 4 * numbers.length, type, flags, id)
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, HEAD_BYTES + 4 * index)
  return bytes
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + 6 * settings.length)
  writeHead(bytes, 0, 6 * settings.length, FRAME.settings, 0, 0)
  settings.forEach(([name, value], index) => {
    bytes.writeUInt16BE(name, HEAD_BYTES + 6 * index)
    bytes.writeUInt32BE(value, HEAD_BYTES + 6 * index + 2)
  })
  return bytes
}

export type TakeFrame = (type: number, flags: number, id: number, payload: Buffer) => void

/** Cuts what arrives into frames. What follows a part of a frame is put together with it when it comes. */
export class FrameReader {
  readonly #take: TakeFrame
  #rest: Buffer | undefined
  #begun = false

  constructor(take: TakeFrame) {
    this.#take = take
  }

  /** Throws ConnectionError for what is no HTTP/2, or too much of it. */
  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = this.#begun ? 0 : this.preface(bytes)
    while (bytes.length - at >= HEAD_BYTES && this.#begun) {
      const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
      if (length > FRAME_BYTES) throw new ConnectionError(CODE.frameSize, 'a frame is too long')
      const end = at + HEAD_BYTES + length
      if (end > bytes.length) break
      const id = bytes.readUInt32BE(at + 5) & 0x7fffffff
      this.#take(bytes[at + 3]!, bytes[at + 4]!, id, bytes.subarray(at + HEAD_BYTES, end))
      at = end
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at)
  }

  private preface(bytes: Buffer): number {
    const seen = Math.min(bytes.length, PREFACE.length)
    if (bytes.compare(PREFACE, 0, seen, 0, seen) !== 0) throw new ConnectionError(CODE.protocol, 'no preface')
    this.#begun = seen === PREFACE.length
    return this.#begun ? seen : 0
  }
}

/** What is left of a payload without its padding. */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & FLAG.padded) === 0) return payload
  const padding = payload[0] ?? payload.length
  if (padding >= payload.length) throw new ConnectionError(CODE.protocol, 'more padding than there is')
  return payload.subarray(1, payload.length - padding)
}

const PRIORITY_BYTES = 5

/** Frames that change nothing must be well-formed too. */
export function checkOther(type: number, id: number, payload: Buffer): void {
  if (type === FRAME.pushPromise) throw new ConnectionError(CODE.protocol, 'clients promise nothing')
  if (type === FRAME.goAway && id !== 0) throw new ConnectionError(CODE.protocol, 'one stream that goes away')
  if (type === FRAME.priority) sized(payload, PRIORITY_BYTES)
  if (type === FRAME.priority) clientStream(id)
}

/** Throws where that is no stream of a client. */
export function clientStream(id: number): number {
  if (id % 2 === 0) throw new ConnectionError(CODE.protocol, 'clients open streams of odd numbers')
  return id
}

/** Throws where a payload has another length. */
export function sized(payload: Buffer, length: number): void {
  if (payload.length !== length) throw new ConnectionError(CODE.frameSize, 'a frame of the wrong size')
}
