/** Tokens that a webhook knows (k8s.io/apiserver plugin/pkg/authenticator/token/webhook). */
import type { TokenReview } from '@canopus/api/authentication/v1'
import type { Clock } from '@canopus/base'
import type { ReviewClient } from '../review-webhook/client.ts'
import type { Authentication, User } from '../security.ts'
import type { TokenAuthenticator } from './bearer.ts'
import { InvalidCredentialError } from './client-certificate.ts'
import { cachedTokens } from './token-cache.ts'
import type { TokenCacheMetrics } from './token-cache-metrics.ts'

export interface TokenWebhookOptions {
  readonly client: ReviewClient
  /** Version of TokenReview that the webhook speaks. */
  readonly version: 'v1' | 'v1beta1'
  /** How long answers of either kind are remembered, in milliseconds. */
  readonly cacheTtl: number
  /** The API server's own audiences, for webhooks that say nothing of any. */
  readonly audiences: readonly string[]
  readonly clock: Clock
  readonly cacheMetrics?: TokenCacheMetrics | undefined
}

export function tokenWebhook(options: TokenWebhookOptions): TokenAuthenticator {
  const { cacheTtl, clock, cacheMetrics: metrics } = options
  const inner: TokenAuthenticator = { authenticateToken: (token, audiences) => review(options, token, audiences) }
  return cachedTokens(inner, { clock, success: cacheTtl, failure: cacheTtl, metrics })
}

async function review(
  { client, version, audiences: own }: TokenWebhookOptions,
  token: string,
  wanted: readonly string[],
): Promise<Authentication | undefined> {
  const { status = {} } = await client.send<TokenReview>({
    apiVersion: `authentication.k8s.io/${version}`,
    kind: 'TokenReview',
    metadata: { creationTimestamp: null },
    spec: { token, ...(wanted.length === 0 ? {} : { audiences: wanted }) },
  })
  const meant = status.audiences?.length ? status.audiences : own
  const audiences = wanted.filter(each => meant.includes(each))
  if (wanted.length > 0 && audiences.length === 0) return undefined
  if (status.authenticated !== true) {
    if (status.error) throw new InvalidCredentialError(status.error)
    return undefined
  }
  const { username = '', uid, groups = [], extra } = status.user ?? {}
  const user: User = {
    name: username,
    ...(uid ? { uid } : {}),
    groups,
    ...(extra === undefined ? {} : { extra }),
  }
  return { user, audiences }
}
