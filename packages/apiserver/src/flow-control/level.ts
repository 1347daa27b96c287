/** One priority level at work: its configuration, its seats, and how many it has for now. */
import type { PriorityLevelConfiguration } from '@canopus/api/flowcontrol/v1'
import type { LevelDraft } from './defaults.ts'
import { QueueSet, type QueueSetConfig } from './queue-set.ts'
import { RetryAfter } from './retry-after.ts'
import { SeatDemand, smoothed } from './seat-demand.ts'

export type LevelObject = PriorityLevelConfiguration | LevelDraft

/** Of the seats of a level one request may take this part. */
const MOST_OF_LEVEL = 0.15

export class Level {
  readonly name: string
  readonly queues: QueueSet
  readonly retryAfter = new RetryAfter()
  readonly #demand: SeatDemand
  object: LevelObject
  exempt: boolean
  /** No object names it any more; it goes once it is idle. */
  quiescing = false
  handSize = 1
  queueCount = 0
  /** The most seats for one request; 0 where the level has no queues and sets no limit. */
  mostSeats = 0
  nominal = 0
  least = 0
  most = 0
  current = 0
  demandHigh = 0
  demandAverage = 0
  demandDeviation = 0
  demandSmoothed = 0
  target = 0
  /** In what seats are counted that are used at a level which has none. */
  #denominator = 1

  constructor(object: LevelObject, now: number) {
    this.name = object.metadata.name!
    this.object = object
    this.exempt = object.spec.type === 'Exempt'
    this.#demand = new SeatDemand(now)
    this.queues = new QueueSet(queueConfig(object), 0, now, (seats, at) => this.#demand.set(seats, at))
  }

  get uid(): string {
    return this.object.metadata.uid ?? ''
  }

  get shares(): number {
    const { limited, exempt } = this.object.spec
    return limited === undefined ? (exempt?.nominalConcurrencyShares ?? 0) : (limited.nominalConcurrencyShares ?? 30)
  }

  /** Takes its part of all seats (`finishQueueSetReconfigsLocked` upstream). */
  divide(totalSeats: number, totalShares: number): void {
    const { limited, exempt } = this.object.spec
    const nominal = totalShares === 0 ? 0 : Math.ceil((totalSeats * this.shares) / totalShares)
    const lendable = Math.round((nominal * ((limited ?? exempt)?.lendablePercent ?? 0)) / 100)
    const borrowing = limited?.borrowingLimitPercent
    const fresh = this.most === 0
    this.#denominator = Math.max(1, Math.round(totalSeats / 10))
    this.nominal = nominal
    this.least = nominal - lendable
    this.most = nominal + (borrowing === undefined ? totalSeats : Math.round((nominal * borrowing) / 100))
    if (fresh) this.current = nominal - Math.floor(lendable / 2)
    const queuing = limited?.limitResponse?.queuing
    this.queueCount = queuing?.queues ?? 0
    this.handSize = queuing?.handSize ?? 1
    this.mostSeats = queuing
      ? Math.max(1, Math.min(Math.ceil(nominal * MOST_OF_LEVEL), Math.floor(nominal / queuing.handSize)))
      : 0
  }

  /** Looks back at what was asked for since the last time. */
  review(now: number): void {
    const { high, figures } = this.#demand.reset(now)
    this.demandHigh = high
    if (figures === undefined) return
    this.demandAverage = figures.average
    this.demandDeviation = figures.deviation
    this.demandSmoothed = smoothed(this.demandSmoothed, figures)
  }

  setCurrent(seats: number, now: number): void {
    this.current = seats
    this.queues.configure(queueConfig(this.object), seats, now)
    this.queues.denominator = seats > 0 ? seats : this.#denominator
  }
}

export function queueConfig({ spec }: LevelObject): QueueSetConfig {
  const queuing = spec.limited?.limitResponse?.queuing
  if (spec.type === 'Exempt') return { queues: -1, queueLength: 0 }
  return queuing === undefined
    ? { queues: 0, queueLength: 0 }
    : { queues: queuing.queues, queueLength: queuing.queueLengthLimit }
}

/** Whether the level can be used at all: nothing but the level `exempt` may be without limits. */
export function isSound({ metadata, spec }: LevelObject): boolean {
  const { type, limited } = spec
  if ((type === 'Limited') !== (limited !== undefined) || (type === 'Exempt') !== (metadata.name === 'exempt'))
    return false
  const response = limited?.limitResponse
  return limited === undefined || (response?.type === 'Reject') === (response?.queuing === undefined)
}
