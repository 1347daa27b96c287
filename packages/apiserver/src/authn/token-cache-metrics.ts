/** How tokens are found that are remembered (k8s.io/apiserver/pkg/authentication/token/cache/stats.go). */
import type { MetricsRegistry } from '@canopus/base'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const PREFIX = 'authentication_token_cache'
/** Upstream tells nothing more of them. */
const HELP = '[ALPHA] '

export interface TokenCacheMetrics {
  /** A token was remembered, or had to be asked after, which took so many seconds. */
  asked(status: 'hit' | 'miss', seconds: number): void
  /** Somebody waits for an answer; call the result when that has come. */
  waiting(): () => void
  /** The authenticator is asked; call the result with whether it had an answer. */
  fetching(): (succeeded: boolean) => void
}

/** Of all caches of a server. */
export function tokenCacheMetrics(registry: MetricsRegistry): TokenCacheMetrics {
  const status = ['status']
  const requests = registry.counter(`${PREFIX}_request_total`, HELP, status)
  const durations = registry.histogram(`${PREFIX}_request_duration_seconds`, HELP, status, SECONDS)
  const fetches = registry.counter(`${PREFIX}_fetch_total`, HELP, status)
  const active = registry.gauge(`${PREFIX}_active_fetch_count`, HELP, status)
  const during = (state: 'blocked' | 'in_flight'): (() => void) => {
    active.with(state).add()
    return () => active.with(state).add(-1)
  }
  return {
    asked(outcome, seconds) {
      requests.with(outcome).add()
      durations.with(outcome).observe(Math.floor(seconds * 1000) / 1000)
    },
    waiting: () => during('blocked'),
    fetching() {
      const end = during('in_flight')
      return succeeded => {
        fetches.with(succeeded ? 'ok' : 'error').add()
        end()
      }
    },
  }
}
