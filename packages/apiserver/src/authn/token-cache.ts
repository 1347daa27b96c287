import { createHash } from 'node:crypto'
import { type Clock, LruCache } from '@canopus/base'
import type { Authentication } from '../security.ts'
import type { TokenAuthenticator } from './bearer.ts'
import type { TokenCacheMetrics } from './token-cache-metrics.ts'

export interface TokenCacheOptions {
  readonly clock: Clock
  /** How long a token that is good stays so, in milliseconds. */
  readonly success: number
  /** How long a token that the authenticator does not know stays unknown; errors are never kept. */
  readonly failure: number
  readonly metrics?: TokenCacheMetrics | undefined
}

/** Tokens remembered; upstream's cache is of about this size. */
const CAPACITY = 8192

/**
 * Asks an authenticator once per token and time (k8s.io/apiserver pkg/authentication/token/cache). Those who come while it is
 * being asked wait for the same answer.
 */
export function cachedTokens(inner: TokenAuthenticator, options: TokenCacheOptions): TokenAuthenticator {
  const { clock, success, failure, metrics } = options
  const known = new LruCache<string, { until: number; answer: Authentication | undefined }>({ capacity: CAPACITY })
  const asked = new Map<string, Promise<Authentication | undefined>>()

  async function ask(key: string, token: string, audiences: readonly string[]): Promise<Authentication | undefined> {
    const fetched = metrics?.fetching()
    let succeeded = false
    try {
      const answer = await inner.authenticateToken(token, audiences)
      succeeded = true
      const time = answer === undefined ? failure : success
      if (time > 0) known.set(key, { until: clock.monotonic() + time, answer })
      return answer
    } finally {
      fetched?.(succeeded)
    }
  }

  async function measured<T>(pending: Promise<T>): Promise<T> {
    const begun = clock.monotonic()
    const answered = metrics?.waiting()
    try {
      return await pending
    } finally {
      metrics?.asked('miss', (clock.monotonic() - begun) / 1000)
      answered?.()
    }
  }

  return {
    authenticateToken(token, audiences) {
      const key = createHash('sha256')
        .update(JSON.stringify([token, audiences]))
        .digest('base64')
      const found = known.get(key)
      if (found !== undefined && found.until > clock.monotonic()) {
        metrics?.asked('hit', 0)
        return found.answer
      }
      let pending = asked.get(key)
      if (pending === undefined) {
        pending = ask(key, token, audiences).finally(() => asked.delete(key))
        asked.set(key, pending)
      }
      return metrics === undefined ? pending : measured(pending)
    },
  }
}
