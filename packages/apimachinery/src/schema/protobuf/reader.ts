const decoder = new TextDecoder()
const SHORT_TEXT = 12

/** The bytes are no protobuf message. The messages are those of Kubernetes' generated decoders. */
export class ProtobufError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtobufError'
  }
}

/** A RawExtension whose bytes are no JSON. Protobuf carries them; Go panics as soon as it looks into the object. */
export class UnreadableRawError extends Error {
  constructor(options?: ErrorOptions) {
    super('a raw extension holds bytes that are no JSON', options)
    this.name = 'UnreadableRawError'
  }
}

/** Reads protobuf values one after the other. Every method throws ProtobufError where the bytes end too early. */
export class ProtobufReader {
  at: number
  readonly end: number
  private readonly buffer: Uint8Array

  constructor(buffer: Uint8Array, at = 0, end = buffer.length) {
    this.buffer = buffer
    this.at = at
    this.end = end
  }

  get done(): boolean {
    return this.at >= this.end
  }

  /** An unsigned varint below 2^53, else ProtobufError. Tags and lengths. */
  unsigned(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw new ProtobufError('unexpected EOF')
      const byte = this.buffer[this.at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw new ProtobufError('proto: integer overflow')
        return value
      }
      factor *= 128
    }
    throw new ProtobufError('proto: integer overflow')
  }

  /** A signed varint of 64 bits: a number where it is exact, else a bigint. */
  signed(): number | bigint {
    const byte = this.buffer[this.at]!
    if (this.at < this.end && byte < 0x80) {
      this.at++
      return byte
    }
    const value = BigInt.asIntN(64, this.wide())
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }

  /** An unsigned varint of 64 bits. */
  unsigned64(): number | bigint {
    const value = BigInt.asUintN(64, this.wide())
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }

  private wide(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw new ProtobufError('unexpected EOF')
      const byte = this.buffer[this.at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw new ProtobufError('proto: integer overflow')
  }

  double(): number {
    const at = this.skipBytes(8)
    return new DataView(this.buffer.buffer, this.buffer.byteOffset + at, 8).getFloat64(0, true)
  }

  /** The value behind a length, as a view on the buffer. */
  bytes(): Uint8Array {
    const length = this.unsigned()
    const at = this.skipBytes(length)
    return this.buffer.subarray(at, at + length)
  }

  text(): string {
    const length = this.unsigned()
    const at = this.skipBytes(length)
    if (length <= SHORT_TEXT) {
      let text = ''
      let index = at
      for (; index < at + length; index++) {
        const code = this.buffer[index]!
        if (code > 0x7f) break
        text += String.fromCharCode(code)
      }
      if (index === at + length) return text
    }
    return decoder.decode(this.buffer.subarray(at, at + length))
  }

  /** A reader of the message behind a length. */
  message(): ProtobufReader {
    const length = this.unsigned()
    const at = this.skipBytes(length)
    return new ProtobufReader(this.buffer, at, at + length)
  }

  /** Passes over the value of a field that nobody knows. */
  skip(wireType: number): void {
    switch (wireType) {
      case 0:
        this.wide()
        return
      case 1:
        this.skipBytes(8)
        return
      case 2:
        this.skipBytes(this.unsigned())
        return
      case 5:
        this.skipBytes(4)
        return
      default:
        throw new ProtobufError(`proto: illegal wireType ${wireType}`)
    }
  }

  private skipBytes(count: number): number {
    const { at } = this
    if (count > this.end - at) throw new ProtobufError('unexpected EOF')
    this.at = at + count
    return at
  }
}
