/** Who may come in now: priority and fairness, or the two plain limits; and how many are inside. */
import type { Clock } from '@canopus/base'
import { type Client, FlowControl, type Ticket } from '../flow-control/flow-control.ts'
import type { WorkFacts } from '../flow-control/work-estimate.ts'
import type { User } from '../security.ts'
import { Inflight } from './inflight.ts'
import { isLongRunning, isReadOnly } from './long-running.ts'
import { MaxInFlight } from './max-in-flight.ts'
import type { RequestInfo } from './request-info.ts'
import { SERVING_DEFAULTS, type ServingOptions } from './serving-options.ts'

/** A request that is being executed. `finish` may be called twice. */
export interface Place {
  /** `now` by the monotonic clock, in milliseconds. */
  finish(now: number): void
  /** For its answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** It takes several seats, which are free only when its answer has left. */
  readonly wide?: boolean
  /** How long it waited, in milliseconds. */
  readonly waited?: number
}

export interface TrafficOptions extends ServingOptions {
  readonly clock: Clock
  readonly facts: WorkFacts
  readonly nextTurn?: (work: () => void) => void
}

export class Traffic {
  /** Absent where it is switched off. */
  readonly flowControl: FlowControl | undefined
  readonly inflight: Inflight
  readonly #limits: MaxInFlight
  readonly #clock: Clock

  constructor(options: TrafficOptions) {
    const { clock, facts, nextTurn = setImmediate } = options
    const { maxRequestsInflight, maxMutatingRequestsInflight, priorityAndFairness, requestTimeout } = {
      ...SERVING_DEFAULTS,
      ...options,
    }
    const seats = maxRequestsInflight + maxMutatingRequestsInflight
    this.inflight = new Inflight(clock)
    this.#clock = clock
    this.#limits = new MaxInFlight(maxRequestsInflight, maxMutatingRequestsInflight)
    this.flowControl =
      priorityAndFairness && seats > 0
        ? new FlowControl({ clock, seats, waitLimit: requestTimeout / 4, facts, nextTurn })
        : undefined
  }

  /** Throws, or rejects with, `TooManyRequests`. `undefined` for what needs no place. `client` says whether it has gone away. */
  admit(user: User, info: RequestInfo, timeout: number, client?: Client): Place | undefined | Promise<Place> {
    if (isLongRunning(info) && (info.verb !== 'watch' || this.flowControl === undefined)) return undefined
    const now = this.#clock.monotonic()
    if (this.flowControl === undefined) return this.counted(this.#limits.admit(user, info.verb), info, now)
    const ticket = this.flowControl.admit(user, info, timeout, now, client)
    if (!(ticket instanceof Promise)) return new TicketPlace(this.flowControl, this.inflight, ticket, info, now)
    const readOnly = isReadOnly(info.verb)
    this.inflight.waits(readOnly, 1)
    const control = this.flowControl
    return ticket
      .finally(() => this.inflight.waits(readOnly, -1))
      .then(each => new TicketPlace(control, this.inflight, each, info, this.#clock.monotonic()))
  }

  private counted(place: Place | undefined, { verb }: RequestInfo, now: number): Place {
    const readOnly = isReadOnly(verb)
    this.inflight.executes(readOnly, 1, now)
    let left = false
    return {
      finish: end => {
        if (left) return
        left = true
        this.inflight.executes(readOnly, -1, end)
        place?.finish(end)
      },
    }
  }
}

class TicketPlace implements Place {
  readonly #control: FlowControl
  readonly #inflight: Inflight
  readonly #ticket: Ticket
  readonly #readOnly: boolean
  #left = false

  constructor(control: FlowControl, inflight: Inflight, ticket: Ticket, { verb }: RequestInfo, now: number) {
    this.#control = control
    this.#inflight = inflight
    this.#ticket = ticket
    this.#readOnly = isReadOnly(verb)
    inflight.executes(this.#readOnly, 1, now)
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#ticket.flow.headers
  }

  get wide(): boolean {
    return this.#ticket.seat.initialSeats > 1
  }

  get waited(): number {
    const { startedAt, arrivedAt } = this.#ticket.seat
    return startedAt - arrivedAt
  }

  finish(now: number): void {
    if (this.#left) return
    this.#left = true
    this.#inflight.executes(this.#readOnly, -1, now)
    this.#control.finish(this.#ticket, now)
  }
}
