import { sleep } from '../../packages/base/src/index.ts'
import { systemClock } from '../../packages/platform/src/index.ts'

/**
 * Polls, since what is waited for is the state of other processes. By time, not by attempts: those that fail at once would be over
 * before a busy machine has started what they ask.
 */
export async function until(what: string | (() => string), holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = systemClock.monotonic() + 180_000; systemClock.monotonic() < end; ) {
    if (await holds()) return
    await sleep(systemClock, 20)
  }
  throw new Error(`not in time: ${typeof what === 'string' ? what : what()}`)
}
