/** XSalsa20 and Poly1305 (k8s.io/apiserver/pkg/storage/value/encrypt/secretbox), which Node's crypto does not have. */
import { randomBytes } from 'node:crypto'
import { secretbox as box } from '@noble/ciphers/salsa.js'
import type { Transformer } from './transformer.ts'

const NONCE = 24
const OVERHEAD = 16

/** Nonce, then tag, then ciphertext. `key` has 32 bytes. */
export function secretbox(key: Uint8Array): Transformer {
  return {
    fromStorage(stored) {
      if (stored.byteLength < NONCE + OVERHEAD) throw new Error('the stored data was shorter than the required size')
      try {
        const data = box(key, stored.subarray(0, NONCE)).open(stored.subarray(NONCE))
        return { data: Buffer.from(data.buffer, data.byteOffset, data.byteLength), stale: false }
      } catch {
        throw new Error('output array was not large enough for encryption')
      }
    },
    toStorage(data) {
      const nonce = randomBytes(NONCE)
      return Buffer.concat([nonce, box(key, nonce).seal(data)])
    },
  }
}
