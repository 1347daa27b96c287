import { encodeJson } from './json/stringify.ts'
import { NAME_ALPHABET } from './names.ts'

const encoder = new TextEncoder()

/** FNV-1a, 32 bits, of the UTF-8 bytes of `text` (or of bytes). */
export function fnv1a32(data: string | Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of typeof data === 'string' ? encoder.encode(data) : data) {
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return hash >>> 0
}

/** FNV-1 (multiply first), 32 bits, as some of upstream's hashes are. */
export function fnv1x32(data: string | Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of typeof data === 'string' ? encoder.encode(data) : data) {
    hash = Math.imul(hash, 0x01000193) ^ byte
  }
  return hash >>> 0
}

/** FNV-1 (multiply first), 64 bits, of the UTF-8 bytes of `text`. */
export function fnv1x64(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of encoder.encode(text)) hash = BigInt.asUintN(64, hash * 0x100000001b3n) ^ BigInt(byte)
  return hash
}

/** `text` in letters that make no words, one for one (k8s.io/apimachinery/pkg/util/rand.SafeEncodeString). */
export function safeEncode(text: string): string {
  let encoded = ''
  for (const byte of encoder.encode(text)) encoded += NAME_ALPHABET[byte % NAME_ALPHABET.length]
  return encoded
}

/** JSON with sorted keys, without empty values, so that equal templates have equal texts. */
export function stableJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return encodeJson(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`
  const fields = Object.entries(value)
    .filter(([, each]) => each !== undefined && each !== null)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${stableJson(each)}`).join(',')}}`
}
