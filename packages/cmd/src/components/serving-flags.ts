import type { ServingOptions } from '@canopus/apiserver'
import { Failure } from '@canopus/cli'
import type { Command } from 'commander'
import { bool, duringAtLeastNothing, fraction, given, list, number } from '../flags.ts'

export interface ServingFlags {
  enablePriorityAndFairness: boolean
  maxRequestsInflight: number
  maxMutatingRequestsInflight: number
  requestTimeout: number
  minRequestTimeout: number
  corsAllowedOrigins?: string[]
  strictTransportSecurityDirectives?: string[]
  goawayChance: number
  shutdownDelayDuration: number
  shutdownSendRetryAfter: boolean
  shutdownWatchTerminationGracePeriod: number
  livezGracePeriod: number
}

const MOST = 2 ** 31 - 1
/** A higher chance would do nothing but make new connections. */
const MOST_GOAWAY = 0.02

/** kube-apiserver's flags of how traffic is treated (k8s.io/apiserver/pkg/server/options/server_run_options.go). */
export function addServingFlags(command: Command): void {
  command
    .option(
      '--enable-priority-and-fairness [bool]',
      'queue requests by priority and flow, rather than in one',
      bool,
      true,
    )
    .option(
      '--max-requests-inflight <count>',
      'reading requests at a time; 0 for no limit',
      number(0, MOST, '--max-requests-inflight can not be negative value'),
      400,
    )
    .option(
      '--max-mutating-requests-inflight <count>',
      'writing requests at a time',
      number(0, MOST, '--max-mutating-requests-inflight can not be negative value'),
      200,
    )
    .option(
      '--request-timeout <duration>',
      'how long a request may take that does not last',
      duringAtLeastNothing('--request-timeout can not be negative value'),
      60_000,
    )
    .option(
      '--min-request-timeout <seconds>',
      'watches last this to twice this',
      number(0, MOST, '--min-request-timeout can not be negative value'),
      1800,
    )
    .option('--cors-allowed-origins <patterns>', 'origins whose pages may read answers', list)
    .option('--strict-transport-security-directives <directives>', 'for the header of that name', directives)
    .option('--goaway-chance <fraction>', 'after how many requests a client is to connect anew', chance, 0)
    .option(
      '--livez-grace-period <duration>',
      'how long checks may fail at /livez while it starts',
      duringAtLeastNothing('--livez-grace-period can not be a negative value'),
      0,
    )
    .option(
      '--shutdown-delay-duration <duration>',
      'how long to serve on, not ready, before the end',
      duringAtLeastNothing('--shutdown-delay-duration can not be negative value'),
      0,
    )
    .option('--shutdown-send-retry-after [bool]', 'answer 429 at the end rather than refuse connections', bool, false)
    .option(
      '--shutdown-watch-termination-grace-period <duration>',
      'more than 0: watches end before the requests under way',
      duringAtLeastNothing('shutdown-watch-termination-grace-period, if provided, can not be a negative value'),
      0,
    )
}

export function servingOptions(flags: ServingFlags): ServingOptions {
  return {
    priorityAndFairness: flags.enablePriorityAndFairness,
    maxRequestsInflight: flags.maxRequestsInflight,
    maxMutatingRequestsInflight: flags.maxMutatingRequestsInflight,
    requestTimeout: flags.requestTimeout,
    minRequestTimeout: flags.minRequestTimeout,
    goawayChance: flags.goawayChance,
    shutdownDelay: flags.shutdownDelayDuration,
    shutdownSendRetryAfter: flags.shutdownSendRetryAfter,
    shutdownWatchTerminationGracePeriod: flags.shutdownWatchTerminationGracePeriod,
    livezGracePeriod: flags.livezGracePeriod,
    ...given({
      corsAllowedOrigins: flags.corsAllowedOrigins,
      strictTransportSecurity: flags.strictTransportSecurityDirectives,
    }),
  }
}

const chance = fraction(0, MOST_GOAWAY, `--goaway-chance can not be less than 0 or greater than ${MOST_GOAWAY}`)

/** Directives of RFC 6797, one by one. */
function directives(text: string, before: readonly string[] | undefined): string[] {
  const given = text.split(',')
  if (given.some(each => each.trim() === '')) throw new Failure('empty value in strict-transport-security-directives')
  if (!given.every(each => /^(includeSubDomains|preload|max-age=[^=]*)$/.test(each))) {
    throw new Failure(
      '--strict-transport-security-directives invalid, allowed values: max-age=expireTime, includeSubDomains, preload. see https://tools.ietf.org/html/rfc6797#section-6.1 for more information',
    )
  }
  return [...(before ?? []), ...given]
}
