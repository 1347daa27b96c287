import type { Authentication, AuthenticationRequest, Authenticator, Maybe } from '../../security.ts'
import { anonymousAuthenticator } from '../anonymous.ts'
import type { TokenAuthenticator } from '../bearer.ts'
import { cachedTokens } from '../token-cache.ts'
import type { AnonymousConfiguration, JwtIssuer } from './configuration.ts'
import { JwtAuthenticator, type JwtOptions } from './jwt-authenticator.ts'

/** How long a good token is not looked at again, in milliseconds (upstream TokenSuccessCacheTTL). */
const REMEMBER = 10_000

/** Tokens of all issuers of a configuration, which may be replaced while the server runs. */
export class JwtTokens implements TokenAuthenticator {
  readonly #options: JwtOptions
  #issuers: readonly TokenAuthenticator[] = []

  constructor(options: JwtOptions) {
    this.#options = options
  }

  /** Takes a valid configuration from now on. Keys and tokens of before are forgotten. */
  configure(issuers: readonly JwtIssuer[]): void {
    const { clock, metrics, cacheMetrics } = this.#options
    metrics?.configure(issuers.map(({ issuer }) => issuer.url))
    this.#issuers = issuers.map(each =>
      cachedTokens(knowing(new JwtAuthenticator(each, this.#options)), {
        clock,
        success: REMEMBER,
        failure: 0,
        metrics: cacheMetrics,
      }),
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
