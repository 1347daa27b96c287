/**
 * An evaluation failed. It is thrown, but carries no stack: `&&`, `||` and macros catch and drop such errors all the time.
 * Messages: cel-go common/types, interpreter/attributes.go.
 */
export class CelError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }

  toString(): string {
    return this.message
  }
}

/** The expression has cost more than it may. Never caught by the expression itself. */
export class CostExceeded {
  readonly message = 'operation cancelled: actual cost limit exceeded'
}

/** The evaluation was stopped from outside. */
export class Interrupted {
  readonly message = 'operation interrupted'
}

/**
 * A function has to wait for an answer. `answer` settles when the same call would answer at once; the evaluation then starts
 * again from the beginning.
 */
export class Pending {
  readonly answer: Promise<unknown>

  constructor(answer: Promise<unknown>) {
    this.answer = answer
  }
}

export const noSuchOverload = (): CelError => new CelError('no such overload')
