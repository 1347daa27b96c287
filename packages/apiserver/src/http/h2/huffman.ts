/** Huffman's code of HPACK (RFC 7541, appendix B): a canonical one, so that the lengths of its codes say it all. */

/** Bits of each byte's code, and of the end's. */
const LENGTHS = [
  [13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28],
  [28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6],
  [6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  [7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  [6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23],
  [23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21],
  [23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19],
  [22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  [20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27],
  [27, 27, 27, 26, 30],
].flat()

const END = 256
const LONGEST = 30
/** By the next eight bits: the byte whose code they begin with, and its length above that; 0 where the code is longer. */
const SHORT = new Uint16Array(256)
/** By length: the first code, and where its bytes begin in `BYTES`. */
const FIRST = new Uint32Array(LONGEST + 2)
const STARTS = new Uint16Array(LONGEST + 2)
/** Bytes in the order of their codes. */
const BYTES = [...LENGTHS.keys()].sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b)

for (let length = 1, code = 0, at = 0; length <= LONGEST; length++, code *= 2) {
  FIRST[length] = code
  STARTS[length] = at
  for (; LENGTHS[BYTES[at]!] === length; at++, code++) {
    if (length <= 8) SHORT.fill(BYTES[at]! | (length << 8), code << (8 - length), (code + 1) << (8 - length))
  }
  STARTS[length + 1] = at
}

let decoded = Buffer.allocUnsafeSlow(4096)

/** What these bytes are the code of, each byte as one character; undefined where they are not a code. */
export function decodeHuffman(bytes: Buffer, from: number, to: number): string | undefined {
  const most = Math.ceil(((to - from) * 8) / 5)
  if (decoded.length < most) decoded = Buffer.allocUnsafeSlow(most * 2)
  const bits = to * 8
  let bit = from * 8
  let size = 0
  while (bit < bits) {
    const at = bit >>> 3
    // What follows the end are ones, as the padding.
    const two = (bytes[at]! << 8) | (at + 1 < to ? bytes[at + 1]! : 0xff)
    const next = (two >> (8 - (bit & 7))) & 0xff
    const short = SHORT[next]!
    const left = bits - bit
    if (short !== 0 && short >> 8 <= left) {
      decoded[size++] = short
      bit += short >> 8
    } else if (left < 8) {
      return next === 0xff ? decoded.toString('latin1', 0, size) : undefined
    } else {
      const long = longCode(bytes, bit, bits)
      if (long === undefined) return undefined
      decoded[size++] = long.byte
      bit += long.length
    }
  }
  return decoded.toString('latin1', 0, size)
}

/** A byte whose code has more than eight bits: few do, and they are rare. */
function longCode(bytes: Buffer, bit: number, bits: number): { byte: number; length: number } | undefined {
  let code = 0
  for (let length = 1; length <= LONGEST && bit < bits; length++, bit++) {
    code = code * 2 + ((bytes[bit >>> 3]! >> (7 - (bit & 7))) & 1)
    const place = STARTS[length]! + code - FIRST[length]!
    if (place >= STARTS[length + 1]!) continue
    const byte = BYTES[place]!
    return byte === END ? undefined : { byte, length }
  }
  return undefined
}
