import { type Clock, sleep } from '@canopus/base'
import type { Transport } from '@canopus/client'

const LOOK_EVERY = 25
const LONGEST = 10_000

/**
 * Waits until the API server answers at all, but not for ever. A node that starts together with its control plane would be
 * refused at first, and everything on it that lists and watches would hold back for a second or more.
 */
export async function untilApiAnswers(transport: Transport, clock: Clock, signal: AbortSignal): Promise<void> {
  const deadline = clock.monotonic() + LONGEST
  while (!signal.aborted && clock.monotonic() < deadline) {
    try {
      const response = await transport.send({ method: 'GET', path: '/readyz', signal })
      await response.bytes()
      return
    } catch {
      await sleep(clock, LOOK_EVERY, signal).catch(() => {})
    }
  }
}
