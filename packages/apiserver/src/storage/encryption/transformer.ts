/** What stands between an object's bytes and the store (k8s.io/apiserver/pkg/storage/value/transformer.go). */
import type { Maybe } from '../../security.ts'

export interface Read {
  readonly data: Uint8Array
  /** Whether it is written otherwise today: the next update writes it anew, also where it changes nothing. */
  readonly stale: boolean
}

/** Bytes from and to the store. `path` is the whole key, which some bind the bytes to. */
export interface Transformer {
  /** Throws where the bytes are not its own, or were tampered with. */
  fromStorage(stored: Uint8Array, path: string): Maybe<Read>
  /** Throws where nothing can be written just now. */
  toStorage(data: Uint8Array, path: string): Uint8Array
}

/** What all encrypted values begin with. */
const ENCRYPTED = Buffer.from('k8s:enc:')

export const isEncrypted = (stored: Uint8Array): boolean => startsWith(stored, ENCRYPTED)

/** Plain bytes. Refuses what is encrypted, so that it is not taken for an object. */
export const identity: Transformer = {
  fromStorage(stored) {
    if (isEncrypted(stored)) throw new Error('identity transformer tried to read encrypted data')
    return { data: stored, stale: false }
  },
  toStorage: data => data,
}

export interface Prefixed {
  /** Empty for plain bytes. */
  readonly prefix: string
  readonly transformer: Transformer
}

/** Writes with the first; reads with whichever knows the prefix, and calls stale what is not the first's. */
export class PrefixTransformers implements Transformer {
  readonly #all: readonly { readonly prefix: Buffer; readonly transformer: Transformer }[]
  readonly #none: string

  constructor(transformers: readonly Prefixed[], none: string) {
    this.#all = transformers.map(({ prefix, transformer }) => ({ prefix: Buffer.from(prefix), transformer }))
    this.#none = none
  }

  /** What is written begins with this. */
  get writePrefix(): string {
    return this.#all[0]!.prefix.toString()
  }

  /** The prefix by which a stored value is known, for metrics: `identity` for plain bytes. */
  prefixOf(stored: Uint8Array): string {
    const encrypted = isEncrypted(stored)
    const found = this.#all.find(({ prefix }) => startsWith(stored, prefix) && (prefix.byteLength > 0 || !encrypted))
    if (found === undefined) return 'unknown'
    return found.prefix.byteLength === 0 ? 'identity' : found.prefix.toString()
  }

  fromStorage(stored: Uint8Array, path: string): Maybe<Read> {
    return this.read(stored, path, 0, [])
  }

  toStorage(data: Uint8Array, path: string): Uint8Array {
    const { prefix, transformer } = this.#all[0]!
    const result = transformer.toStorage(data, path)
    return prefix.byteLength === 0 ? result : Buffer.concat([prefix, result])
  }

  /** The same prefix may be there twice, with an old and a new key: one that fails does not end the search. */
  private read(stored: Uint8Array, path: string, from: number, errors: Error[]): Maybe<Read> {
    for (let index = from; index < this.#all.length; index++) {
      const { prefix, transformer } = this.#all[index]!
      if (!startsWith(stored, prefix)) continue
      const failed = (error: unknown): void => {
        if (prefix.byteLength > 0) errors.push(error instanceof Error ? error : new Error(String(error)))
      }
      const found = ({ data, stale }: Read): Read => ({ data, stale: stale || index !== 0 })
      try {
        const result = transformer.fromStorage(stored.subarray(prefix.byteLength), path)
        if (!(result instanceof Promise)) return found(result)
        return result.then(found, error => {
          failed(error)
          return this.read(stored, path, index + 1, errors)
        })
      } catch (error) {
        failed(error)
      }
    }
    if (errors.length === 0) throw new Error(this.#none)
    throw errors.length === 1 ? errors[0] : new Error(`[${errors.map(({ message }) => message).join(', ')}]`)
  }
}

function startsWith(bytes: Uint8Array, prefix: Buffer): boolean {
  return prefix.byteLength <= bytes.byteLength && prefix.equals(bytes.subarray(0, prefix.byteLength))
}
