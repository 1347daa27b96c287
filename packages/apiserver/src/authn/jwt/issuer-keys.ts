/** The keys with which an issuer signs: found by OpenID discovery, and fetched again when a token is signed by another. */
import type { Clock } from '@canopus/base'
import type { FetchJson } from './fetch-json.ts'

export interface IssuerKeysOptions {
  readonly url: string
  readonly discoveryURL?: string
  readonly fetchJson: FetchJson
  readonly clock: Clock
  /** Hears of each time that keys were fetched: the text, or nothing where they could not be. */
  readonly fetched?: (text: string | undefined) => void
}

const WELL_KNOWN = '/.well-known/openid-configuration'
/** After a failure an issuer is left alone for so long, in milliseconds. */
const PAUSE = 10_000

interface KeySet {
  keys: Record<string, unknown>[]
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  #keysUrl: string | undefined
  #discovering: Promise<string> | undefined
  #keys: KeySet | undefined
  #fetching: Promise<KeySet> | undefined
  #failedAt: number | undefined
  #failure: unknown

  constructor(options: IssuerKeysOptions) {
    this.#options = options
  }

  /** The payload of a token that one of the issuer's keys has signed. Rejects for any other. */
  async verify(token: string, algorithms: readonly string[]): Promise<Record<string, unknown>> {
    const known = this.#keys
    if (known !== undefined) {
      const payload = await verifyWith(known, token, algorithms)
      if (payload !== undefined) return payload
    }
    const payload = await verifyWith(await this.#fetch(), token, algorithms)
    if (payload === undefined) throw new Error('failed to verify signature: failed to verify id token signature')
    return payload
  }

  /** Finds out where the keys are. Rejects where the issuer does not say. */
  async ready(): Promise<void> {
    if (this.#keysUrl !== undefined) return
    this.#discovering ??= this.#discover().finally(() => {
      this.#discovering = undefined
    })
    this.#keysUrl = await this.#discovering
  }

  /** Those who come while the keys are being fetched wait for the same answer. */
  #fetch(): Promise<KeySet> {
    const now = this.#options.clock.monotonic()
    if (this.#failedAt !== undefined && now - this.#failedAt < PAUSE) return Promise.reject(this.#failure)
    this.#fetching ??= this.#fetchNow().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchNow(): Promise<KeySet> {
    try {
      await this.ready()
      const keys = await this.#keysOf(this.#keysUrl!)
      this.#failedAt = undefined
      this.#keys = keys
      return keys
    } catch (error) {
      this.#failedAt = this.#options.clock.monotonic()
      this.#failure = error
      throw error
    }
  }

  async #keysOf(url: string): Promise<KeySet> {
    const { fetchJson, fetched } = this.#options
    let text: string | undefined
    try {
      const keys = (await fetchJson(url, answer => {
        text = answer
      })) as KeySet
      if (!Array.isArray(keys?.keys)) throw new Error(`${url} is no key set`)
      fetched?.(text)
      return keys
    } catch (error) {
      fetched?.(undefined)
      throw error
    }
  }

  async #discover(): Promise<string> {
    const { url, discoveryURL, fetchJson } = this.#options
    const document = (await fetchJson(discoveryURL ?? url.replace(/\/$/, '') + WELL_KNOWN)) as {
      issuer?: string
      jwks_uri?: string
    }
    if (document.issuer !== url) {
      const returned = JSON.stringify(document.issuer ?? '')
      throw new Error(
        `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(url)} got ${returned}`,
      )
    }
    if (!document.jwks_uri) throw new Error('provider did not return JWKS URL')
    return document.jwks_uri
  }
}

/** `undefined` where none of the keys has signed it. Throws where the token's algorithm may not be. */
async function verifyWith(
  { keys }: KeySet,
  token: string,
  algorithms: readonly string[],
): Promise<Record<string, unknown> | undefined> {
  const { compactVerify, decodeProtectedHeader, importJWK } = await import('jose')
  const { alg = '', kid } = decodeProtectedHeader(token)
  if (!algorithms.includes(alg)) {
    throw new Error(
      `oidc: id token signed with unsupported algorithm, expected ${JSON.stringify(algorithms)} got ${JSON.stringify(alg)}`,
    )
  }
  for (const key of keys) {
    if (kid !== undefined && key.kid !== undefined && key.kid !== kid) continue
    if ((key.use !== undefined && key.use !== 'sig') || (key.alg !== undefined && key.alg !== alg)) continue
    try {
      const { payload } = await compactVerify(token, await importJWK(key, alg))
      return JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>
    } catch {
      // Another key of the set may have signed it.
    }
  }
  return undefined
}
