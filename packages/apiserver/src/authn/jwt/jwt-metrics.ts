/** What is told of issuers of tokens (k8s.io/apiserver plugin/pkg/authenticator/token/oidc/metrics.go). */
import { type Clock, type Family, type Histogram, MetricsRegistry, type Sample } from '@canopus/base'
import { textHash } from '../../metrics/reload-metrics.ts'

export interface JwtMetricsOptions {
  readonly registry?: MetricsRegistry | undefined
  /** Tells this server from others. */
  readonly serverId?: string | undefined
  readonly clock: Clock
}

type Result = 'success' | 'failure'

/** Of one issuer: when its keys were fetched last, well or in vain, and what they were. */
interface Fetches {
  readonly hash: string
  readonly at: Map<Result, number>
  keySet?: string
}

const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const PREFIX = 'apiserver_authentication_jwt_authenticator'

export class JwtMetrics {
  readonly #clock: Clock
  readonly #latencies: Family<Histogram>
  #issuers = new Map<string, Fetches>()

  constructor({ registry = new MetricsRegistry(), serverId = '', clock }: JwtMetricsOptions) {
    this.#clock = clock
    const own = textHash(serverId)
    this.#latencies = registry.histogram(
      `${PREFIX}_latency_seconds`,
      '[ALPHA] Latency of jwt authentication operations in seconds, for tokens that were not in the cache.',
      ['result', 'jwt_issuer_hash'],
      BUCKETS,
    )
    registry.collect(
      'gauge',
      `${PREFIX}_jwks_fetch_last_timestamp_seconds`,
      '[ALPHA] Timestamp of the last successful or failed JWKS fetch split by result, api server identity and jwt issuer.',
      ['result', 'jwt_issuer_hash', 'apiserver_id_hash'],
      () =>
        [...this.#issuers.values()].flatMap(({ hash, at }) =>
          [...at].map(([result, time]): Sample => [[result, hash, own], time]),
        ),
    )
    registry.collect(
      'gauge',
      `${PREFIX}_jwks_fetch_last_key_set_info`,
      '[ALPHA] Information about the last JWKS fetched with hash as label, split by api server identity and jwt issuer.',
      ['jwt_issuer_hash', 'apiserver_id_hash', 'hash'],
      () =>
        [...this.#issuers.values()].flatMap(({ hash, keySet }): Sample[] =>
          keySet === undefined ? [] : [[[hash, own, keySet], 1]],
        ),
    )
  }

  /** These are the issuers from now on; nothing is told any more of others. */
  configure(issuers: readonly string[]): void {
    this.#issuers = new Map(issuers.map(url => [url, this.#issuers.get(url) ?? { hash: textHash(url), at: new Map() }]))
  }

  /** A token of the issuer was looked at, for so many milliseconds. */
  authenticated(issuer: string, result: Result, duration: number): void {
    const hash = this.#issuers.get(issuer)?.hash ?? textHash(issuer)
    this.#latencies.with(result, hash).observe(duration / 1000)
  }

  /** The keys of the issuer were fetched: the answer's text where they could be. */
  fetched(issuer: string, text: string | undefined): void {
    const found = this.#issuers.get(issuer)
    if (found === undefined) return
    found.at.set(text === undefined ? 'failure' : 'success', this.#clock.now() / 1000)
    if (text !== undefined) found.keySet = textHash(text)
  }
}
