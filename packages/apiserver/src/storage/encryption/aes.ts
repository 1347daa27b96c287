/** AES in the three forms that values are stored in (k8s.io/apiserver/pkg/storage/value/encrypt/aes). */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import type { Transformer } from './transformer.ts'

const NONCE = 12
const TAG = 16
const BLOCK = 16
const INFO = 32
export const SEED_BYTES = 32

const TOO_SHORT = 'the stored data was shorter than the required size'

/** Galois/counter mode, bound to the path: nonce, then ciphertext, then tag. */
export function aesGcm(key: Uint8Array): Transformer {
  const algorithm = `aes-${keyBits(key)}-gcm` as const
  return {
    fromStorage(stored, path) {
      if (stored.byteLength < NONCE) throw new Error(TOO_SHORT)
      if (stored.byteLength < NONCE + TAG) throw new Error('cipher: message authentication failed')
      const decipher = createDecipheriv(algorithm, key, stored.subarray(0, NONCE), { authTagLength: TAG })
      decipher.setAAD(Buffer.from(path))
      decipher.setAuthTag(stored.subarray(stored.byteLength - TAG))
      const head = decipher.update(stored.subarray(NONCE, stored.byteLength - TAG))
      try {
        return { data: Buffer.concat([head, decipher.final()]), stale: false }
      } catch {
        throw new Error('cipher: message authentication failed')
      }
    },
    toStorage(data, path) {
      const nonce = randomBytes(NONCE)
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: TAG })
      cipher.setAAD(Buffer.from(path))
      return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()])
    },
  }
}

/** Cipher block chaining with PKCS#7 padding: the initial vector, then ciphertext. Nothing tells whether it was tampered with. */
export function aesCbc(key: Uint8Array): Transformer {
  const algorithm = `aes-${keyBits(key)}-cbc` as const
  return {
    fromStorage(stored) {
      if (stored.byteLength < BLOCK) throw new Error(TOO_SHORT)
      if (stored.byteLength % BLOCK !== 0) throw new Error('the stored data is not a multiple of the block size')
      if (stored.byteLength === BLOCK) throw new Error('invalid PKCS7 data (empty or not padded)')
      const decipher = createDecipheriv(algorithm, key, stored.subarray(0, BLOCK))
      const head = decipher.update(stored.subarray(BLOCK))
      try {
        return { data: Buffer.concat([head, decipher.final()]), stale: false }
      } catch {
        throw new Error('invalid padding on input')
      }
    },
    toStorage(data) {
      const vector = randomBytes(BLOCK)
      const cipher = createCipheriv(algorithm, key, vector)
      return Buffer.concat([vector, cipher.update(data), cipher.final()])
    },
  }
}

/** A key for each value, derived from the seed and 32 random bytes, which stand before what `aesGcm` writes. */
export function aesGcmOfSeed(seed: Uint8Array): Transformer {
  if (seed.byteLength < SEED_BYTES) throw new Error(`invalid seed length ${seed.byteLength} used for key generation`)
  return {
    fromStorage(stored, path) {
      if (stored.byteLength < INFO) throw new Error(TOO_SHORT)
      const info = stored.subarray(0, INFO)
      return aesGcm(expand(seed, info)).fromStorage(stored.subarray(INFO), path)
    },
    toStorage(data, path) {
      const info = randomBytes(INFO)
      return Buffer.concat([info, aesGcm(expand(seed, info)).toStorage(data, path)])
    },
  }
}

/** The first 32 bytes of HKDF-Expand with SHA-256 (RFC 5869, section 2.3), which are its first block. */
export function expand(seed: Uint8Array, info: Uint8Array): Buffer {
  return createHmac('sha256', seed).update(info).update(Buffer.of(1)).digest()
}

function keyBits(key: Uint8Array): 128 | 192 | 256 {
  const bits = key.byteLength * 8
  if (bits === 128 || bits === 192 || bits === 256) return bits
  throw new Error(`crypto/aes: invalid key size ${key.byteLength}`)
}
