/** Authentication that a configuration file or flags describe: issuers of tokens, anonymous access, the token webhook. */
import { deepEqual } from '@canopus/apimachinery'
import type { Logger } from '@canopus/base'
import type { ConfigurationFile } from '../configuration/file.ts'
import type { Egress } from '../egress/egress.ts'
import { reloadMetrics, textHash } from '../metrics/reload-metrics.ts'
import { ReviewClient, type ReviewEndpoint } from '../review-webhook/client.ts'
import type { Authenticator, SecurityContext } from '../security.ts'
import { anonymousAuthenticator } from './anonymous.ts'
import type { TokenAuthenticator } from './bearer.ts'
import { type JwtIssuer, readAuthenticationConfiguration } from './jwt/configuration.ts'
import { JwtMetrics } from './jwt/jwt-metrics.ts'
import { anonymousAccess, JwtTokens } from './jwt/jwt-tokens.ts'
import type { TokenCacheMetrics } from './token-cache-metrics.ts'
import { tokenWebhook } from './token-webhook.ts'

export interface TokenWebhookFacts {
  readonly endpoint: ReviewEndpoint
  readonly version: 'v1' | 'v1beta1'
  /** Milliseconds. */
  readonly cacheTtl: number
}

export interface ConfiguredAuthentication {
  /** Tokens of other issuers; missing where there can be none. */
  readonly tokens: TokenAuthenticator | undefined
  /** For requests without a credential; missing where they are refused. */
  readonly anonymous: Authenticator | undefined
}

interface Options {
  readonly anonymous?: boolean
  readonly jwt?: { issuers: readonly JwtIssuer[]; algorithms?: readonly string[] }
  readonly authenticationConfiguration?: ConfigurationFile
  readonly egress?: Egress | undefined
}

/** `ownIssuers` are this server's, which no other issuer may be. Throws where the configuration is wrong. */
export function configuredAuthentication(
  { anonymous = true, jwt, authenticationConfiguration: file, egress }: Options,
  { clock, logger, metrics, serverId }: SecurityContext,
  { ownIssuers, cacheMetrics }: { ownIssuers: readonly string[]; cacheMetrics?: TokenCacheMetrics | undefined },
): ConfiguredAuthentication {
  const byFlag = anonymous ? anonymousAuthenticator : undefined
  const facts = { clock, egress, cacheMetrics, metrics: new JwtMetrics({ registry: metrics, serverId, clock }) }
  if (file === undefined) {
    if (jwt === undefined || jwt.issuers.length === 0) return { tokens: undefined, anonymous: byFlag }
    const tokens = new JwtTokens({ ...facts, ...(jwt.algorithms === undefined ? {} : { algorithms: jwt.algorithms }) })
    tokens.configure(jwt.issuers)
    lookUp(tokens, logger)
    return { tokens, anonymous: byFlag }
  }
  const first = readAuthenticationConfiguration(file.text, ownIssuers)
  const tokens = new JwtTokens(facts)
  tokens.configure(first.jwt)
  lookUp(tokens, logger)
  const reloads = reloadMetrics({ registry: metrics, of: 'authentication', stability: 'BETA', serverId, clock })
  reloads.applied(textHash(file.text))
  const read = async (text: string): Promise<void> => {
    try {
      const next = readAuthenticationConfiguration(text, ownIssuers)
      if (!deepEqual(next.anonymous, first.anonymous)) throw new Error('anonymous: changing it needs a restart')
      await tokens.replace(next.jwt)
      reloads.reloaded(textHash(text))
      logger.info('the authentication configuration was read again', { issuers: next.jwt.length })
    } catch (error) {
      reloads.reloaded(undefined)
      logger.error('the changed authentication configuration is wrong: the one before stays', { error })
    }
  }
  // One after the other: what is read waits for its issuers.
  let reading = Promise.resolve()
  file.follow?.(text => {
    reading = reading.then(() => read(text))
  })
  return { tokens, anonymous: first.anonymous === undefined ? byFlag : anonymousAccess(first.anonymous) }
}

function lookUp(tokens: JwtTokens, logger: Logger): void {
  void tokens.lookUp((issuer, error) =>
    logger.warn('an issuer does not say where its keys are; it is asked again with its next token', { issuer, error }),
  )
}

/** Tokens that the program behind `facts` knows. */
export function webhookTokens(
  { endpoint, version, cacheTtl }: TokenWebhookFacts,
  { clock, random }: SecurityContext,
  { audiences, cacheMetrics }: { audiences: readonly string[]; cacheMetrics?: TokenCacheMetrics | undefined },
): TokenAuthenticator {
  const client = new ReviewClient({ endpoint, clock, random })
  return tokenWebhook({ client, version, cacheTtl, audiences, clock, cacheMetrics })
}
