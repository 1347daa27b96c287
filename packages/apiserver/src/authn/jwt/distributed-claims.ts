/**
 * Claims that lie elsewhere (OpenID Connect Core 1.0, 5.6.2): the token names an address, where another token is that has them
 * (k8s.io/apiserver plugin/pkg/authenticator/token/oidc, claimResolver).
 */
import { type Clock, LruCache } from '@canopus/base'
import { checkClaims, untrustedIssuer } from './claims.ts'
import type { FetchJson, FetchText } from './fetch-json.ts'
import { IssuerKeys } from './issuer-keys.ts'

export type Claims = Readonly<Record<string, unknown>>

export interface DistributedClaimsOptions {
  /** The one claim that is looked for. */
  readonly claim: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly fetchJson: FetchJson
  readonly fetchText: FetchText
  readonly clock: Clock
}

interface Source {
  readonly endpoint?: string
  readonly access_token?: string
}

/** The keys of so many issuers are remembered. */
const ISSUERS = 100

export class DistributedClaims {
  readonly #options: DistributedClaimsOptions
  readonly #keys = new LruCache<string, IssuerKeys>({ capacity: ISSUERS })

  constructor(options: DistributedClaimsOptions) {
    this.#options = options
  }

  /** The claims of a verified token with the one that lies elsewhere, where it does. Rejects where it cannot be had. */
  async expand(claims: Claims): Promise<Claims> {
    const { claim } = this.#options
    const source = sourceOf(claims, claim)
    return source === undefined ? claims : { ...claims, [claim]: await this.#resolve(source) }
  }

  async #resolve({ endpoint, access_token: token }: Source & { endpoint: string }): Promise<unknown> {
    const { claim, audiences, algorithms, fetchText, clock } = this.#options
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
    const { status, text } = await fetchText(endpoint, headers).catch(error => {
      throw new Error(`while getting distributed claim ${JSON.stringify(claim)}: ${(error as Error).message}`)
    })
    if (status < 200 || status > 299) {
      const why = `error while getting distributed claim JWT: ${status}`
      throw new Error(`while getting distributed claim ${JSON.stringify(claim)}: ${why}`)
    }
    const jwt = text.trim()
    const issuer = untrustedIssuer(jwt)
    if (typeof issuer !== 'string') {
      throw new Error(`getting untrusted issuer from endpoint ${endpoint} failed for claim ${JSON.stringify(claim)}`)
    }
    const found = await this.#keysOf(issuer)
      .verify(jwt, algorithms)
      .then(each => {
        checkClaims(each, issuer, audiences, clock.now() / 1000)
        return each
      })
      .catch(error => {
        throw new Error(`verify distributed claim token: ${(error as Error).message}`)
      })
    if (!Object.hasOwn(found, claim)) {
      throw new Error(
        `jwt returned by distributed claim endpoint ${JSON.stringify(endpoint)} did not contain claim: ${claim}`,
      )
    }
    return found[claim]
  }

  #keysOf(url: string): IssuerKeys {
    let keys = this.#keys.get(url)
    if (keys === undefined) {
      const { fetchJson, clock } = this.#options
      keys = new IssuerKeys({ url, fetchJson, clock })
      this.#keys.set(url, keys)
    }
    return keys
  }
}

/** Where the claim lies, or `undefined` where it is at hand or nowhere. */
function sourceOf(claims: Claims, claim: string): (Source & { endpoint: string }) | undefined {
  if (Object.hasOwn(claims, claim) || !Object.hasOwn(claims, '_claim_names')) return undefined
  const { _claim_names: names, _claim_sources: sources } = claims
  if (!isTable(names)) throw new Error('oidc: error parsing distributed claim names: not an object')
  if (sources === undefined) throw new Error('oidc: no claim sources')
  if (!isTable(sources)) throw new Error('oidc: could not parse claim sources: not an object')
  if (!Object.hasOwn(names, claim)) return undefined
  const name = String(names[claim])
  const source = Object.hasOwn(sources, name) ? (sources[name] as Source) : undefined
  if (source === undefined) {
    throw new Error(`id token _claim_names contained a source ${name} missing in _claims_sources`)
  }
  // Without an address it may be a claim that lies in the token itself, which nobody reads.
  return source.endpoint ? { ...source, endpoint: source.endpoint } : undefined
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
