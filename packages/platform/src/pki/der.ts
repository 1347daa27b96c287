/** How values are written in ASN.1's distinguished encoding, as far as certificates need it (X.690, sections 8 and 10). */

/** Tags of the values that certificates consist of. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  text: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** One value: its tag, the length of its parts and these. */
function value(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Uint8Array.of(tag, ...lengthBytes(length)), ...parts])
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 | bytes.length, ...bytes]
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => value(TAG.sequence, ...parts)
/** A set of one: of several the encoding would depend on their order. */
export const setOf = (part: Uint8Array): Buffer => value(TAG.set, part)
export const yes = (): Buffer => value(TAG.boolean, Uint8Array.of(0xff))
export const nothing = (): Buffer => value(TAG.null)
/** A number that is not negative, by its bytes: the first is not 0 where there are several, and below 0x80. */
export const integer = (...bytes: readonly number[]): Buffer => value(TAG.integer, Uint8Array.from(bytes))
export const octets = (bytes: Uint8Array): Buffer => value(TAG.octets, bytes)
export const text = (characters: string): Buffer => value(TAG.text, Buffer.from(characters))
/** Whole bytes of bits. */
export const bytesOfBits = (bytes: Uint8Array): Buffer => value(TAG.bits, Uint8Array.of(0), bytes)
/** What stands inside a tag of its own. */
export const inTag = (number: number, inner: Uint8Array): Buffer => value(0xa0 | number, inner)
/** Bytes under a tag that says what they are. */
export const asTag = (number: number, bytes: Uint8Array): Buffer => value(0x80 | number, bytes)

/** Named bits, the first being the lowest of `flags` (at most 16): without those that are not set at the end. */
export function namedBits(flags: number): Buffer {
  const length = 32 - Math.clz32(flags)
  const bytes = new Uint8Array(Math.ceil(length / 8))
  for (let bit = 0; bit < length; bit++) if ((flags & (1 << bit)) !== 0) bytes[bit >> 3]! |= 0x80 >> (bit & 7)
  return value(TAG.bits, Uint8Array.of(bytes.length * 8 - length), bytes)
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return value(TAG.oid, Uint8Array.from([40 * first + second, ...rest].flatMap(arc => base128(arc))))
}

function base128(arc: number): number[] {
  const bytes = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128))
  return bytes
}

/** A time in whole seconds, in the form that its year asks for (RFC 5280, section 4.1.2.5). */
export function time(milliseconds: number): Buffer {
  const digits = `${new Date(milliseconds).toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`
  const year = Number(digits.slice(0, 4))
  return year >= 1950 && year < 2050
    ? value(TAG.utcTime, Buffer.from(digits.slice(2)))
    : value(TAG.generalizedTime, Buffer.from(digits))
}
