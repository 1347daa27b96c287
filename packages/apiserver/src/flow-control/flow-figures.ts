/** What `apiserver_flowcontrol_*` tells of the requests of one flow schema at one level (flowcontrol/metrics). */
import { Histogram } from '@canopus/base'
import type { Seat } from './queue-set.ts'

export const DURATION_BUCKETS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
export const SEAT_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 100]

export class FlowFigures {
  readonly level: string
  readonly schema: string
  dispatched = 0
  executing = 0
  executingSeats = 0
  waiting = 0
  waitingSeats = 0
  readonly rejected = new Map<string, number>()
  readonly waited = new Histogram(DURATION_BUCKETS)
  readonly waitedInVain = new Histogram(DURATION_BUCKETS)
  readonly executed = new Histogram(DURATION_BUCKETS)
  readonly watchesStarted = new Histogram(DURATION_BUCKETS)
  readonly seats = new Histogram(SEAT_BUCKETS)
  /** How many waited in its queue when a request had come to it, itself counted. */
  readonly queueLengths = new Histogram([0, 10, 25, 50, 100, 250, 500, 1000])
  /** How many watches a write may have concerned. */
  readonly watchCounts = new Histogram([0, 1, 10, 100, 1000, 10_000])

  constructor(level: string, schema: string) {
    this.level = level
    this.schema = schema
  }

  starts({ seats }: Seat, waited: number): void {
    this.dispatched++
    this.executing++
    this.executingSeats += seats
    this.waited.observe(waited / 1000)
    this.seats.observe(seats)
  }

  ends({ seats }: Seat, took: number, watch: boolean): void {
    this.executing--
    this.executingSeats -= seats
    const histogram = watch ? this.watchesStarted : this.executed
    histogram.observe(took / 1000)
  }

  queues({ seats }: Seat): void {
    this.waiting++
    this.waitingSeats += seats
  }

  dequeues({ seats }: Seat): void {
    this.waiting--
    this.waitingSeats -= seats
  }

  /** Gives up waiting. */
  leaves(seat: Seat, waited: number): void {
    this.dequeues(seat)
    this.waitedInVain.observe(waited / 1000)
  }

  rejects(reason: string): void {
    this.rejected.set(reason, (this.rejected.get(reason) ?? 0) + 1)
  }
}
