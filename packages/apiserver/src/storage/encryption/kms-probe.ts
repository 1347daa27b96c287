/**
 * Keeps the key that values are written with: asks the plugin how it does, and makes another seed where its own key changed
 * (kmsv2PluginProbe in pkg/server/options/encryptionconfig/config.go).
 */
import { randomBytes } from 'node:crypto'
import { checkDns1123Subdomain } from '@canopus/apimachinery'
import { type Clock, type Logger, type Random, sleep, uuid } from '@canopus/base'
import { textHash } from '../../metrics/reload-metrics.ts'
import { aesGcmOfSeed, SEED_BYTES } from './aes.ts'
import type { EncryptionMetrics } from './encryption-metrics.ts'
import { type Annotations, DEK_KEY, DEK_SEED, type EncryptedObject, type StatusResponse } from './kms-messages.ts'
import type { KmsService } from './kms-service.ts'
import type { Transformer } from './transformer.ts'

const POSITIVE_INTERVAL = 60_000
const NEGATIVE_INTERVAL = 10_000
/** How long a seed may be written with after the plugin last said that its key is still the same. */
const WRITE_TTL = 180_000
/** How long an answer of the plugin stands for the health check. */
const POSITIVE_TTL = 20_000
const NEGATIVE_TTL = 3000

const MAX_KEY_ID = 1024
const MAX_SOURCE = 1024
const MAX_ANNOTATIONS = 32 * 1024

/** What values are written with. */
export interface KmsState {
  readonly transformer: Transformer
  readonly source: Omit<EncryptedObject, 'encryptedData'>
  readonly expires: number
}

export interface KmsProbeOptions {
  readonly name: string
  readonly service: KmsService
  readonly metrics: EncryptionMetrics
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export class KmsProbe {
  readonly name: string
  readonly #options: KmsProbeOptions
  #state: KmsState | undefined
  #version = ''
  #last: { at: number; ttl: number; error?: Error } | undefined
  #asking: Promise<void> | undefined

  constructor(options: KmsProbeOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Throws where the plugin has never been reached. */
  state(): KmsState {
    if (this.#state === undefined) throw new Error('got unexpected nil transformer')
    return this.#state
  }

  /** The same for writing: also throws where the plugin has been away for too long. */
  writeState(): KmsState {
    const state = this.state()
    const now = this.#options.clock.now()
    if (now <= state.expires) return state
    const [then, current] = [state.expires, now].map(seconds)
    throw new Error(
      `encryptedDEKSource with keyID hash ${hashText(state.source.keyID)} expired at ${then} (current time is ${current})`,
    )
  }

  /** How the plugin does; an answer stands for some seconds. Rejects where it is not well. */
  async check(): Promise<void> {
    const { clock } = this.#options
    if (this.#last !== undefined && clock.monotonic() - this.#last.at < this.#last.ttl) {
      if (this.#last.error !== undefined) throw this.#last.error
      return
    }
    this.#asking ??= this.ask().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  /** Asks once at once, then every minute, and every ten seconds while the plugin is not well, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options
    while (!signal.aborted) {
      const well = await this.check().then(
        () => true,
        error => {
          logger.error('kms plugin failed health check probe', { name: this.name, error })
          return false
        },
      )
      await sleep(clock, well ? POSITIVE_INTERVAL : NEGATIVE_INTERVAL, signal).catch(() => {})
    }
  }

  private async ask(): Promise<void> {
    const { service, clock } = this.#options
    const failed = (error: unknown): never => {
      this.#last = { at: clock.monotonic(), ttl: NEGATIVE_TTL, error: error as Error }
      throw error
    }
    const status = await service
      .status()
      .catch(failed)
      .catch(error => {
        // Who asked is told in what the plugin failed; those whom the answer of before is given hear what it said alone, as upstream.
        const what = 'failed to perform status section of the healthz check for KMS Provider'
        throw new Error(`${what} ${this.name}, error: ${error.message}`)
      })
    await this.digest(status).catch(failed)
    this.#last = { at: clock.monotonic(), ttl: POSITIVE_TTL }
  }

  private async digest({ version, healthz, keyId }: StatusResponse): Promise<void> {
    const errors: string[] = []
    if (healthz !== 'ok') errors.push(`got unexpected healthz status: ${healthz}`)
    if (version !== 'v2' && version !== 'v2beta1') errors.push(`expected KMSv2 API version v2, got ${version}`)
    else {
      this.#version ||= version
      if (this.#version !== version) {
        const text = 'KMSv2 API version should not change after the initial status response version'
        errors.push(`${text} ${this.#version}, got ${version}`)
      }
    }
    const wrong = keyIdError(keyId)
    const { metrics } = this.#options
    if (wrong === undefined) metrics.keyTold(this.name, keyId)
    else metrics.invalidKeyTold(this.name, keyId)
    if (wrong !== undefined) errors.push(`got invalid KMSv2 KeyID hash ${hashText(keyId)}: ${wrong}`)
    else await this.rotate(keyId).catch(error => errors.push((error as Error).message))
    if (errors.length === 0) return
    const all = errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`
    throw new Error(`kmsv2 Provider ${this.name} is not healthy, error: ${all}`)
  }

  /** The time to write begins before the plugin is asked, so that it never ends later than meant. */
  private async rotate(keyId: string): Promise<void> {
    const { clock, random, service, metrics } = this.#options
    const expires = clock.now() + WRITE_TTL
    if (this.#state?.source.keyID === keyId) {
      this.#state = { ...this.#state, expires }
      return
    }
    const uid = uuid(random)
    const begun = clock.monotonic()
    const seed = randomBytes(SEED_BYTES)
    metrics.generated((clock.monotonic() - begun) / 1000)
    const sealed = await service.encrypt(uid, seed).catch(error => {
      throw new Error(
        `failed to rotate DEK uid=${JSON.stringify(uid)}, errGen=failed to encrypt DEK, error: ${error.message}`,
      )
    })
    const source = {
      keyID: sealed.keyId,
      encryptedDEKSource: sealed.ciphertext,
      annotations: sealed.annotations,
      encryptedDEKSourceType: DEK_SEED,
    }
    checkSource(source)
    if (sealed.keyId !== keyId) {
      const hashes = `statusKeyIDHash=${hashText(keyId)}, encryptKeyIDHash=${hashText(sealed.keyId)}`
      throw new Error(`failed to rotate DEK uid=${JSON.stringify(uid)}, ${hashes}`)
    }
    this.#state = { transformer: aesGcmOfSeed(seed), source, expires }
  }
}

const seconds = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')
const hashText = (keyId: string): string => JSON.stringify(textHash(keyId))

function keyIdError(keyId: string): string | undefined {
  if (keyId === '') return 'keyID is empty'
  const length = Buffer.byteLength(keyId)
  return length > MAX_KEY_ID ? `keyID is ${length} bytes, which exceeds the max size of ${MAX_KEY_ID}` : undefined
}

/** Throws where a stored value's head, or a plugin's answer, is not as it must be. */
export function checkSource(source: Omit<EncryptedObject, 'encryptedData'>): void {
  const { encryptedDEKSource, encryptedDEKSourceType: type, keyID, annotations } = source
  if (type !== DEK_KEY && type !== DEK_SEED) throw new Error(`unknown encryptedDEKSourceType: ${type}`)
  const length = encryptedDEKSource.byteLength
  const failed = 'failed to validate encrypted DEK source: encrypted DEK source is'
  if (length === 0) throw new Error(`${failed} empty`)
  if (length > MAX_SOURCE) throw new Error(`${failed} ${length} bytes, which exceeds the max size of ${MAX_SOURCE}`)
  const wrong = keyIdError(keyID)
  if (wrong !== undefined) throw new Error(`failed to validate key id: ${wrong}`)
  checkAnnotations(annotations)
}

function checkAnnotations(annotations: Annotations): void {
  const failed = 'failed to validate annotations:'
  let total = 0
  for (const [key, value] of Object.entries(annotations)) {
    total += Buffer.byteLength(key) + value.byteLength
    const [error] = key.includes('.') ? checkDns1123Subdomain(key) : ['should be a domain with at least two segments']
    if (error !== undefined) throw new Error(`${failed} annotations: Invalid value: ${JSON.stringify(key)}: ${error}`)
  }
  if (total > MAX_ANNOTATIONS) {
    throw new Error(`${failed} total size of annotations is ${total}, which exceeds the max size of ${MAX_ANNOTATIONS}`)
  }
}
