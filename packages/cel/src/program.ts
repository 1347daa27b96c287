import { Frame } from './plan/frame.ts'
import type { Plan } from './plan/planner.ts'
import { CelError, Pending } from './values/error.ts'
import type { Value } from './values/value.ts'

/** Values of variables. A variable that is missing makes only expressions fail that look at it. */
export type Activation = Readonly<Record<string, Value | undefined>>

export interface EvaluateOptions {
  /** The cost above which the evaluation is stopped. Default: no limit. */
  readonly costLimit?: number
  /** Looked at between the rounds of loops. */
  readonly signal?: AbortSignal
}

/** What came out, and what it has cost. */
export type EvaluateResult =
  | { readonly ok: true; readonly value: Value; readonly cost: number }
  | { readonly ok: false; readonly error: CelError; readonly cost: number }

/** An expression that is ready to run, as often as one likes. */
export class Program {
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** Names of the variables from outside that it may look at. */
  get variables(): readonly string[] {
    return this.#plan.globals
  }

  /**
   * Runs it. Throws CostExceeded and Interrupted, and Pending where a function has to wait (see `evaluateAsync`);
   * an error of the expression itself is a result.
   */
  evaluate(
    activation: Activation,
    { costLimit = Number.POSITIVE_INFINITY, signal }: EvaluateOptions = {},
  ): EvaluateResult {
    const { eval: run, globals, locals } = this.#plan
    const frame = new Frame(
      globals.map(name => (Object.hasOwn(activation, name) ? activation[name] : undefined)),
      locals,
      costLimit,
      signal,
    )
    try {
      const value = run(frame)
      frame.checkpoint()
      return { ok: true, value, cost: frame.cost }
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      frame.checkpoint()
      return { ok: false, error, cost: frame.cost }
    }
  }

  /**
   * Runs it, and where a function has to wait for an answer runs it again from the beginning when the answer is there. Costs
   * are those of the last run, as if nobody had waited.
   */
  async evaluateAsync(activation: Activation, options: EvaluateOptions = {}): Promise<EvaluateResult> {
    for (;;) {
      try {
        return this.evaluate(activation, options)
      } catch (error) {
        if (!(error instanceof Pending)) throw error
        await error.answer
      }
    }
  }
}
