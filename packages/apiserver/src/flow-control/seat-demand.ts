/** How many seats a priority level could use, over time (fairqueuing/integrator.go; KEP-1040, "dispatching"). */

export interface DemandFigures {
  readonly average: number
  readonly deviation: number
  readonly high: number
}

/** Integrates a value that changes in steps. Times are milliseconds. */
export class SeatDemand {
  #value = 0
  #at: number
  #elapsed = 0
  #sum = 0
  #squares = 0
  #high = 0

  constructor(now: number) {
    this.#at = now
  }

  set(value: number, now: number): void {
    this.advance(now)
    this.#value = value
    if (value > this.#high) this.#high = value
  }

  /** The figures since the last time, and starts over. `undefined` where no time has passed. */
  reset(now: number): { high: number; figures: DemandFigures | undefined } {
    this.advance(now)
    const high = this.#high
    const elapsed = this.#elapsed
    const average = this.#sum / elapsed
    const variance = this.#squares / elapsed - average * average
    this.#elapsed = 0
    this.#sum = 0
    this.#squares = 0
    this.#high = this.#value
    if (elapsed <= 0) return { high, figures: undefined }
    return { high, figures: { average, deviation: variance > 0 ? Math.sqrt(variance) : 0, high } }
  }

  private advance(now: number): void {
    const passed = now - this.#at
    this.#at = now
    this.#elapsed += passed
    this.#sum += this.#value * passed
    this.#squares += this.#value * this.#value * passed
  }
}

/** Half of what was once asked for is forgotten after five minutes of ten seconds each. */
const SMOOTHING = 0.977

export function smoothed(before: number, { average, deviation }: DemandFigures): number {
  const envelope = average + deviation
  return Math.max(envelope, SMOOTHING * before + (1 - SMOOTHING) * envelope)
}
