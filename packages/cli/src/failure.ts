/** Something that the user can mend. Printed as `error: message` with the hint below it, without a stack; exit status 1. */
export class Failure extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(message)
    this.name = 'Failure'
    this.hint = hint
  }
}
