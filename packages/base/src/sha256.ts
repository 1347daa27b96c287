/** The first bits of the fractional parts of the cube roots of the first primes, and of their square roots (FIPS 180-4). */
const primes: number[] = []
for (let n = 2; primes.length < 64; n++) if (primes.every(prime => n % prime !== 0)) primes.push(n)
const fraction = (root: number): number => Math.floor((root % 1) * 2 ** 32) >>> 0
const K = primes.map(prime => fraction(Math.cbrt(prime)))
const START = primes.slice(0, 8).map(prime => fraction(Math.sqrt(prime)))

/** SHA-256 of a text's UTF-8 bytes in hexadecimal, for names that others compute too; nothing here is secret. */
export function sha256(text: string): string {
  return hexOf(digest(new TextEncoder().encode(text)))
}

const BLOCK = 64

/** HMAC-SHA-256 of a text's UTF-8 bytes (RFC 2104), in bytes. The time it takes does not depend on the key. */
export function hmacSha256(key: string, text: string): Uint8Array {
  const encoder = new TextEncoder()
  const given = encoder.encode(key)
  const block = new Uint8Array(BLOCK)
  block.set(given.length > BLOCK ? bytesOf(digest(given)) : given)
  const inner = digest(
    joined(
      block.map(byte => byte ^ 0x36),
      encoder.encode(text),
    ),
  )
  return bytesOf(
    digest(
      joined(
        block.map(byte => byte ^ 0x5c),
        bytesOf(inner),
      ),
    ),
  )
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

function digest(bytes: Uint8Array): number[] {
  const state = [...START]
  const words = padded(bytes)
  for (let at = 0; at < words.length; at += 16) compress(state, words.slice(at, at + 16))
  return state
}

const hexOf = (state: readonly number[]): string =>
  state.map(word => (word >>> 0).toString(16).padStart(8, '0')).join('')

const bytesOf = (state: readonly number[]): Uint8Array =>
  Uint8Array.from(state.flatMap(word => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]))

function padded(bytes: Uint8Array): number[] {
  const length = ((bytes.length + 8) >> 6) * 16 + 16
  const words = new Array<number>(length).fill(0)
  bytes.forEach((byte, index) => {
    words[index >> 2]! |= byte << (24 - (index % 4) * 8)
  })
  words[bytes.length >> 2]! |= 0x80 << (24 - (bytes.length % 4) * 8)
  words[length - 2] = Math.floor(bytes.length / 2 ** 29)
  words[length - 1] = (bytes.length << 3) | 0
  return words
}

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

function compress(state: number[], w: number[]): void {
  for (let i = 16; i < 64; i++) {
    const [x, y] = [w[i - 15]!, w[i - 2]!]
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10)
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
  }
  let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  const next = [a, b, c, d, e, f, g, h]
  for (let i = 0; i < 8; i++) state[i] = (state[i]! + next[i]!) | 0
}
