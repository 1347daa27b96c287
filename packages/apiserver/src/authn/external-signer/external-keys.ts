/**
 * Tokens of service accounts that another program signs, and the keys that it says they are checked with
 * (pkg/serviceaccount/externaljwt/plugin).
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { type Clock, type Logger, type MetricsRegistry, messageOf, sleep } from '@canopus/base'
import { algorithmOf, jsonWebKeys, type ServiceAccountKeys, SIGNATURE_ALGORITHMS } from '../service-account-keys.ts'
import type { FetchedKeys } from './messages.ts'
import type { ExternalSigner } from './signer.ts'
import { SignerMetrics } from './signer-metrics.ts'

/** How long after keys could not be fetched they are asked for again. */
const RETRY = 10_000
const LONGEST_ID = 1024
/** The shortest life of tokens that may be asked for; a signer must know that much (pkg/apis/authentication/validation). */
const SHORTEST_TOKEN_SECONDS = 600

export interface ExternalKeysOptions {
  readonly signer: ExternalSigner
  readonly clock: Clock
  readonly logger: Logger
  readonly registry?: MetricsRegistry
}

interface Key {
  readonly id: string
  readonly algorithm: string
  readonly publicKey: KeyObject
  /** Tokens of before are checked with it; nobody is told of it. */
  readonly hidden: boolean
}

interface Keys {
  readonly list: readonly Key[]
  /** When the signer had them so, in milliseconds. */
  readonly dataTime: number
  /** When to ask for them again. */
  readonly refreshAt: number
}

export class ExternalKeys implements ServiceAccountKeys {
  readonly #signer: ExternalSigner
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #metrics: SignerMetrics
  #keys: Keys = { list: [], dataTime: 0, refreshAt: 0 }
  #fetching: Promise<void> | undefined
  #generation = 0

  constructor({ signer, clock, logger, registry }: ExternalKeysOptions) {
    this.#metrics = new SignerMetrics(clock, registry)
    this.#signer = this.#metrics.timed(signer)
    this.#clock = clock
    this.#logger = logger
  }

  /** Fetches the keys for the first time. Resolves with how long tokens may live, in seconds. */
  async start(): Promise<number> {
    await this.#fetch()
    const { maxTokenExpirationSeconds } = await this.#signer.metadata()
    const longest = Number(maxTokenExpirationSeconds)
    if (longest >= SHORTEST_TOKEN_SECONDS) return longest
    const acceptable = `is less than acceptable (min ${SHORTEST_TOKEN_SECONDS}s)`
    throw new Error(`max token life supported by external-jwt-signer (${longest}s) ${acceptable}`)
  }

  /** Fetches them again whenever the signer wished for that, until the signal aborts; then leaves the signer. */
  async run(signal: AbortSignal): Promise<void> {
    let wait = this.#keys.refreshAt - this.#clock.now()
    try {
      while (!signal.aborted) {
        await sleep(this.#clock, Math.max(wait, 0), signal).catch(() => {})
        if (signal.aborted) return
        wait = await this.#fetch().then(
          () => this.#keys.refreshAt - this.#clock.now(),
          error => {
            this.#logger.error('the keys of tokens could not be fetched; those of before count', { error })
            return RETRY
          },
        )
      }
    } finally {
      this.#signer.close()
    }
  }

  get generation(): number {
    return this.#generation
  }

  get algorithms(): readonly string[] {
    return [...new Set(this.#shown().map(({ algorithm }) => algorithm))]
  }

  async keySet(): Promise<{ keys: Record<string, unknown>[] }> {
    return jsonWebKeys(this.#shown())
  }

  maxAge(): number {
    return Math.max(0, Math.floor((this.#keys.refreshAt - this.#clock.now()) / 1000))
  }

  sign(claims: Readonly<Record<string, unknown>>): Promise<string> {
    return this.#metrics.signing(this.#sign(Buffer.from(JSON.stringify(claims)).toString('base64url')))
  }

  async verify(token: string): Promise<Record<string, unknown>> {
    const { compactVerify, decodeProtectedHeader } = await import('jose')
    const keys = await this.#find(decodeProtectedHeader(token).kid)
    let failure: unknown = new Error('invalid signature, no keys found')
    for (const { publicKey, algorithm } of keys) {
      try {
        const { payload } = await compactVerify(token, publicKey, { algorithms: [algorithm] })
        return JSON.parse(Buffer.from(payload).toString('utf8'))
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  async #sign(claims: string): Promise<string> {
    const { header, signature } = await within('while signing jwt', this.#signer.sign(claims))
    await within('while validating header', this.#checkHeader(header))
    if (signature === '') throw new Error('empty signature returned')
    return `${header}.${claims}.${signature}`
  }

  async #checkHeader(text: string): Promise<void> {
    const { typ, kid, alg } = readHeader(text)
    if (typ !== 'JWT') throw new Error('bad type')
    if (!kid) throw new Error('key id missing')
    if (Buffer.byteLength(kid) > LONGEST_ID) throw new Error('key id longer than 1 kb')
    if (alg === undefined || !SIGNATURE_ALGORITHMS.includes(alg)) {
      throw new Error(`bad signing algorithm ${JSON.stringify(alg ?? '')}`)
    }
    if ((await this.#find(kid)).some(({ hidden }) => hidden)) {
      throw new Error(`key used for signing JWT (kid: ${kid}) is excluded from OIDC discovery docs`)
    }
  }

  #shown(): readonly Key[] {
    return this.#keys.list.filter(({ hidden }) => !hidden)
  }

  /** All keys where no id is given. One that is not known may be new: the signer is asked again. */
  async #find(id: string | undefined): Promise<readonly Key[]> {
    const known = (): readonly Key[] => (id ? this.#keys.list.filter(key => key.id === id) : this.#keys.list)
    if (known().length > 0) return known()
    await this.#fetch().catch(error => this.#logger.error('the keys of tokens could not be fetched', { error }))
    return known()
  }

  /** Those who want keys at the same time share one question. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchNow().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchNow(): Promise<void> {
    try {
      const fetched = await within('while getting externally supported jwt signing keys', this.#signer.fetchKeys())
      const before = this.#keys
      this.#keys = readKeys(fetched, this.#clock.now())
      this.#metrics.fetched(this.#keys)
      if (differ(before, this.#keys)) this.#generation++
    } catch (error) {
      this.#metrics.fetched({ error })
      throw new Error(`while fetching token verification keys: ${messageOf(error)}`)
    }
  }
}

async function within<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`)
  }
}

interface Header {
  readonly alg?: string
  readonly kid?: string
  readonly typ?: string
}

/** Throws where it is no JSON object, or has more than it may. */
function readHeader(text: string): Header {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new Error('while unwrapping header: not base64url')
  const failed = 'while parsing header JSON'
  let header: unknown
  try {
    header = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch (error) {
    throw new Error(`${failed}: ${messageOf(error)}`)
  }
  if (typeof header !== 'object' || header === null) throw new Error(`${failed}: not an object`)
  for (const [name, value] of Object.entries(header)) {
    if (!['alg', 'kid', 'typ'].includes(name)) throw new Error(`${failed}: json: unknown field ${JSON.stringify(name)}`)
    if (typeof value !== 'string') throw new Error(`${failed}: ${name} is not a string`)
  }
  return header
}

function readKeys({ keys, dataTimestamp, refreshHintSeconds }: FetchedKeys, now: number): Keys {
  const refresh = Number(refreshHintSeconds)
  if (!(refresh > 0)) throw new Error(`found invalid refresh hint (${refresh}s)`)
  if (keys.length === 0) throw new Error('found no keys')
  if (!dataTimestamp) throw new Error('invalid data timestamp: invalid nil Timestamp')
  const list = keys.map(({ keyId, key, excludeFromOidcDiscovery: hidden }): Key => {
    if (keyId === '' || Buffer.byteLength(keyId) > LONGEST_ID) {
      throw new Error(`found invalid public key id ${JSON.stringify(keyId)}`)
    }
    if (key.length === 0) throw new Error('found empty public key')
    try {
      const publicKey = createPublicKey({ key: Buffer.from(key), format: 'der', type: 'spki' })
      return { id: keyId, algorithm: algorithmOf(publicKey), publicKey, hidden }
    } catch (error) {
      throw new Error(`while parsing external public keys: ${messageOf(error)}`)
    }
  })
  const dataTime = Number(dataTimestamp.seconds) * 1000 + dataTimestamp.nanos / 1e6
  return { list, dataTime, refreshAt: now + refresh * 1000 }
}

/** Whether what is known of tokens must be asked anew: the keys' contents are not compared, as upstream. */
function differ(before: Keys, after: Keys): boolean {
  if (before.dataTime !== after.dataTime || before.list.length !== after.list.length) return true
  return before.list.some(({ id, hidden }, index) => {
    const other = after.list[index]
    return other?.id !== id || other.hidden !== hidden
  })
}
