/**
 * API priority and fairness (KEP-1040; k8s.io/apiserver/pkg/util/flowcontrol): every request belongs to a flow, every flow
 * to a priority level, and a level executes as many at a time as it has seats. While nobody waits a request costs a look-up
 * and some arithmetic.
 */
import type { Clock, Histogram } from '@canopus/base'
import type { RequestInfo } from '../filters/request-info.ts'
import type { Route } from '../filters/routes.ts'
import type { User } from '../security.ts'
import { lendSeats } from './borrowing.ts'
import { type Configuration, digest, type SchemaObject } from './configuration.ts'
import { FlowFigures } from './flow-figures.ts'
import type { Level, LevelObject } from './level.ts'
import { matchesSchema } from './match.ts'
import { Pacer } from './pacer.ts'
import type { Seat } from './queue-set.ts'
import { dealHand, flowHash } from './shuffle.ts'
import { estimateWork, type WorkEstimate, type WorkFacts } from './work-estimate.ts'

export interface FlowControlOptions {
  readonly clock: Clock
  /** Seats of all levels together: `--max-requests-inflight` and `--max-mutating-requests-inflight`. */
  readonly seats: number
  /** The longest that a request waits, in milliseconds: a quarter of its time. */
  readonly waitLimit: number
  readonly facts: WorkFacts
  /** Calls back in a later turn of the event loop. */
  readonly nextTurn: (work: () => void) => void
}

/** What requests of one user for one thing have in common. */
export interface Flow {
  readonly schema: string
  readonly level: Level
  readonly hand: readonly number[]
  /** What tells it from others of its schema. */
  readonly distinguisher: string
  /** For every answer, so that who cares can tell why it was slow. */
  readonly headers: Readonly<Record<string, string>>
  readonly figures: FlowFigures
}

/** A request that executes. Give it back with `finish`. */
export interface Ticket {
  readonly flow: Flow
  readonly seat: Seat
  readonly watch: boolean
  readonly user: User
  readonly info: RequestInfo
  /** Its neighbours among those that wait or execute. */
  before: Ticket | undefined
  after: Ticket | undefined
}

/** Who waits for an answer. */
export interface Client {
  /** Whether it has gone away meanwhile. */
  gone?(): boolean
}

/** Thrown where a request is turned away; says in how many seconds to come back. */
export class TooManyRequests extends Error {
  readonly flow: Flow | undefined
  readonly retryAfter: number
  constructor(flow: Flow | undefined, retryAfter: number) {
    super('Too many requests, please try again later.')
    this.name = 'TooManyRequests'
    this.flow = flow
    this.retryAfter = retryAfter
  }
}

/** Seats are lent anew after so many milliseconds. */
const LENDING_PERIOD = 10_000
/** So many things of one user are remembered, then all are forgotten. */
const MOST_FLOWS = 4096
const LONGEST_WAIT = 60_000
const NO_HAND: readonly number[] = [0]

export class FlowControl {
  readonly #options: FlowControlOptions
  readonly #pacer: Pacer<Level>
  #configuration: Configuration
  /** By route, or where there is none by what tells flows apart. */
  #flows = new WeakMap<User, Map<Route | string, Flow>>()
  readonly #figures = new Map<string, FlowFigures>()
  #timer: { cancel(): void } | undefined
  /** Done in this turn of the event loop, with their seats. */
  #done: Ticket[] = []
  /** The last that came of those that wait or execute. */
  #last: Ticket | undefined
  fairShare = 0

  constructor(options: FlowControlOptions) {
    this.#options = options
    this.#pacer = new Pacer(options.nextTurn)
    this.#configuration = digest(new Map(), [], [], options.clock.monotonic())
    this.divide()
  }

  get levels(): Iterable<Level> {
    return this.#configuration.levels.values()
  }

  /** Of each nanosecond until now, which part of its seats each level used. */
  utilization(): [string, Histogram][] {
    const now = this.#options.clock.monotonic()
    return [...this.levels].map(({ name, queues }) => {
      queues.syncTime(now)
      return [name, queues.utilization]
    })
  }

  get figures(): Iterable<FlowFigures> {
    return this.#figures.values()
  }

  hasLevel(name: string): boolean {
    const level = this.#configuration.levels.get(name)
    return level !== undefined && !level.quiescing
  }

  /** Takes the objects that are there now. Requests that wait keep their places. */
  configure(levels: readonly LevelObject[], schemas: readonly SchemaObject[]): void {
    this.#configuration = digest(this.#configuration.levels, levels, schemas, this.#options.clock.monotonic())
    this.#flows = new WeakMap()
    this.divide()
  }

  /** Begins to lend seats, until `stop`. */
  start(): void {
    this.#timer = this.#options.clock.setTimer(LENDING_PERIOD, () => {
      if ([...this.levels].some(level => level.quiescing && level.queues.idle)) this.dropIdle()
      this.fairShare = lendSeats(this.levels, this.#options.clock.monotonic())
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /**
   * Lets a request in: at once where a seat is free, else when it is its turn. Throws, or rejects with, `TooManyRequests`.
   * `timeout` is the time that the request has altogether, `now` the monotonic time.
   */
  admit(user: User, info: RequestInfo, timeout: number, now: number, client?: Client): Ticket | Promise<Ticket> {
    const flow = this.classify(user, info)
    const { level } = flow
    const estimate = estimateWork(info, this.#options.facts, level.mostSeats)
    const seat = level.queues.start(estimate, flow.hand, now)
    if (seat === undefined) throw this.turnedAway(flow, level.queueCount > 0 ? 'queue-full' : 'concurrency-limit')
    const before = this.#last
    const ticket: Ticket = { flow, seat, watch: info.verb === 'watch', user, info, before, after: undefined }
    if (before !== undefined) before.after = ticket
    this.#last = ticket
    if (seat.queue !== undefined) flow.figures.queueLengths.observe(seat.state === 'waiting' ? seat.queue.length : 1)
    if (estimate.watchers !== undefined) flow.figures.watchCounts.observe(estimate.watchers)
    if (seat.state === 'waiting') return this.wait(ticket, estimate, timeout, client)
    flow.figures.starts(seat, 0)
    if (estimate.initialSeats === 1) return ticket
    const turn = this.#pacer.turn(level)
    return turn === undefined ? ticket : turn.then(() => ticket)
  }

  /**
   * A request has been executed (a watch: has sent its initial state). Calling it twice does nothing.
   *
   * Where others may wait for its seats they become free at the end of this turn of the event loop. Most requests are
   * begun and done within a turn: were the seats free at once, nobody would ever wait, the sockets would be served in the
   * order in which they are ready, and who asks on most of them would have the server, whatever the levels say. As it is,
   * a level does in a turn what it has seats for. Levels without queues turn nobody away for that, and full queues have a place for
   * each of them: who has its answer may ask again before the turn ends, and is not one more than before.
   */
  finish(ticket: Ticket, now: number): void {
    const { flow, seat, watch } = ticket
    if (seat.state !== 'executing' || seat.endedAt !== undefined) return
    seat.endedAt = now
    this.leave(ticket)
    flow.figures.ends(seat, now - seat.startedAt, watch)
    if (flow.level.queueCount === 0) this.giveBack(ticket, now)
    else {
      flow.level.queues.ending++
      if (this.#done.push(ticket) === 1) this.#options.nextTurn(() => this.endTurn())
    }
  }

  /** Those that wait or execute now, in the order in which they came. */
  tickets(): Ticket[] {
    const found: Ticket[] = []
    for (let ticket = this.#last; ticket !== undefined; ticket = ticket.before) found.push(ticket)
    return found.reverse()
  }

  private leave(ticket: Ticket): void {
    const { before, after } = ticket
    if (before !== undefined) before.after = after
    if (after !== undefined) after.before = before
    else this.#last = before
  }

  private endTurn(): void {
    const done = this.#done
    this.#done = []
    const now = this.#options.clock.monotonic()
    for (const ticket of done) {
      ticket.flow.level.queues.ending--
      this.giveBack(ticket, now)
    }
  }

  private giveBack({ flow, seat }: Ticket, now: number): void {
    const { clock } = this.#options
    const { queues } = flow.level
    queues.finish(seat, now)
    if (seat.finalDelay > 0) clock.setTimer(seat.finalDelay, () => queues.release(seat, clock.monotonic()))
  }

  classify(user: User, info: RequestInfo): Flow {
    // Paths outside the API are as many as anybody likes.
    if (!info.isResourceRequest) return this.flowOf(user, info)
    let flows = this.#flows.get(user)
    if (flows === undefined) {
      flows = new Map()
      this.#flows.set(user, flows)
    }
    const id = info.route ?? `${info.verb} ${info.group}/${info.resource}/${info.subresource} ${info.namespace}`
    let flow = flows.get(id)
    if (flow === undefined) {
      flow = this.flowOf(user, info)
      if (flows.size >= MOST_FLOWS) flows.clear()
      flows.set(id, flow)
    }
    return flow
  }

  private flowOf(user: User, info: RequestInfo): Flow {
    const { schemas, levels } = this.#configuration
    // Somebody in none of the groups that everybody is in still belongs to `catch-all`.
    const schema =
      schemas.find(each => matchesSchema(each, user, info)) ??
      schemas.find(({ metadata }) => metadata.name === 'catch-all')!
    const level = levels.get(schema.spec.priorityLevelConfiguration.name)!
    const name = schema.metadata.name!
    const distinguisher = distinguisherOf(schema, user, info)
    return {
      schema: name,
      level,
      hand: level.queueCount > 0 ? dealHand(flowHash(name, distinguisher), level.queueCount, level.handSize) : NO_HAND,
      distinguisher,
      headers: {
        'x-kubernetes-pf-flowschema-uid': schema.metadata.uid ?? '',
        'x-kubernetes-pf-prioritylevel-uid': level.uid,
      },
      figures: this.figuresOf(level.name, name),
    }
  }

  private figuresOf(level: string, schema: string): FlowFigures {
    const id = `${level} ${schema}`
    let figures = this.#figures.get(id)
    if (figures === undefined) {
      figures = new FlowFigures(level, schema)
      this.#figures.set(id, figures)
    }
    return figures
  }

  private wait(ticket: Ticket, { initialSeats }: WorkEstimate, timeout: number, client?: Client): Promise<Ticket> {
    const { clock, waitLimit } = this.#options
    const { flow, seat } = ticket
    const { figures, level } = flow
    figures.queues(seat)
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(Math.min(timeout / 4, waitLimit, LONGEST_WAIT), () => {
        level.queues.cancel(seat, clock.monotonic())
        this.leave(ticket)
        figures.leaves(seat, clock.monotonic() - seat.arrivedAt)
        reject(this.turnedAway(flow, 'time-out'))
      })
      seat.onStart = () => {
        timer.cancel()
        figures.dequeues(seat)
        figures.starts(seat, seat.startedAt - seat.arrivedAt)
        const turn = initialSeats === 1 ? undefined : this.#pacer.turn(level)
        const go = (): void => {
          // Nobody is left to be answered: the place goes to the next.
          if (client?.gone?.() === true) this.finish(ticket, clock.monotonic())
          resolve(ticket)
        }
        if (turn === undefined) go()
        else void turn.then(go)
      }
    })
  }

  private turnedAway(flow: Flow, reason: string): TooManyRequests {
    const { level, figures } = flow
    figures.rejects(reason)
    level.retryAfter.drop(Math.floor(this.#options.clock.monotonic() / 1000))
    return new TooManyRequests(flow, level.retryAfter.seconds)
  }

  private dropIdle(): void {
    const levels = new Map(this.#configuration.levels)
    for (const [name, { quiescing, queues }] of levels) if (quiescing && queues.idle) levels.delete(name)
    this.#configuration = { ...this.#configuration, levels }
    this.divide()
  }

  private divide(): void {
    const shares = [...this.levels].reduce((sum, level) => sum + level.shares, 0)
    for (const level of this.levels) level.divide(this.#options.seats, shares)
    this.fairShare = lendSeats(this.levels, this.#options.clock.monotonic())
  }
}

function distinguisherOf({ spec }: SchemaObject, user: User, info: RequestInfo): string {
  const by = spec.distinguisherMethod?.type
  return by === 'ByUser' ? user.name : by === 'ByNamespace' ? info.namespace : ''
}
