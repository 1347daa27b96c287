import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Store } from '@canopus/store'

export interface CompactionOptions {
  store: Store
  clock: Clock
  logger: Logger
  /** Milliseconds between compactions; history is kept for one to two of them. Default 5 min, as upstream's compactor. */
  interval?: number
}

const INTERVAL = 5 * 60_000

/**
 * Forgets the store's history that is older than an interval, again and again until the signal aborts: lists and watches from
 * further back are answered with 410. Failures are logged and made good by the next round.
 */
export async function runCompaction(options: CompactionOptions, signal: AbortSignal): Promise<void> {
  const { store, clock, logger } = options
  let before: number | undefined
  while (!signal.aborted) {
    try {
      if (before !== undefined) await store.compact(before)
      before = await store.revision()
    } catch (error) {
      if (!signal.aborted) logger.warn('the store could not be compacted', { error })
    }
    await sleep(clock, options.interval ?? INTERVAL, signal).catch(() => {})
  }
}
