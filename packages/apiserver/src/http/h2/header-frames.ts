/** Puts a header block together that came in several frames (RFC 9113, section 6.10). */
import { CODE, ConnectionError, FLAG, FRAME, unpadded } from './frames.ts'

/** A block that is whole. */
export interface WholeBlock {
  readonly id: number
  readonly bytes: Buffer
  readonly endOfStream: boolean
}

const PRIORITY_BYTES = 5
const MOST_FRAMES = 256

interface Begun {
  readonly id: number
  readonly endOfStream: boolean
  readonly parts: Buffer[]
  size: number
}

export class HeaderFrames {
  readonly #limit: number
  #begun: Begun | undefined

  /** As they are sent, headers may have so many bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Nothing else may come before it is whole. */
  get unfinished(): boolean {
    return this.#begun !== undefined
  }

  headers(flags: number, id: number, payload: Buffer): WholeBlock | undefined {
    const rest = unpadded(flags, payload)
    const priority = (flags & FLAG.priority) === 0 ? 0 : PRIORITY_BYTES
    if (priority > rest.length) throw new ConnectionError(CODE.frameSize, 'a priority is missing')
    const bytes = rest.subarray(priority)
    const endOfStream = (flags & FLAG.endStream) !== 0
    if ((flags & FLAG.endHeaders) !== 0) return { id, bytes, endOfStream }
    this.#begun = { id, endOfStream, parts: [bytes], size: bytes.length }
    return undefined
  }

  /** Throws ConnectionError for what does not go on with what was begun, and for more than anybody needs. */
  goOn(flags: number, id: number, payload: Buffer): WholeBlock | undefined {
    const begun = this.#begun
    if (begun === undefined || begun.id !== id) throw new ConnectionError(CODE.protocol, 'headers of no request')
    begun.parts.push(payload)
    begun.size += payload.length
    if (begun.size > this.#limit || begun.parts.length > MOST_FRAMES)
      throw new ConnectionError(CODE.enhanceYourCalm, 'headers without an end')
    if ((flags & FLAG.endHeaders) === 0) return undefined
    this.#begun = undefined
    return { id, bytes: Buffer.concat(begun.parts), endOfStream: begun.endOfStream }
  }

  /** Throws where a frame of another type comes between. */
  expect(type: number): void {
    if (this.unfinished && type !== FRAME.continuation)
      throw new ConnectionError(CODE.protocol, 'headers were interrupted')
  }
}
