import { type Clock, type RateLimit, sleep, TokenBucket } from '@canopus/base'
import type { Transport } from './transport.ts'

/** A transport that holds requests back which come faster than that, watches too (client-go rest.Config QPS and Burst). */
export function rateLimitedTransport<T extends Transport>(transport: T, clock: Clock, limit: RateLimit): T {
  const bucket = new TokenBucket(limit, clock.monotonic())
  return {
    ...transport,
    async send(request) {
      const wait = bucket.take(clock.monotonic())
      try {
        if (wait > 0) await sleep(clock, wait, request.signal)
      } catch (error) {
        // Who gives up takes nobody's turn.
        bucket.giveBack()
        throw error
      }
      return transport.send(request)
    },
  }
}
