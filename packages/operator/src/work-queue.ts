/**
 * The queue between events and reconciles: a key waits at most once, is worked on by one worker at a time, and comes back
 * later and later while it fails. Behaviour: client-go util/workqueue (queue, delaying and rate-limiting queues).
 */
import { type Clock, type Deferred, Deque, deferred, type Timer } from '@canopus/base'
import type { WorkQueueMetrics } from './work-queue-metrics.ts'

export interface WorkQueueOptions {
  clock: Clock
  /** First delay after a failure, in milliseconds. Default 5. */
  initialBackoff?: number
  /** Longest delay after failures, in milliseconds. Default 1,000,000. */
  maxBackoff?: number
  /** Where to count; nowhere where missing. */
  metrics?: WorkQueueMetrics
}

export class WorkQueue<K = string> {
  readonly #clock: Clock
  readonly #initialBackoff: number
  readonly #maxBackoff: number
  readonly #ready = new Deque<K>()
  readonly #dirty = new Set<K>()
  readonly #processing = new Set<K>()
  readonly #delayed = new Map<K, { at: number; timer: Timer }>()
  readonly #failures = new Map<K, number>()
  readonly #takers = new Deque<Deferred<K | undefined>>()
  readonly #metrics: WorkQueueMetrics | undefined
  /** When keys were added, and taken; kept only where somebody counts. */
  readonly #addedAt = new Map<K, number>()
  readonly #takenAt = new Map<K, number>()
  readonly #ends: (() => void) | undefined
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock
    this.#initialBackoff = options.initialBackoff ?? 5
    this.#maxBackoff = options.maxBackoff ?? 1_000_000
    this.#metrics = options.metrics
    this.#ends = this.#metrics?.begins({
      ages: () => [...this.#takenAt.values()].map(taken => (this.#clock.monotonic() - taken) / 1000),
    })
  }

  /** Keys that wait for a worker, without the delayed ones. */
  get length(): number {
    return this.#ready.length
  }

  add(key: K): void {
    if (this.#closed || this.#dirty.has(key)) return
    this.#dirty.add(key)
    if (this.#metrics !== undefined) this.#noteAdded(key, this.#metrics)
    if (!this.#processing.has(key)) this.#offer(key)
  }

  /** Adds `key` after `delay` milliseconds; of several delayed adds of a key the earliest counts. */
  addAfter(key: K, delay: number): void {
    if (this.#closed) return
    if (delay <= 0) {
      this.add(key)
      return
    }
    const at = this.#clock.monotonic() + delay
    const waiting = this.#delayed.get(key)
    if (waiting && waiting.at <= at) return
    waiting?.timer.cancel()
    const timer = this.#clock.setTimer(delay, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { at, timer })
  }

  /** Adds a key that failed: after 5 ms, 10 ms, 20 ms and so on until `forget`. */
  addRateLimited(key: K): void {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    this.#metrics?.retries.add()
    this.addAfter(key, Math.min(this.#initialBackoff * 2 ** failures, this.#maxBackoff))
  }

  forget(key: K): void {
    this.#failures.delete(key)
  }

  failures(key: K): number {
    return this.#failures.get(key) ?? 0
  }

  /** The next key; nothing once the queue is closed. Every key taken must be given back with `done`. */
  take(): Promise<K | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    if (this.#ready.length > 0) return Promise.resolve(this.#start(this.#ready.shift()!))
    const taker = deferred<K | undefined>()
    this.#takers.push(taker)
    return taker.promise
  }

  /** Ends the work on `key`; where it was added meanwhile it is handed out again. */
  done(key: K): void {
    this.#processing.delete(key)
    if (this.#metrics !== undefined) this.#noteDone(key, this.#metrics)
    if (this.#dirty.has(key) && !this.#closed) this.#offer(key)
  }

  close(): void {
    this.#closed = true
    this.#ends?.()
    this.#ready.clear()
    for (const { timer } of this.#delayed.values()) timer.cancel()
    this.#delayed.clear()
    for (const taker of this.#takers) taker.resolve(undefined)
    this.#takers.clear()
  }

  #offer(key: K): void {
    const taker = this.#takers.shift()
    if (taker) taker.resolve(this.#start(key))
    else this.#ready.push(key)
  }

  #start(key: K): K {
    this.#dirty.delete(key)
    this.#processing.add(key)
    if (this.#metrics !== undefined) this.#noteTaken(key, this.#metrics)
    return key
  }

  #noteAdded(key: K, { adds, depth }: WorkQueueMetrics): void {
    adds.add()
    depth.add()
    this.#addedAt.set(key, this.#clock.monotonic())
  }

  #noteTaken(key: K, { depth, queued }: WorkQueueMetrics): void {
    const now = this.#clock.monotonic()
    depth.add(-1)
    queued.observe((now - (this.#addedAt.get(key) ?? now)) / 1000)
    this.#addedAt.delete(key)
    this.#takenAt.set(key, now)
  }

  #noteDone(key: K, { worked }: WorkQueueMetrics): void {
    const taken = this.#takenAt.get(key)
    if (taken === undefined) return
    worked.observe((this.#clock.monotonic() - taken) / 1000)
    this.#takenAt.delete(key)
  }
}
