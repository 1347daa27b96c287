/**
 * The seats of one priority level and who waits for them. Requests of a flow wait in one of a few queues; the queue whose
 * next request would end first, had all queues been served evenly, goes first (fairqueuing/queueset; KEP-1040). Work is
 * counted in seats times seconds. Nothing here reads the clock: every call says what time it is, in milliseconds.
 */
import { Deque, Histogram } from '@canopus/base'
import type { WorkEstimate } from './work-estimate.ts'

export interface QueueSetConfig {
  /** 0: requests that find no seat are rejected; -1: there are no limits. */
  readonly queues: number
  /** How many requests may wait in one queue. */
  readonly queueLength: number
}

/** What a request is thought to take until it has shown what it does, in seconds. */
const ESTIMATED_DURATION = 0.003

/** The part of a level's seats that wide requests leave free. */
const NARROW_PART = 0.1

export interface Queue {
  readonly waiting: Deque<Seat>
  /** Without those that have given up. */
  length: number
  /** Seat-seconds of those that wait. */
  work: number
  executing: number
  seatsInUse: number
  /** Seats of those that execute, and the sum of these times when each began: what they have taken so far. */
  running: number
  runningSince: number
  /** Virtual time at which the next request starts. */
  next: number
}

/** A request of the level: it waits, it executes, it is over. */
export class Seat {
  readonly seats: number
  readonly initialSeats: number
  readonly finalSeats: number
  readonly finalDelay: number
  readonly work: number
  readonly arrivedAt: number
  readonly arrival: number
  readonly queue: Queue | undefined
  state: 'waiting' | 'executing' | 'over' = 'waiting'
  /** It went before a wide one that was next. */
  passed = false
  startedAt = 0
  /** When its work was done, where that was before its seats are given back. */
  endedAt: number | undefined
  /** Called when it may start. */
  onStart: (() => void) | undefined

  constructor(estimate: WorkEstimate, arrivedAt: number, arrival: number, queue: Queue | undefined) {
    const { initialSeats, finalSeats, finalDelay } = estimate
    this.initialSeats = initialSeats
    this.seats = Math.max(initialSeats, finalSeats)
    this.finalSeats = finalSeats
    this.finalDelay = finalDelay
    this.work = initialSeats * ESTIMATED_DURATION + (finalSeats * finalDelay) / 1000
    this.arrivedAt = arrivedAt
    this.arrival = arrival
    this.queue = queue
  }
}

export interface QueueSetFigures {
  readonly executing: number
  readonly waiting: number
  readonly seatsInUse: number
  readonly seatsWaiting: number
}

const NANOSECONDS = 1e9
const UTILIZATION_BUCKETS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]

export class QueueSet implements QueueSetFigures {
  /** Of each nanosecond, which part of the seats was in use. */
  readonly utilization = new Histogram(UTILIZATION_BUCKETS)
  /** Seats of which that is a part. */
  denominator = 1
  executing = 0
  waiting = 0
  seatsInUse = 0
  seatsWaiting = 0
  /** Requests that are over and will be told so with `finish` in a moment. Who waits for their seats is in nobody's way. */
  ending = 0
  #config: QueueSetConfig
  #limit: number
  #queues: Queue[] = []
  #active = 0
  #virtual = 0
  #at: number
  #turn = 0
  #robin = 0
  /** Requests under way that went before a wide one. */
  #passing = 0
  readonly #onDemand: (seats: number, now: number) => void

  /** `onDemand` hears how many seats could be used whenever that changes. */
  constructor(config: QueueSetConfig, limit: number, now: number, onDemand: (seats: number, now: number) => void) {
    this.#config = config
    this.#limit = limit
    this.#at = now
    this.#onDemand = onDemand
    this.addQueues()
  }

  get idle(): boolean {
    return this.executing === 0 && this.waiting === 0 && this.seatsInUse === 0
  }

  get queues(): readonly Queue[] {
    return this.#queues
  }

  get limit(): number {
    return this.#limit
  }

  /** Takes a new configuration, and lets start what may now start. Queues that are too many stay until they are empty. */
  configure(config: QueueSetConfig, limit: number, now: number): void {
    this.syncTime(now)
    this.#config = config
    this.#limit = limit
    this.addQueues()
    this.dispatch(now)
  }

  /**
   * A request comes. Executes at once where a seat is free and nobody is before it, waits otherwise; `undefined` where it is
   * turned away. `hand` says which queues its flow may use.
   */
  start(estimate: WorkEstimate, hand: readonly number[], now: number): Seat | undefined {
    this.syncTime(now)
    if (this.#config.queues < 1) return this.startWithoutQueue(estimate, now)
    const queue = this.choose(hand)
    if (this.seatsInUse >= this.#limit && queue.length >= this.#config.queueLength + this.ending) return undefined
    const seat = new Seat(estimate, now, this.#virtual, queue)
    if (queue.length === 0 && queue.executing === 0) {
      queue.next = this.#virtual
      this.#active++
    }
    if (this.waiting === 0 && this.fits(seat.seats)) {
      this.execute(seat, now)
      this.#onDemand(this.seatsInUse + this.seatsWaiting, now)
      return seat
    }
    queue.waiting.push(seat)
    queue.length++
    queue.work += seat.work
    this.waiting++
    this.seatsWaiting += seat.seats
    this.#onDemand(this.seatsInUse + this.seatsWaiting, now)
    bound(queue)
    this.dispatch(now)
    return seat
  }

  /** A request that waits gives up. */
  cancel(seat: Seat, now: number): void {
    const { queue } = seat
    if (seat.state !== 'waiting' || queue === undefined) return
    this.syncTime(now)
    seat.state = 'over'
    this.leaveQueue(queue, seat)
    while (queue.waiting.length > 0 && queue.waiting.at(0)!.state === 'over') queue.waiting.shift()
    if (queue.length === 0 && queue.executing === 0) this.#active--
    this.#onDemand(this.seatsInUse + this.seatsWaiting, now)
    bound(queue)
    this.dispatch(now)
  }

  /** A request is over; its seats become free at once, or with `release` where it has a final delay. */
  finish(seat: Seat, now: number): void {
    if (seat.state !== 'executing') return
    this.syncTime(now)
    seat.state = 'over'
    this.executing--
    if (seat.passed) this.#passing--
    const { queue } = seat
    if (queue !== undefined) {
      queue.executing--
      queue.running -= seat.initialSeats
      queue.runningSince -= seat.initialSeats * seat.startedAt
      // It was charged for an estimate; now it is known what it took.
      queue.next -= seat.initialSeats * (ESTIMATED_DURATION - ((seat.endedAt ?? now) - seat.startedAt) / 1000)
      bound(queue)
      if (queue.length === 0 && queue.executing === 0) this.#active--
    }
    if (seat.finalDelay > 0) return
    this.release(seat, now)
  }

  /** Frees the seats of a finished request. */
  release(seat: Seat, now: number): void {
    this.syncTime(now)
    this.seatsInUse -= seat.seats
    if (seat.queue !== undefined) seat.queue.seatsInUse -= seat.seats
    this.#onDemand(this.seatsInUse + this.seatsWaiting, now)
    if (this.waiting > 0) this.dispatch(now)
    this.dropSurplusQueues()
  }

  private startWithoutQueue(estimate: WorkEstimate, now: number): Seat | undefined {
    const seat = new Seat(estimate, now, this.#virtual, undefined)
    if (!this.fits(seat.seats)) return undefined
    this.execute(seat, now)
    this.#onDemand(this.seatsInUse + this.seatsWaiting, now)
    return seat
  }

  /** Of the hand the queue with the least work waiting; among equals they take turns. */
  private choose(hand: readonly number[]): Queue {
    const { length } = hand
    const offset = this.#turn++ % length
    let best = this.#queues[hand[offset]!]!
    if (this.waiting === 0) return best
    for (let at = 1; at < length; at++) {
      const queue = this.#queues[hand[(offset + at) % length]!]!
      if (queue.work < best.work) best = queue
    }
    return best
  }

  private execute(seat: Seat, now: number): void {
    seat.state = 'executing'
    seat.startedAt = now
    this.executing++
    this.seatsInUse += seat.seats
    const { queue } = seat
    if (queue === undefined) return
    queue.executing++
    queue.seatsInUse += seat.seats
    queue.running += seat.initialSeats
    queue.runningSince += seat.initialSeats * now
    queue.next += seat.work
  }

  private dispatch(now: number): void {
    while (this.waiting > 0 && this.seatsInUse < this.#limit) {
      const queue = this.nextQueue(now)
      if (queue === undefined) return
      if (!this.fits(queue.waiting.at(0)!.seats)) {
        this.letNarrowPass(now)
        return
      }
      this.startFirst(queue, now)
    }
  }

  /**
   * The next request is too wide for what is free, and seats would stay empty until it fits. Flows that have nothing
   * under way may use a few of them (a tenth of the level, so that the wide one is not kept waiting): a single GET does not
   * wait for lists. Upstream lets nobody pass.
   */
  private letNarrowPass(now: number): void {
    for (const queue of this.#queues) {
      if (this.#passing >= Math.floor(this.#limit * NARROW_PART) || !this.fits(1)) return
      const seat = queue.waiting.at(0)
      if (seat === undefined || queue.executing > 0 || seat.seats > 1) continue
      seat.passed = true
      this.#passing++
      this.startFirst(queue, now)
    }
  }

  private startFirst(queue: Queue, now: number): void {
    const seat = queue.waiting.shift()!
    this.leaveQueue(queue, seat)
    this.execute(seat, now)
    while (queue.waiting.length > 0 && queue.waiting.at(0)!.state === 'over') queue.waiting.shift()
    bound(queue)
    this.#onDemand(this.seatsInUse + this.seatsWaiting, now)
    seat.onStart?.()
  }

  private leaveQueue(queue: Queue, seat: Seat): void {
    queue.length--
    queue.work = queue.length === 0 ? 0 : queue.work - seat.work
    this.waiting--
    this.seatsWaiting -= seat.seats
  }

  /**
   * The queue whose oldest request would end first in virtual time; among equals the one after the last served. What its
   * other requests have taken so far is charged now rather than at their end (as upstream does): where requests take long,
   * a flow with many of them would else go before one with none.
   */
  private nextQueue(now: number): Queue | undefined {
    const { length } = this.#queues
    let best: Queue | undefined
    let bestIndex = this.#robin
    let least = Number.POSITIVE_INFINITY
    for (let step = 1; step <= length; step++) {
      const index = (this.#robin + step) % length
      const queue = this.#queues[index]!
      if (queue.length === 0) continue
      const end = queue.next + Math.max(0, queue.running * now - queue.runningSince) / 1000 + queue.waiting.at(0)!.work
      if (end >= least) continue
      least = end
      best = queue
      bestIndex = index
    }
    this.#robin = bestIndex
    return best
  }

  /** A request that is wider than the level may still run, alone. */
  private fits(seats: number): boolean {
    if (this.#config.queues < 0) return true
    if (seats > this.#limit) return this.executing === 0 && this.seatsInUse === 0 && this.#limit > 0
    // Lists that are written to slow readers may take minutes: they leave some seats to what is quick.
    const reserved = seats > 1 ? Math.floor(this.#limit * NARROW_PART) : 0
    return this.seatsInUse + seats <= this.#limit - reserved
  }

  /** Virtual time runs as fast as each active queue is served. */
  /** Brings the figures of time up to date: before anything changes on which they depend. */
  syncTime(now: number): void {
    const passed = (now - this.#at) / 1000
    this.#at = now
    this.utilization.observe(this.seatsInUse / this.denominator, Math.round(passed * NANOSECONDS))
    if (this.#active > 0) {
      this.#virtual += (Math.min(this.seatsInUse + this.seatsWaiting, this.#limit) / this.#active) * passed
    }
  }

  private addQueues(): void {
    while (this.#queues.length < this.#config.queues) {
      this.#queues.push({
        waiting: new Deque(),
        length: 0,
        work: 0,
        executing: 0,
        seatsInUse: 0,
        running: 0,
        runningSince: 0,
        next: 0,
      })
    }
  }

  private dropSurplusQueues(): void {
    const wanted = Math.max(this.#config.queues, 0)
    while (this.#queues.length > wanted) {
      const { length, executing, seatsInUse } = this.#queues.at(-1)!
      if (length > 0 || executing > 0 || seatsInUse > 0) return
      this.#queues.pop()
    }
  }
}

/** A queue gains nothing from having been empty: its next request does not start before it came. */
function bound(queue: Queue): void {
  const oldest = queue.waiting.at(0)
  if (oldest !== undefined && queue.next < oldest.arrival) queue.next = oldest.arrival
}
