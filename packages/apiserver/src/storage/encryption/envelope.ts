/** Values under a key that lies, encrypted by a KMS plugin, beside them (pkg/storage/value/encrypt/envelope/kmsv2). */
import { LruCache, type Random, uuid } from '@canopus/base'
import { currentSpan, traced } from '../../tracing/span.ts'
import { aesGcm, aesGcmOfSeed } from './aes.ts'
import type { EncryptionMetrics } from './encryption-metrics.ts'
import { DEK_SEED, type EncryptedObject, encryptedObject } from './kms-messages.ts'
import { checkSource, type KmsProbe } from './kms-probe.ts'
import type { KmsService } from './kms-service.ts'
import type { Read, Transformer } from './transformer.ts'

type Source = Omit<EncryptedObject, 'encryptedData'>

/** Keys remembered: one for each run of each server that wrote something. */
const REMEMBERED = 1024

export class EnvelopeTransformer implements Transformer {
  readonly #service: KmsService
  readonly #probe: KmsProbe
  readonly #random: Random
  readonly #metrics: EncryptionMetrics
  readonly #known = new LruCache<string, Promise<Transformer> | Transformer>({ capacity: REMEMBERED })
  #own: { readonly source: Source; readonly id: string } | undefined

  constructor(service: KmsService, probe: KmsProbe, random: Random, metrics: EncryptionMetrics) {
    this.#service = service
    this.#probe = probe
    this.#random = random
    this.#metrics = metrics
  }

  /** Asks the plugin once for each key; while that is under way, all values under it wait for the same answer. */
  fromStorage(stored: Uint8Array, path: string): Read | Promise<Read> {
    return this.traced('TransformFromStorage', () => this.readStored(stored, path))
  }

  private readStored(stored: Uint8Array, path: string): Read | Promise<Read> {
    const object = noted(
      'About to decode encrypted object',
      'Decoded encrypted object',
      'Decoding encrypted object failed',
      () => decode(stored),
    )
    const id = sourceId(object)
    const read = (transformer: Transformer): Read | Promise<Read> => this.read(transformer, object, path)
    const state = this.#probe.state()
    if (id === this.idOf(state.source)) return read(state.transformer)
    let known = this.#known.get(id)
    if (known === undefined) {
      known = this.askInSpan(object)
      this.#metrics.cacheMisses.add()
      this.#known.set(id, known)
      known.then(
        transformer => this.remember(id, transformer),
        () => this.#known.delete(id),
      )
    }
    return known instanceof Promise ? known.then(read) : read(known)
  }

  /** Of what is written under now: the same for one write after the other. */
  private idOf(source: Source): string {
    if (this.#own?.source !== source) this.#own = { source, id: sourceId(source) }
    return this.#own.id
  }

  private remember(id: string, transformer: Transformer): void {
    this.#known.set(id, transformer)
    this.#metrics.cached(this.#probe.name, this.#known.size)
  }

  toStorage(data: Uint8Array, path: string): Uint8Array {
    return this.traced('TransformToStorage', () => {
      const { transformer, source } = this.#probe.writeState()
      this.remember(this.idOf(source), transformer)
      const encryptedData = noted(
        'About to encrypt data using DEK',
        'Data encryption succeeded',
        'Data encryption failed',
        () => transformer.toStorage(data, path),
      )
      this.#metrics.keyUsed('to_storage', this.#probe.name, source.keyID)
      return noted(
        'About to encode encrypted object',
        'Encoded encrypted object',
        'Encoding encrypted object failed',
        () => encryptedObject.encode({ ...source, encryptedData }),
      )
    })
  }

  private traced<T>(what: string, work: () => T): T {
    const attributes = () => ({ 'transformer.provider.name': this.#probe.name })
    return traced(`${what} with envelopeTransformer`, 'internal', attributes, work)
  }

  private askInSpan(object: EncryptedObject): Promise<Transformer> {
    return noted('About to decrypt DEK using remote service', 'DEK decryption succeeded', 'DEK decryption failed', () =>
      this.ask(object),
    )
  }

  private async ask({ encryptedDEKSource, encryptedDEKSourceType, keyID, annotations }: EncryptedObject) {
    const request = { ciphertext: encryptedDEKSource, uid: uuid(this.#random), keyId: keyID, annotations }
    const key = await this.#service.decrypt(request).catch(error => {
      throw new Error(`failed to decrypt DEK, error: ${error.message}`)
    })
    return encryptedDEKSourceType === DEK_SEED ? aesGcmOfSeed(key) : aesGcm(key)
  }

  private read(transformer: Transformer, object: EncryptedObject, path: string): Read {
    this.#metrics.keyUsed('from_storage', this.#probe.name, object.keyID)
    const { data } = noted(
      'About to decrypt data using DEK',
      'Data decryption succeeded',
      'Data decryption failed',
      () => transformer.fromStorage(object.encryptedData, path) as Read,
    )
    const { source } = this.#probe.state()
    const stale = object.keyID !== source.keyID || object.encryptedDEKSourceType !== source.encryptedDEKSourceType
    return { data, stale }
  }
}

/** Notes in the span that goes on that `work` begins, and how it ends. */
function noted<T>(begun: string, done: string, failed: string, work: () => T): T {
  const span = currentSpan()
  if (span === undefined) return work()
  const fail = (error: unknown): never => {
    span.event(failed)
    span.record(error)
    throw error
  }
  span.event(begun)
  try {
    const result = work()
    if (result instanceof Promise) {
      const ended = result.then(value => {
        span.event(done)
        return value as unknown
      }, fail)
      return ended as T
    }
    span.event(done)
    return result
  } catch (error) {
    return fail(error)
  }
}

function decode(stored: Uint8Array): EncryptedObject {
  const object = encryptedObject.decode(stored)
  if (object.encryptedData.byteLength === 0) throw new Error('encrypted data is empty')
  checkSource(object)
  return object
}

function sourceId(source: Source): string {
  const { encryptedDEKSourceType, encryptedDEKSource, keyID, annotations } = source
  const base64 = (bytes: Uint8Array): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  const notes = Object.entries(annotations)
    .map(([key, value]) => [key, base64(value)])
    .sort(([one = ''], [other = '']) => (one < other ? -1 : 1))
  return JSON.stringify([encryptedDEKSourceType, base64(encryptedDEKSource), keyID, notes])
}
