/** A container that could not be started: `reason` and `message` are what its `waiting` state says. */
export class StartError extends Error {
  readonly reason: string
  constructor(reason: string, message: string) {
    super(message)
    this.name = 'StartError'
    this.reason = reason
  }
}
