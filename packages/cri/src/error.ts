/** Codes of gRPC (grpc/status) by name, in the order of their numbers. */
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

export type CriErrorCode = (typeof CODES)[number]

/** A call that the container runtime refused or did not answer. `message` is the runtime's own text. */
export class CriError extends Error {
  readonly code: CriErrorCode
  /** The call, for example `RunPodSandbox`. */
  readonly call: string
  constructor(call: string, code: CriErrorCode, message: string) {
    super(message)
    this.name = 'CriError'
    this.code = code
    this.call = call
  }

  /** As Go prints it, which is what users of Kubernetes see in events: `rpc error: code = NotFound desc = ...`. */
  get goText(): string {
    const name = this.code
      .toLowerCase()
      .split('_')
      .map(word => word.charAt(0).toUpperCase() + word.slice(1))
      .join('')
    return `rpc error: code = ${name === 'Cancelled' ? 'Canceled' : name} desc = ${this.message}`
  }
}

export function codeName(code: number): CriErrorCode {
  return CODES[code] ?? 'UNKNOWN'
}

/** Whether `error` is a CriError of this code. */
export function hasCode(error: unknown, code: CriErrorCode): error is CriError {
  return error instanceof CriError && error.code === code
}
