/** How long a request may take (k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go, server/filters/timeout.go). */
import { badRequestError, goTimeQuote, parseDuration, StatusError } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { type ApiResponse, textResponse } from '../http/message.ts'
import type { RequestInfo } from './request-info.ts'

/** Milliseconds: what the query's `timeout` says, at most `most`. Throws StatusError 400 where it is no duration. */
export function timeoutOf({ query }: RequestInfo, most: number): number {
  if (query.size === 0) return most
  const text = query.get('timeout')
  if (text === null || text === '') return most
  const asked = parseDuration(text)
  if (asked === undefined) {
    throw badRequestError(`invalid timeout specified in the request URL - ${durationProblem(text)}`)
  }
  return asked > 0 && asked < most ? asked : most
}

/** As Go's time.ParseDuration words it. */
function durationProblem(text: string): string {
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)/.exec(text)
  if (number === null) return `time: invalid duration ${goTimeQuote(text)}`
  const unit = /^[^\d.]+/.exec(text.slice(number[0].length))
  if (unit === null) return `time: missing unit in duration ${goTimeQuote(text)}`
  return `time: unknown unit ${goTimeQuote(unit[0])} in duration ${goTimeQuote(text)}`
}

const DETAILS = {
  code: 504,
  reason: 'Timeout',
  message: 'Timeout: request did not complete within the allotted timeout',
  details: {},
}

export class DeadlineExceeded extends StatusError {
  constructor() {
    super(DETAILS)
  }

  /** Upstream's answer does not say that it is a Status, nor that it is JSON: clients go by its code. */
  get response(): ApiResponse {
    const { message, reason, details, code } = DETAILS
    return textResponse(
      code,
      `${JSON.stringify({ metadata: {}, status: 'Failure', message, reason, details, code })}\n`,
    )
  }
}

/**
 * Settles as `work` does, or rejects with StatusError 504 after `milliseconds`, of which `expired` hears first. The work
 * itself is not broken off.
 */
export function withDeadline<T>(clock: Clock, milliseconds: number, work: Promise<T>, expired: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(milliseconds, () => {
      expired()
      reject(new DeadlineExceeded())
    })
    work.then(
      value => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error)
      },
    )
  })
}
