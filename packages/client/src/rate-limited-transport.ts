import { type Clock, sleep } from '@canopus/base'
import type { Transport } from './transport.ts'

export interface RequestLimits {
  /** Requests a second. */
  readonly qps: number
  /** How many may be sent at once after a pause. */
  readonly burst: number
}

/** A transport that holds requests back which come faster than that, watches too (client-go rest.Config QPS and Burst). */
export function rateLimitedTransport<T extends Transport>(
  transport: T,
  clock: Clock,
  { qps, burst }: RequestLimits,
): T {
  let tokens = burst
  let filledAt = clock.monotonic()
  /** Takes a token and answers after how many milliseconds it is there. */
  const take = (): number => {
    const now = clock.monotonic()
    tokens = Math.min(burst, tokens + ((now - filledAt) * qps) / 1000) - 1
    filledAt = now
    return tokens >= 0 ? 0 : (-tokens / qps) * 1000
  }
  return {
    ...transport,
    async send(request) {
      const wait = take()
      try {
        if (wait > 0) await sleep(clock, wait, request.signal)
      } catch (error) {
        // Who gives up takes nobody's turn.
        tokens += 1
        throw error
      }
      return transport.send(request)
    },
  }
}
