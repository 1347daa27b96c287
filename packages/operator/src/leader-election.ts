/**
 * One of many replicas does the work: whoever holds a Lease and keeps renewing it. Fields and timings as client-go
 * tools/leaderelection, so that replicas of either kind respect each other.
 */

import { Leases } from '@canopus/api'
import type { Lease, LeaseSpec } from '@canopus/api/coordination/v1'
import { formatMicroTime, hasReason } from '@canopus/apimachinery'
import { type Clock, type Logger, type MetricsRegistry, perRegistry, type Random, sleep } from '@canopus/base'
import type { Client, ResourceClient } from '@canopus/client'

export interface LeaderElectionOptions {
  client: Client
  clock: Clock
  random: Random
  logger: Logger
  namespace: string
  /** Of the Lease. */
  name: string
  /** Of this replica; unique. */
  identity: string
  /** How long others wait after the last renewal that they saw, in milliseconds. Default 15,000. */
  leaseDuration?: number
  /** How long the holder keeps trying to renew before it stops its work. Default 10,000. */
  renewDeadline?: number
  /** Between attempts. Default 2,000. */
  retryPeriod?: number
  /** Where it is told who leads; nowhere where missing. */
  metrics?: MetricsRegistry
}

const masterStatus = perRegistry(registry =>
  registry.gauge(
    'leader_election_master_status',
    "[ALPHA] Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.",
    ['name'],
  ),
)

/** Longer waits of those who are not leading, so that they do not come all at once (JitterFactor). */
const JITTER = 1.2

/**
 * Waits for the lease, then runs `work` as long as it is held. The signal of `work` aborts when the lease is lost or
 * `signal` aborts. Resolves when `signal` aborted and the lease is given back, or when `work` ended by itself; rejects when
 * the lease was lost: the caller decides whether to start again.
 */
export async function runWithLease(
  options: LeaderElectionOptions,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const election = new Election(options)
  const status = options.metrics && masterStatus(options.metrics).with(options.name)
  status?.set(0)
  try {
    while (!(await election.tryAcquire())) {
      await sleep(options.clock, election.retryPeriod * (1 + JITTER * options.random.next()), signal)
    }
  } catch (error) {
    if (signal.aborted) return
    throw error
  }
  status?.set(1)
  options.logger.info('became leader', { lease: options.name, identity: options.identity })
  const leading = new AbortController()
  const stop = (): void => leading.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  let lost = false
  const renewing = election.keep(leading.signal).then(() => {
    if (leading.signal.aborted) return
    lost = true
    leading.abort(new Error('leader election lost'))
  })
  try {
    await work(leading.signal)
  } finally {
    signal.removeEventListener('abort', stop)
    status?.set(0)
    leading.abort()
    await renewing
    if (!lost) await election.release()
  }
  if (lost) throw new Error('leader election lost')
}

class Election {
  readonly retryPeriod: number
  readonly #options: LeaderElectionOptions
  readonly #leases: ResourceClient<Lease>
  readonly #leaseDuration: number
  readonly #renewDeadline: number
  /** The last state that was seen, and when on our own clock: other machines' clocks are not trusted. */
  #observed: Lease | undefined
  #observedAt = 0

  constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#leases = options.client.resource(Leases)
    this.#leaseDuration = options.leaseDuration ?? 15_000
    this.#renewDeadline = options.renewDeadline ?? 10_000
    this.retryPeriod = options.retryPeriod ?? 2_000
  }

  /** Whether this replica holds the lease after the attempt. Never throws. */
  async tryAcquire(): Promise<boolean> {
    try {
      return await this.#acquireOrRenew()
    } catch (error) {
      const { logger, name } = this.#options
      if (!hasReason(error, 'Conflict') && !hasReason(error, 'AlreadyExists')) {
        logger.warn('could not acquire or renew the lease', { lease: name, error })
      }
      return false
    }
  }

  /** Renews until the deadline is missed or `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let renewedAt = clock.monotonic()
    while (!signal.aborted) {
      await sleep(clock, this.retryPeriod, signal).catch(() => {})
      if (signal.aborted) return
      if (await this.tryAcquire()) renewedAt = clock.monotonic()
      else if (clock.monotonic() - renewedAt >= this.#renewDeadline) return
    }
  }

  /** Lets the others have it at once. */
  async release(): Promise<void> {
    const { clock, identity, logger, name } = this.#options
    if (!this.#observed || this.#observed.spec?.holderIdentity !== identity) return
    const now = formatMicroTime(clock.now())
    const spec: LeaseSpec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: this.#observed.spec?.leaseTransitions ?? 0,
    }
    try {
      await this.#leases.update({ ...this.#observed, spec })
    } catch (error) {
      logger.debug('could not release the lease', { lease: name, error })
    }
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { clock, identity, name, namespace } = this.#options
    const now = formatMicroTime(clock.now())
    const wanted: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(this.#leaseDuration / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    }
    let lease: Lease
    try {
      lease = await this.#leases.get(name, { namespace })
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
      this.#observe(await this.#leases.create({ metadata: { name, namespace }, spec: wanted }))
      return true
    }
    if (JSON.stringify(lease.spec) !== JSON.stringify(this.#observed?.spec)) this.#observe(lease)
    const holder = lease.spec?.holderIdentity ?? ''
    const seconds = lease.spec?.leaseDurationSeconds ?? this.#leaseDuration / 1000
    const held = holder !== '' && this.#observedAt + seconds * 1000 > clock.monotonic()
    if (held && holder !== identity) return false
    const transitions = lease.spec?.leaseTransitions ?? 0
    wanted.leaseTransitions = holder === identity ? transitions : transitions + 1
    if (holder === identity && lease.spec?.acquireTime) wanted.acquireTime = lease.spec.acquireTime
    this.#observe(await this.#leases.update({ ...lease, spec: wanted }))
    return true
  }

  #observe(lease: Lease): void {
    this.#observed = lease
    this.#observedAt = this.#options.clock.monotonic()
  }
}
