/** The only source of randomness: seeded in tests and simulations, the machine's own elsewhere. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** `length` random bytes; unpredictable where the implementation is the machine's. */
  bytes(length: number): Uint8Array
}

/** A whole number in [0, limit). */
export function randomInt(random: Random, limit: number): number {
  return Math.floor(random.next() * limit)
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A random (version 4) UUID in its canonical text form (RFC 9562). */
export function uuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  let text = ''
  for (let at = 0; at < 16; at++)
    text += at === 4 || at === 6 || at === 8 || at === 10 ? `-${HEX[bytes[at]!]}` : HEX[bytes[at]!]
  return text
}
