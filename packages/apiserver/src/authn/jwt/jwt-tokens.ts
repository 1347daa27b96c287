import { messageOf, sleep } from '@canopus/base'
import type { Authentication, AuthenticationRequest, Authenticator, Maybe } from '../../security.ts'
import { anonymousAuthenticator } from '../anonymous.ts'
import type { TokenAuthenticator } from '../bearer.ts'
import { cachedTokens } from '../token-cache.ts'
import type { AnonymousConfiguration, JwtIssuer } from './configuration.ts'
import { JwtAuthenticator, type JwtOptions } from './jwt-authenticator.ts'

/** How long a good token is not looked at again, in milliseconds (upstream TokenSuccessCacheTTL). */
const REMEMBER = 10_000
/** So long new issuers have to answer, and so long they are not asked again, in milliseconds. */
const PATIENCE = 60_000
const BETWEEN = 10_000

interface Configured {
  readonly url: string
  readonly inner: JwtAuthenticator
}

/** Tokens of all issuers of a configuration, which may be replaced while the server runs. */
export class JwtTokens implements TokenAuthenticator {
  readonly #options: JwtOptions
  #issuers: readonly TokenAuthenticator[] = []
  #configured: readonly Configured[] = []

  constructor(options: JwtOptions) {
    this.#options = options
  }

  /** Takes a valid configuration from now on. Keys and tokens of before are forgotten. */
  configure(issuers: readonly JwtIssuer[]): void {
    this.#use(this.#authenticatorsOf(issuers))
  }

  /**
   * Asks all issuers where their keys are before the first token comes, as upstream does when it starts. `failed` hears of each that does
   * not say; its next token asks again.
   */
  async lookUp(failed: (url: string, error: unknown) => void): Promise<void> {
    await Promise.all(this.#configured.map(({ url, inner }) => inner.ready().catch(error => failed(url, error))))
  }

  /**
   * The same once all its issuers have said where their keys are; until then those of before are believed. Rejects where one of them has not
   * within a minute: those of before stay (pkg/kubeapiserver/authenticator/config.go, updateAuthenticationConfig).
   */
  async replace(issuers: readonly JwtIssuer[]): Promise<void> {
    const { clock } = this.#options
    const next = this.#authenticatorsOf(issuers)
    const end = clock.monotonic() + PATIENCE
    for (;;) {
      const answers = await Promise.allSettled(next.map(({ inner }) => inner.ready()))
      const failures = answers.flatMap(each => (each.status === 'rejected' ? [messageOf(each.reason)] : []))
      if (failures.length === 0) break
      if (clock.monotonic() >= end) throw new Error(failures.join('; '))
      await sleep(clock, BETWEEN)
    }
    this.#use(next)
  }

  #authenticatorsOf(issuers: readonly JwtIssuer[]): Configured[] {
    return issuers.map(each => ({ url: each.issuer.url, inner: new JwtAuthenticator(each, this.#options) }))
  }

  #use(configured: readonly Configured[]): void {
    const { clock, metrics, cacheMetrics } = this.#options
    metrics?.configure(configured.map(({ url }) => url))
    this.#configured = configured
    this.#issuers = configured.map(({ inner }) =>
      cachedTokens(knowing(inner), { clock, success: REMEMBER, failure: 0, metrics: cacheMetrics }),
    )
  }

  async authenticateToken(token: string, audiences: readonly string[]): Promise<Authentication | undefined> {
    let failure: unknown
    for (const issuer of this.#issuers) {
      try {
        const found = await issuer.authenticateToken(token, audiences)
        if (found !== undefined) return found
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }
}

const knowing = (inner: JwtAuthenticator): TokenAuthenticator => ({
  authenticateToken: token => inner.authenticateToken(token),
})

/** Anonymous access as a configuration grants it; `undefined` where it does not. */
export function anonymousAccess({ enabled, conditions = [] }: AnonymousConfiguration): Authenticator | undefined {
  if (!enabled) return undefined
  if (conditions.length === 0) return anonymousAuthenticator
  const paths = new Set(conditions.map(({ path }) => path))
  return {
    authenticate: (request: AuthenticationRequest): Maybe<Authentication | undefined> =>
      paths.has(request.path) ? anonymousAuthenticator.authenticate(request) : undefined,
  }
}
