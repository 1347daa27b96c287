/** Runs expressions about a request within a budget (k8s.io/apiserver/pkg/admission/plugin/cel/{activation,composition}.go). */
import {
  type Activation,
  CelError,
  CostExceeded,
  LazyMap,
  PER_CALL_LIMIT,
  Pending,
  type Program,
  type Value,
} from '@canopus/cel'
import type { Expression, NamedExpression } from './compile.ts'

/** All expressions together have cost more than they may. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run')
  }
}

export type Evaluation = { readonly value: Value } | { readonly error: string }

/** What is left to spend. */
export interface Budget {
  left: number
}

/** Expressions about one request (and one parameter), which share the values of `variables`. */
export class Evaluator {
  readonly #activation: Activation
  #composed = 0

  constructor(input: Activation, variables: readonly NamedExpression[] = []) {
    const values = new Map<string, () => Value>()
    const activation: Activation = variables.length === 0 ? input : { ...input, variables: new LazyMap(values) }
    for (const { name, expression } of variables) values.set(name, () => this.#variable(name, expression))
    this.#activation = activation
  }

  /** Throws OutOfBudget. What is wrong with the expression itself is a result. */
  async evaluate({ text, program, problem }: Expression, budget: Budget): Promise<Evaluation> {
    if (program === undefined) return { error: `compilation error: ${problem}` }
    for (;;) {
      try {
        return this.#run(program, text, budget)
      } catch (error) {
        if (!(error instanceof Pending)) throw error
        await error.answer
      }
    }
  }

  #run(program: Program, text: string, budget: Budget): Evaluation {
    try {
      const result = program.evaluate(this.#activation, { costLimit: PER_CALL_LIMIT })
      this.#spend(result.cost, budget)
      if (result.ok) return { value: result.value }
      return { error: `expression '${text}' resulted in error: ${result.error.message}` }
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error
      this.#spend(PER_CALL_LIMIT, budget)
      return { error: `expression '${text}' resulted in error: ${error.message}` }
    }
  }

  #spend(cost: number, budget: Budget): void {
    budget.left -= this.#composed + cost
    this.#composed = 0
    if (budget.left < 0) throw new OutOfBudget()
  }

  /** Throws what ends the expression that looks at the variable. */
  #variable(name: string, { program, problem }: Expression): Value {
    const quoted = JSON.stringify(name)
    if (program === undefined) throw new CelError(`composited variable ${quoted} fails to compile: ${problem}`)
    try {
      const result = program.evaluate(this.#activation, { costLimit: PER_CALL_LIMIT })
      this.#composed += result.cost
      if (result.ok) return result.value
      throw new CelError(`composited variable ${quoted} fails to evaluate: ${result.error.message}`)
    } catch (error) {
      if (!(error instanceof CostExceeded)) throw error
      this.#composed += PER_CALL_LIMIT
      throw new CelError(`composited variable ${quoted} fails to evaluate: ${error.message}`)
    }
  }
}
