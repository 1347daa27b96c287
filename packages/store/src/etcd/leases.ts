import type { Clock } from '@canopus/base'
import type { EtcdConnection } from './connection.ts'
import { type Int64, methods } from './messages.ts'

/** No more than so many keys hang on one lease, since the server removes them in one go. */
const keysPerLease = 1000
/** Keys with a time to live share leases: each may live longer by this share of it, and by a limit at most. */
const slackShare = 0.05

interface SharedLease {
  readonly id: Promise<Int64>
  readonly endsAt: number
  keys: number
}

/** Grants leases and reuses them for keys that are to go at about the same time, as Kubernetes does for its events. */
export class Leases {
  readonly #connection: EtcdConnection
  readonly #clock: Clock
  readonly #shared = new Map<number, SharedLease>()

  readonly #reuseSeconds: number

  constructor(connection: EtcdConnection, clock: Clock, reuseSeconds = 60) {
    this.#reuseSeconds = reuseSeconds
    this.#connection = connection
    this.#clock = clock
  }

  /** A lease that lasts `ttlSeconds` at least and 5 % (and not more than the limit) longer at most. */
  async lease(ttlSeconds: number): Promise<Int64> {
    const now = this.#clock.now()
    const known = this.#shared.get(ttlSeconds)
    if (known && known.endsAt >= now + ttlSeconds * 1000 && known.keys < keysPerLease) {
      known.keys++
      return known.id
    }
    const seconds = Math.ceil(ttlSeconds) + Math.floor(Math.min(this.#reuseSeconds, ttlSeconds * slackShare))
    const granted = this.#connection.write(methods.leaseGrant, { TTL: seconds }).then(response => response.ID)
    const lease: SharedLease = { id: granted, endsAt: now + seconds * 1000, keys: 1 }
    this.#shared.set(ttlSeconds, lease)
    granted.catch(() => {
      if (this.#shared.get(ttlSeconds) === lease) this.#shared.delete(ttlSeconds)
    })
    return granted
  }

  /** Grants anew from now on: the server does not know our leases any more. */
  forget(): void {
    this.#shared.clear()
  }
}
