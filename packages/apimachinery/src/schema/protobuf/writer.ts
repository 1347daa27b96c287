const encoder = new TextEncoder()
const MOST_SAFE_SHIFT = 0x80000000

/**
 * Writes protobuf from the end of a buffer to its beginning, so that the length of a message is known when its prefix is written.
 * Everything is therefore written in reverse: last field first, and of a field the value before its tag.
 */
export class ProtobufWriter {
  private buffer: Uint8Array<ArrayBuffer>
  /** Index of the first byte written. */
  private start: number

  constructor(size = 1024) {
    this.buffer = new Uint8Array(size)
    this.start = size
  }

  /** Bytes written so far; the difference of two is the length of what was written between. */
  get written(): number {
    return this.buffer.length - this.start
  }

  /** What was written. A copy, so that the writer may be used again. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = this.buffer.slice(this.start)
    this.start = this.buffer.length
    return bytes
  }

  /** Makes room for `count` bytes and returns where they begin. */
  private reserve(count: number): number {
    if (this.start < count) {
      const used = this.written
      const larger = new Uint8Array(Math.max(this.buffer.length * 2, used + count))
      larger.set(this.buffer.subarray(this.start), larger.length - used)
      this.buffer = larger
      this.start = larger.length - used
    }
    this.start -= count
    return this.start
  }

  bytes(bytes: Uint8Array): void {
    // The buffer may be another one once there is room.
    const at = this.reserve(bytes.length)
    this.buffer.set(bytes, at)
  }

  /** The text's bytes, without a length. Returns their number. */
  text(text: string): number {
    const { length } = text
    const at = this.reserve(length)
    const { buffer } = this
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) {
        this.start += length
        const bytes = encoder.encode(text)
        this.bytes(bytes)
        return bytes.length
      }
      buffer[at + index] = code
    }
    return length
  }

  /** An unsigned or negative integer as varint; negative ones take ten bytes. */
  varint(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < MOST_SAFE_SHIFT) {
      let size = 1
      for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++
      let at = this.reserve(size)
      let rest = value
      for (; rest > 0x7f; rest >>>= 7) this.buffer[at++] = (rest & 0x7f) | 0x80
      this.buffer[at] = rest
      return
    }
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    this.bytes(Uint8Array.from(bytes))
  }

  double(value: number): void {
    const at = this.reserve(8)
    new DataView(this.buffer.buffer).setFloat64(at, value, true)
  }
}
