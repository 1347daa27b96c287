import type { Clock, Timer } from '@canopus/base'

/** Longest delay that a Node timer takes (about 24.8 days); longer ones are chained. */
const LONGEST_DELAY = 2 ** 31 - 1

/** Never early: in whole milliseconds, by which Node keeps its timers in lists; each fraction would have a list of its own. */
function startTimer(delay: number, callback: () => void): Timer {
  let handle: NodeJS.Timeout
  const arm = (left: number): void => {
    handle =
      left > LONGEST_DELAY
        ? setTimeout(() => arm(left - LONGEST_DELAY), LONGEST_DELAY)
        : setTimeout(callback, Math.max(0, Math.ceil(left)))
  }
  arm(delay)
  return { cancel: () => clearTimeout(handle) }
}

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: startTimer,
}
