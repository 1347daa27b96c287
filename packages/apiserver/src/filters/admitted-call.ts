/** A request that may go on, as the registry sees it. One object without closures, since there is one for every request. */
import type { Clock } from '@canopus/base'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Authorizer, Maybe, User } from '../security.ts'
import { authorize } from './authorization.ts'
import type { Latencies, Layer } from './latencies.ts'
import type { RequestInfo } from './request-info.ts'
import type { Trip } from './trip.ts'

export class AdmittedCall implements Call {
  readonly request: ApiRequest
  readonly info: RequestInfo
  readonly user: User
  readonly warnings: string[]
  readonly audit: RequestAudit | undefined
  readonly #trip: Trip
  readonly #authorizer: Authorizer
  readonly #clock: Clock

  constructor(request: ApiRequest, info: RequestInfo, user: User, trip: Trip, authorizer: Authorizer, clock: Clock) {
    this.request = request
    this.info = info
    this.user = user
    this.warnings = trip.warnings
    this.audit = trip.audit
    this.#trip = trip
    this.#authorizer = authorizer
    this.#clock = clock
  }

  get deadline(): number {
    return this.#trip.deadline
  }

  get latencies(): Latencies | undefined {
    return this.#trip.latencies
  }

  took(layer: Layer, milliseconds: number): void {
    this.#trip.took(this.#clock, layer, milliseconds)
  }

  bodyRead(bytes: number): void {
    this.#trip.bodyBytes = bytes
  }

  begun(): void {
    this.#trip.leave(this.#clock.monotonic())
  }

  authorize(verb: string): Maybe<void> {
    return authorize(this.#authorizer, this.user, { ...this.info, verb, route: undefined })
  }
}
