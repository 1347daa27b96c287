import type { ServingOptions } from '@canopus/apiserver'
import { type Command, InvalidArgumentError } from 'commander'
import { bool, duration, given, list, lists, number } from '../flags.ts'

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
    .option('--max-requests-inflight <count>', 'reading requests at a time; 0 for no limit', number(0, MOST), 400)
    .option('--max-mutating-requests-inflight <count>', 'writing requests at a time', number(0, MOST), 200)
    .option('--request-timeout <duration>', 'how long a request may take that does not last', duration, 60_000)
    .option('--min-request-timeout <seconds>', 'watches last this to twice this', number(1, MOST), 1800)
    .option('--cors-allowed-origins <patterns>', 'origins whose pages may read answers', list)
    .option('--strict-transport-security-directives <directives>', 'for the header of that name', lists)
    .option('--goaway-chance <fraction>', 'after how many requests a client is to connect anew', chance, 0)
    .option('--shutdown-delay-duration <duration>', 'how long to serve on, not ready, before the end', duration, 0)
    .option('--shutdown-send-retry-after [bool]', 'answer 429 at the end rather than refuse connections', bool, false)
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
    ...given({
      corsAllowedOrigins: flags.corsAllowedOrigins,
      strictTransportSecurity: flags.strictTransportSecurityDirectives,
    }),
  }
}

function chance(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= MOST_GOAWAY)) {
    throw new InvalidArgumentError(`not a number from 0 to ${MOST_GOAWAY}.`)
  }
  return value
}
