import type { Clock, Random } from '@canopus/base'
import { WatchKnowledge } from './watch-knowledge.ts'

/** How likely each mishap is, from 0 to 1, for one request, or for one watch where the name says so. */
export interface FaultRates {
  /** Nobody answers: the request has not been seen by the server. */
  refused: number
  /** 500 without having done anything. */
  internalError: number
  /** 429 with `Retry-After: 1`. */
  tooManyRequests: number
  /** A write is answered with 409 without having been tried. */
  conflict: number
  /** A write is done, and then answered with 504, or the connection breaks. */
  lostAnswer: number
  /** The request takes up to `slowness` milliseconds before, and after, it is done. */
  slow: number
  /** The watch ends early, by the server or by a broken connection. */
  watchEnds: number
  /** The watch ends early with 410: its history is gone. */
  watchExpires: number
  /** What a watch brings comes up to `slowness` milliseconds late (in order all the same). */
  watchDelay: number
  /**
   * A piece of a watch is lost, and the watch goes on. No server does that; it is here to show that a cluster in which
   * somebody misses an event is noticed.
   */
  watchLoses: number
}

export const NO_FAULTS: FaultRates = {
  refused: 0,
  internalError: 0,
  tooManyRequests: 0,
  conflict: 0,
  lostAnswer: 0,
  slow: 0,
  watchEnds: 0,
  watchExpires: 0,
  watchDelay: 0,
  watchLoses: 0,
}

/** Rates that every component of a cluster has to live with. */
export const SOME_FAULTS: FaultRates = {
  refused: 0.01,
  internalError: 0.01,
  tooManyRequests: 0.01,
  conflict: 0.02,
  lostAnswer: 0.01,
  slow: 0.05,
  watchEnds: 0.3,
  watchExpires: 0.1,
  watchDelay: 0.05,
  watchLoses: 0,
}

/** A write of which its author does not know that it was done. */
export interface LostAnswer {
  /** Milliseconds since the start. */
  readonly at: number
  readonly component: string
  readonly method: string
  readonly path: string
  /** Uid of the controller of what was made. */
  readonly owner: string | undefined
}

/** Which mishaps happen now. One for the whole simulation; every connection of a component asks it. */
export class Faults {
  rates: FaultRates
  /** The longest delay, in milliseconds. */
  slowness: number
  readonly knowledge: WatchKnowledge
  readonly lostAnswers: LostAnswer[] = []
  /** How often each mishap came to pass. */
  readonly counts: Record<string, number> = {}
  readonly clock: Clock

  constructor(clock: Clock, rates: FaultRates = NO_FAULTS, slowness = 3000) {
    this.clock = clock
    this.knowledge = new WatchKnowledge(clock)
    this.rates = rates
    this.slowness = slowness
  }

  /** Draws only where the mishap is possible, so that a rate of 0 leaves the course of everything else alone. */
  happens(fault: keyof FaultRates, random: Random): boolean {
    const rate = this.rates[fault]
    if (rate <= 0 || random.next() >= rate) return false
    this.count(fault)
    return true
  }

  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  delay(random: Random): number {
    return Math.floor(random.next() * this.slowness)
  }

  answerLost(component: string, method: string, path: string, owner?: string): void {
    this.lostAnswers.push({ at: this.clock.monotonic(), component, method, path, owner })
  }

  /** From now on everything goes well. */
  stop(): void {
    this.rates = NO_FAULTS
  }
}
