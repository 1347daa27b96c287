import { CostExceeded, Interrupted } from '../values/error.ts'
import type { Value } from '../values/value.ts'

/** What one evaluation works on. */
export class Frame {
  /** Values of variables from outside, by the index that the planner gave them; undefined where there is none. */
  readonly globals: readonly (Value | undefined)[]
  /** Variables of loops, by slot; `undefined` is an accumulator nobody has asked for yet, see `plan/fold.ts`. */
  readonly locals: unknown[]
  readonly #limit: number
  readonly #signal: AbortSignal | undefined
  cost = 0

  constructor(globals: readonly (Value | undefined)[], locals: number, limit: number, signal: AbortSignal | undefined) {
    this.globals = globals
    this.locals = new Array(locals).fill(undefined)
    this.#limit = limit
    this.#signal = signal
  }

  /** Adds to the cost and stops the evaluation where it is more than it may be. */
  charge(cost: number): void {
    this.cost += cost
    if (this.cost > this.#limit) throw new CostExceeded()
  }

  /** Between the rounds of a loop. Costs that were added without `charge` are looked at here and at the end. */
  checkpoint(): void {
    if (this.cost > this.#limit) throw new CostExceeded()
    if (this.#signal?.aborted) throw new Interrupted()
  }
}

/** A planned expression. */
export type Eval = (frame: Frame) => Value
