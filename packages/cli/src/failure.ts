/** Something that the user can mend. Printed as `error: message` with the hint below it, without a stack; exit status 1. */
export class Failure extends Error {
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(message)
    this.name = 'Failure'
    this.hint = hint
  }
}

/** Nothing more can be written: what was only half made is of no use to anybody. */
export class DiskFull extends Failure {
  constructor(directory: string) {
    super(`the disk is full: there is no room left in ${directory}`, 'Make room there, or choose another --data-dir.')
  }
}
