/** A pending callback. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void
}

/**
 * The only source of time for every loop, deadline and timestamp. `platform` has the real one; `SimulatedClock` advances by
 * command, so that a day of cluster life runs in seconds and the same way every time.
 */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds that only ever grow; for measuring spans. */
  monotonic(): number
  /** Calls `callback` once after `delay` milliseconds (0 or less: as soon as possible, never synchronously). */
  setTimer(delay: number, callback: () => void): Timer
}

/** Resolves after `delay` milliseconds on `clock`. Rejects with the signal's reason as soon as `signal` aborts. */
export function sleep(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.setTimer(delay, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
