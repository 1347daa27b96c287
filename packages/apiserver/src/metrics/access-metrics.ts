/**
 * Who asks, may they, and for how long their certificates are good (k8s.io/apiserver/pkg/endpoints/filters/metrics.go,
 * pkg/authentication/request/x509).
 */
import { X509Certificate } from 'node:crypto'
import { StatusError } from '@canopus/apimachinery'
import {
  type Clock,
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
} from '@canopus/base'
import type { Attributes, Authorizer, Connection, Decision, User } from '../security.ts'

const SECONDS = exponentialBuckets(0.001, 2, 15)
const FILTER_SECONDS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30]
const HOUR = 3600
const DAY = 24 * HOUR
/** Nothing, then from half an hour to a year: time enough to do something about it. */
const EXPIRY = [
  ...[0, 0.5, 1, 2, 6, 12].map(hours => hours * HOUR),
  ...[1, 2, 4, 7, 30, 90, 180, 360].map(days => days * DAY),
]
const KNOWN_USERS: ReadonlySet<string> = new Set([
  'admin',
  'client',
  'kube_proxy',
  'kubelet',
  'system:serviceaccount:kube-system:default',
])

/** Filters that only hold a request up. */
type PassedFilter = 'audit' | 'constrainedimpersonation' | 'priorityandfairness'

interface Outcome {
  readonly count: Counter
  readonly seconds: Histogram
}

const outcome = (counts: Family<Counter>, times: Family<Histogram>, result: string): Outcome => ({
  count: counts.with(result),
  seconds: times.with(result),
})

export class AccessMetrics {
  readonly #clock: Clock
  readonly #attempts: Family<Counter>
  readonly #users: Family<Counter>
  readonly #durations: Family<Histogram>
  readonly #expiry: Histogram
  readonly #decisions: Family<Counter>
  readonly #decided: Family<Histogram>
  readonly #ends = new WeakMap<Connection, number>()
  readonly #authentication: Histogram
  readonly #authorization: Histogram
  readonly #passed: Readonly<Record<PassedFilter, Histogram>>
  /** What most requests count in, held since looking it up costs as much as counting. */
  readonly #knownUsers = new Map<string, Counter>()
  readonly #usual: { readonly known: Outcome; readonly allowed: Outcome }

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock
    const help = (text: string): string => `[ALPHA] ${text}`
    this.#attempts = registry.counter('authentication_attempts', help('Counter of authenticated attempts.'), ['result'])
    this.#users = registry.counter(
      'authenticated_user_requests',
      help('Counter of authenticated requests broken out by username.'),
      ['username'],
    )
    this.#durations = registry.histogram(
      'authentication_duration_seconds',
      help('Authentication duration in seconds broken out by result.'),
      ['result'],
      SECONDS,
    )
    this.#expiry = registry
      .histogram(
        'apiserver_client_certificate_expiration_seconds',
        help('Distribution of the remaining lifetime on the certificate used to authenticate a request.'),
        [],
        EXPIRY,
      )
      .with()
    this.#decisions = registry.counter(
      'authorization_attempts_total',
      help(
        "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
      ),
      ['result'],
    )
    this.#decided = registry.histogram(
      'authorization_duration_seconds',
      help('Authorization duration in seconds broken out by result.'),
      ['result'],
      SECONDS,
    )
    const filters = registry.histogram(
      'apiserver_request_filter_duration_seconds',
      help('Request filter latency distribution in seconds, for each filter type'),
      ['filter'],
      FILTER_SECONDS,
    )
    this.#authentication = filters.with('authentication')
    this.#authorization = filters.with('authorization')
    this.#passed = {
      audit: filters.with('audit'),
      constrainedimpersonation: filters.with('constrainedimpersonation'),
      priorityandfairness: filters.with('priorityandfairness'),
    }
    this.#usual = {
      known: outcome(this.#attempts, this.#durations, 'success'),
      allowed: outcome(this.#decisions, this.#decided, 'allowed'),
    }
  }

  /** Somebody was known; `begun` by the monotonic clock. */
  authenticated({ name }: User, connection: Connection, begun: number): void {
    this.note(this.#usual.known, begun, this.#authentication)
    const known = KNOWN_USERS.has(name) ? name : name.includes('@') ? 'email_id' : 'other'
    this.userOf(known).add()
    if (connection.certificateVerified) this.#expiry.observe((this.endOf(connection) - this.#clock.now()) / 1000)
  }

  private userOf(known: string): Counter {
    let counter = this.#knownUsers.get(known)
    if (counter === undefined) {
      counter = this.#users.with(known)
      this.#knownUsers.set(known, counter)
    }
    return counter
  }

  /** Nobody knew the credential, or it could not be looked at. */
  failed(error: unknown, begun: number): void {
    const result = error instanceof StatusError && error.code === 401 ? 'failure' : 'error'
    this.note(outcome(this.#attempts, this.#durations, result), begun, this.#authentication)
  }

  /** The same authorizer, whose answers are counted. */
  counted(authorizer: Authorizer): Authorizer {
    return {
      authorize: (attributes: Attributes) => {
        const begun = this.#clock.monotonic()
        try {
          const answer = authorizer.authorize(attributes)
          return answer instanceof Promise ? this.settled(answer, begun) : this.decided(answer, begun)
        } catch (error) {
          this.undecided(begun)
          throw error
        }
      },
    }
  }

  private async settled(answer: Promise<Decision>, begun: number): Promise<Decision> {
    let decision: Decision
    try {
      decision = await answer
    } catch (error) {
      this.undecided(begun)
      throw error
    }
    return this.decided(decision, begun)
  }

  private decided(decision: Decision, begun: number): Decision {
    const result = RESULTS[decision.decision]
    this.note(
      result === 'allowed' ? this.#usual.allowed : outcome(this.#decisions, this.#decided, result),
      begun,
      this.#authorization,
    )
    return decision
  }

  private undecided(begun: number): void {
    this.note(outcome(this.#decisions, this.#decided, 'error'), begun, this.#authorization)
  }

  /** How long a filter had a request that it let pass; milliseconds. */
  passed(filter: PassedFilter, milliseconds: number): void {
    this.#passed[filter].observe(milliseconds / 1000)
  }

  private note({ count, seconds }: Outcome, begun: number, filter: Histogram): void {
    const took = (this.#clock.monotonic() - begun) / 1000
    count.add()
    seconds.observe(took)
    filter.observe(took)
  }

  /** When the certificate of the connection ends, in milliseconds. */
  private endOf(connection: Connection): number {
    let end = this.#ends.get(connection)
    if (end === undefined) {
      end = new X509Certificate(connection.certificate!).validToDate.getTime()
      this.#ends.set(connection, end)
    }
    return end
  }
}

const RESULTS: Readonly<Record<Decision['decision'], string>> = {
  allow: 'allowed',
  deny: 'denied',
  'no-opinion': 'no-opinion',
}
