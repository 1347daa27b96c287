import { aggregateText, type FieldError, fieldErrorText } from './field-error.ts'
import type { Status, StatusDetails } from './generated/meta.ts'
import { goQuote } from './go-quote.ts'

/** Which object an error speaks of. `resource` is the plural, or the kind for `Invalid`, as upstream does. */
export interface ErrorTarget {
  group: string
  resource: string
  name?: string
}

/** V8's; what other engines do with it does not matter. */
const stacks: { stackTraceLimit?: number | undefined } = Error as ErrorConstructor & { stackTraceLimit?: number }

/**
 * The one error that crosses the API. Make it with the functions below; branch on `reason`, never on the message. It has no stack: to an API
 * server it is an answer, and finding the stack would take longer than finding that an object is not there. Clients add theirs.
 */
export class StatusError extends Error {
  readonly status: Status
  constructor({ message, reason, details, code, ...rest }: Omit<Status, 'kind' | 'apiVersion' | 'status'>) {
    const { stackTraceLimit } = stacks
    stacks.stackTraceLimit = 0
    super(message)
    stacks.stackTraceLimit = stackTraceLimit
    this.name = 'StatusError'
    // In the order in which upstream writes them: people read these bodies as they come. One by one, since answers are made so.
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' }
    if (message !== undefined) status.message = message
    if (reason) status.reason = reason
    if (details !== undefined) status.details = details
    if (code !== undefined) status.code = code
    this.status = Object.assign(status, rest)
  }
  get reason(): string {
    return this.status.reason ?? ''
  }
  get code(): number {
    return this.status.code ?? 500
  }
}

/** What upstream answers where an error is no status: 500, in its own words and no more. */
export const plainError = (message: string): StatusError => new StatusError({ code: 500, message })

const qualified = (target: ErrorTarget): string =>
  target.group === '' ? target.resource : `${target.resource}.${target.group}`
function details({ name, group, resource }: ErrorTarget): StatusDetails {
  const found: StatusDetails = {}
  if (name !== undefined && name !== '') found.name = name
  if (group !== '') found.group = group
  if (resource !== '') found.kind = resource
  return found
}

// Texts and codes: k8s.io/apimachinery/pkg/api/errors/errors.go.
export const notFoundError = (target: ErrorTarget): StatusError => new StatusError(notFoundStatus(target))

/** What `notFoundError` says, for those who answer it without an error, which takes several times as long to make. */
export const notFoundStatus = (target: ErrorTarget): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `${qualified(target)} ${goQuote(target.name ?? '')} not found`,
  reason: 'NotFound',
  details: details(target),
  code: 404,
})

/** Of a path for which no built-in kind has a route. */
export const pathNotFoundError = (): StatusError =>
  new StatusError({
    code: 404,
    reason: 'NotFound',
    details: {},
    message: 'the server could not find the requested resource',
  })

export const alreadyExistsError = (target: ErrorTarget): StatusError =>
  new StatusError({
    code: 409,
    reason: 'AlreadyExists',
    details: details(target),
    message: `${qualified(target)} ${goQuote(target.name ?? '')} already exists`,
  })

export const conflictError = (target: ErrorTarget, why: string): StatusError =>
  new StatusError({
    code: 409,
    reason: 'Conflict',
    details: details(target),
    message: `Operation cannot be fulfilled on ${qualified(target)} ${goQuote(target.name ?? '')}: ${why}`,
  })

export const forbiddenError = (target: ErrorTarget, why: string): StatusError =>
  new StatusError({
    code: 403,
    reason: 'Forbidden',
    details: details(target),
    message:
      target.resource === ''
        ? `forbidden: ${why}`
        : target.name
          ? `${qualified(target)} ${goQuote(target.name)} is forbidden: ${why}`
          : `${qualified(target)} is forbidden: ${why}`,
  })

export const badRequestError = (message: string): StatusError =>
  new StatusError({ code: 400, reason: 'BadRequest', message })
export const unauthorizedError = (message = 'Unauthorized'): StatusError =>
  new StatusError({ code: 401, reason: 'Unauthorized', message })
export const methodNotSupportedError = (target: ErrorTarget, verb: string): StatusError =>
  new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    details: details(target),
    message: `${verb} is not supported on resources of kind ${goQuote(qualified(target))}`,
  })
/** What built-in kinds, which have a route for each verb, say where there is none (go-restful's answer). */
export const methodNotAllowedError = (): StatusError =>
  new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    details: {},
    message: 'the server does not allow this method on the requested resource',
  })
export const expiredError = (message: string): StatusError => new StatusError({ code: 410, reason: 'Expired', message })
/** A state was asked for that is newer than what there is (`NewTooLargeResourceVersionError` of apiserver/pkg/storage). */
export const tooLargeResourceVersionError = (wanted: number, current: number, retryAfterSeconds = 1): StatusError =>
  new StatusError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: Too large resource version: ${wanted}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    },
  })
export const internalError = (message: string): StatusError =>
  new StatusError({
    code: 500,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    message: `Internal error occurred: ${message}`,
  })
export const serviceUnavailableError = (message: string): StatusError =>
  new StatusError({ code: 503, reason: 'ServiceUnavailable', message })
export const tooManyRequestsError = (message: string, retryAfterSeconds: number): StatusError =>
  new StatusError({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds }, message })

/** 422 with one cause per finding. `target.resource` is the Kind here. Throws nothing; expects at least one finding. */
export function invalidError(target: ErrorTarget, errors: readonly FieldError[]): StatusError {
  return new StatusError({
    code: 422,
    reason: 'Invalid',
    details: {
      ...details(target),
      causes: errors.map(error => ({ reason: error.type, message: error.body, field: error.field })),
    },
    message: `${qualified(target)} ${goQuote(target.name ?? '')} is invalid: ${aggregateText(errors.map(fieldErrorText))}`,
  })
}

/** Whether `error` is a StatusError with this reason (`NotFound`, `AlreadyExists`, `Conflict`, ...). */
export function hasReason(error: unknown, reason: string): boolean {
  return error instanceof StatusError && error.reason === reason
}

/** Whether one of the causes of `error` is `reason` (`ResourceVersionTooLarge`, ...). */
export function hasCause(error: unknown, reason: string): boolean {
  return error instanceof StatusError && error.status.details?.causes?.some(cause => cause.reason === reason) === true
}
