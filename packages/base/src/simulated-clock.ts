import type { Clock, Timer } from './clock.ts'
import { Heap } from './heap.ts'

export interface SimulatedClockOptions {
  /** Wall time at the start, in milliseconds since the epoch. Default: 2026-01-01T00:00:00Z. */
  start?: number
  /**
   * Resolves when the work that a timer set off has come to rest. The default lets promise jobs run for a while, which is
   * enough for code that waits for nothing but promises; a Node program gives one that waits for a turn of the event loop.
   */
  settle?: () => Promise<void>
}

interface PendingTimer extends Timer {
  readonly at: number
  readonly sequence: number
  callback: (() => void) | undefined
}

/**
 * A clock that moves only by command. Timers run in the order of their time, those of the same time in the order they were
 * set, and what one sets off settles before the next runs: the same program takes the same course every time.
 */
export class SimulatedClock implements Clock {
  readonly #timers = new Heap<PendingTimer>((a, b) => a.at - b.at || a.sequence - b.sequence)
  readonly #start: number
  readonly #settle: () => Promise<void>
  #now: number
  #sequence = 0
  #pending = 0

  constructor(options: SimulatedClockOptions = {}) {
    this.#start = options.start ?? Date.UTC(2026, 0, 1)
    this.#now = this.#start
    this.#settle = options.settle ?? runPromiseJobs
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  setTimer(delay: number, callback: () => void): Timer {
    const timer: PendingTimer = {
      at: this.#now + Math.max(0, delay || 0),
      sequence: this.#sequence++,
      callback,
      cancel: () => {
        if (timer.callback === undefined) return
        timer.callback = undefined
        this.#pending--
      },
    }
    this.#pending++
    this.#timers.push(timer)
    return timer
  }

  /** How many timers wait to run. */
  get pending(): number {
    return this.#pending
  }

  /** When the next timer is due (wall time), if there is one. */
  nextTimerAt(): number | undefined {
    for (let timer = this.#timers.peek(); timer; timer = this.#timers.peek()) {
      if (timer.callback !== undefined) return timer.at
      this.#timers.pop()
    }
    return undefined
  }

  /** Moves `milliseconds` ahead and runs every timer that falls due on the way. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    await this.#settle()
    await this.#runUntil(end)
    this.#now = Math.max(this.#now, end)
  }

  /**
   * Runs timers, jumping from one to the next, until none is left or the next lies more than `limit` milliseconds ahead of
   * the start (default: one day). Answers how many milliseconds passed.
   */
  async runUntilIdle(limit = 86_400_000): Promise<number> {
    const before = this.#now
    await this.#settle()
    await this.#runUntil(before + limit)
    return this.#now - before
  }

  async #runUntil(end: number): Promise<void> {
    for (let at = this.nextTimerAt(); at !== undefined && at <= end; at = this.nextTimerAt()) {
      const timer = this.#timers.pop()!
      const callback = timer.callback!
      timer.cancel()
      this.#now = Math.max(this.#now, at)
      callback()
      await this.#settle()
    }
  }
}

/** Enough turns for chains of a few dozen awaits. */
async function runPromiseJobs(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await undefined
}
