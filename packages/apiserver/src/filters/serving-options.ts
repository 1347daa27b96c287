import { GIT_VERSION } from '../discovery/version.ts'

/** How the server treats its traffic; kube-apiserver's flags and their defaults (pkg/server/options/server_run_options.go). */
export interface ServingOptions {
  /** `--enable-priority-and-fairness`; false: only the two limits below, for everybody together. */
  readonly priorityAndFairness?: boolean
  /** `--max-requests-inflight`: reads at a time; 0 for no limit. With priority and fairness the sum of both counts. */
  readonly maxRequestsInflight?: number
  /** `--max-mutating-requests-inflight`. */
  readonly maxMutatingRequestsInflight?: number
  /** `--request-timeout` in milliseconds: what a request has that is not meant to last. */
  readonly requestTimeout?: number
  /** `--min-request-timeout` in seconds: watches that do not say last this to twice this. */
  readonly minRequestTimeout?: number
  /** `--cors-allowed-origins`: RE2 patterns of origins whose pages may read answers. */
  readonly corsAllowedOrigins?: readonly string[]
  /** `--strict-transport-security-directives`. */
  readonly strictTransportSecurity?: readonly string[]
  /** `--goaway-chance`: the part of HTTP/2 requests after which the client is asked to connect anew. */
  readonly goawayChance?: number
  /** `--shutdown-delay-duration` in milliseconds: how long the server still serves while it says that it is not ready. */
  readonly shutdownDelay?: number
  /** `--shutdown-send-retry-after`: new requests are then answered with 429 instead of finding nobody. */
  readonly shutdownSendRetryAfter?: boolean
  /**
   * `--shutdown-watch-termination-grace-period` in milliseconds. Where it is more than 0, watches end as soon as no new
   * requests come in, before those under way have been answered; else when the server ends.
   */
  readonly shutdownWatchTerminationGracePeriod?: number
  /** `--livez-grace-period` in milliseconds: how long after its start what fails does not count at `/livez`. */
  readonly livezGracePeriod?: number
  /** `--version`: what `/version` and the metrics say that this is. */
  readonly gitVersion?: string
}

export const SERVING_DEFAULTS: Required<ServingOptions> = {
  priorityAndFairness: true,
  maxRequestsInflight: 400,
  maxMutatingRequestsInflight: 200,
  requestTimeout: 60_000,
  minRequestTimeout: 1800,
  corsAllowedOrigins: [],
  strictTransportSecurity: [],
  goawayChance: 0,
  shutdownDelay: 0,
  shutdownSendRetryAfter: false,
  shutdownWatchTerminationGracePeriod: 0,
  livezGracePeriod: 0,
  gitVersion: GIT_VERSION,
}
