import type { Clock } from './clock.ts'

/** Settles like `promise`, or rejects with the signal's reason as soon as `signal` aborts. */
export function abortable<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      value => {
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      reason => {
        signal.removeEventListener('abort', onAbort)
        reject(reason)
      },
    )
  })
}

/** Resolves when `signal` aborts. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Calls `callback` once when `signal` aborts, at once where it has; the answer takes the callback back. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (!signal) return () => {}
  if (signal.aborted) {
    callback()
    return () => {}
  }
  // A listener of its own for every call: the signal would keep only one for the same function.
  const listener = (): void => callback()
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}

/** Says that work did not finish within its time. */
export class TimeoutError extends Error {
  constructor(milliseconds: number, what: string) {
    super(`${what} took longer than ${milliseconds} ms`)
    this.name = 'TimeoutError'
  }
}

/**
 * Runs `work` with a signal that aborts after `milliseconds` or together with `signal`. Rejects with `TimeoutError` when
 * the time is up, whether or not the work heeds its signal.
 */
export async function withTimeout<T>(
  clock: Clock,
  milliseconds: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const controller = new AbortController()
  const release = onAbort(signal, () => controller.abort(signal?.reason))
  const timer = clock.setTimer(milliseconds, () => controller.abort(new TimeoutError(milliseconds, what)))
  try {
    controller.signal.throwIfAborted()
    return await abortable(work(controller.signal), controller.signal)
  } finally {
    timer.cancel()
    release()
  }
}
