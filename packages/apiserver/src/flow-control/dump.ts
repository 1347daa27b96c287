/** What flow control looks like now, as tables for people (k8s.io/apiserver/pkg/util/flowcontrol/apf_controller_debug.go). */
import { formatDuration } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { FlowControl, Ticket } from './flow-control.ts'
import type { FlowFigures } from './flow-figures.ts'
import type { Level } from './level.ts'
import type { Queue, Seat } from './queue-set.ts'

type Row = readonly (string | number | boolean)[]

const PREFIX = '/debug/api_priority_and_fairness/'
const LEAST_WIDTH = 8

/** The table at this path; undefined where there is none. */
export function dumpFlowControl(control: FlowControl, path: string, query: string, clock: Clock): string | undefined {
  if (!path.startsWith(PREFIX)) return undefined
  const levels = [...control.levels].sort((one, other) => (one.name < other.name ? -1 : 1))
  const name = path.slice(PREFIX.length)
  if (name === 'dump_priority_levels') return table(LEVELS, levelRows(levels, [...control.figures]))
  if (name === 'dump_queues') return table(QUEUES, levels.flatMap(queueRows))
  if (name !== 'dump_requests') return undefined
  const details = (new URLSearchParams(query).get('includeRequestDetails') ?? '') !== ''
  const rows = requestRows(levels, control.tickets(), clock, details)
  return table(details ? [...REQUESTS, ...DETAILS] : REQUESTS, rows)
}

const LEVELS = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
]

function levelRows(levels: readonly Level[], figures: readonly FlowFigures[]): Row[] {
  return levels.map(({ name, queues, quiescing }) => {
    const own = figures.filter(({ level }) => level === name)
    const sum = (of: (each: FlowFigures) => number): number => own.reduce((total, each) => total + of(each), 0)
    const active = queues.queues.filter(({ length }) => length > 0).length
    const rejected = sum(each => (each.rejected.get('queue-full') ?? 0) + (each.rejected.get('concurrency-limit') ?? 0))
    return [
      name,
      active,
      queues.idle,
      quiescing,
      queues.waiting,
      queues.executing,
      sum(({ dispatched }) => dispatched),
      rejected,
      sum(each => each.rejected.get('time-out') ?? 0),
      sum(each => each.rejected.get('cancelled') ?? 0),
    ]
  })
}

const QUEUES = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
]

const seatSeconds = (value: number): string => `${value.toFixed(8)}ss`

function queueRows({ name, queues }: Level): Row[] {
  return queues.queues.map(({ length, executing, seatsInUse, next, waiting, work }, index) => {
    let [initialSeats, mostSeats] = [0, 0]
    for (const seat of seatsOf(waiting)) {
      initialSeats += seat.initialSeats
      mostSeats += seat.seats
    }
    return [name, index, length, executing, seatsInUse, seatSeconds(next), initialSeats, mostSeats, seatSeconds(work)]
  })
}

/** Those that have given up are left out. */
function seatsOf(waiting: Queue['waiting']): Seat[] {
  const seats: Seat[] = []
  for (let index = 0; index < waiting.length; index++) {
    const seat = waiting.at(index)
    if (seat?.state === 'waiting') seats.push(seat)
  }
  return seats
}

const REQUESTS = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
]
const DETAILS = ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource']
const NEVER = '0001-01-01T00:00:00Z'

function requestRows(levels: readonly Level[], tickets: readonly Ticket[], clock: Clock, details: boolean): Row[] {
  const offset = clock.now() - clock.monotonic()
  const at = (milliseconds: number): string => new Date(offset + milliseconds).toISOString()
  return levels.flatMap(level => {
    const { name, queues } = level
    const indexes = new Map(queues.queues.map((queue, index) => [queue, index]))
    const places = new Map(queues.queues.flatMap(({ waiting }) => seatsOf(waiting).map((seat, index) => [seat, index])))
    const own = tickets.filter(({ flow }) => flow.level === level)
    const queueOf = ({ seat }: Ticket): number => (seat.queue === undefined ? -1 : (indexes.get(seat.queue) ?? -1))
    own.sort((one, other) => (queueOf(one) >>> 0) - (queueOf(other) >>> 0))
    return own.map(({ flow, seat, user, info }) => [
      name,
      flow.schema,
      seat.queue === undefined ? -1 : (indexes.get(seat.queue) ?? -1),
      places.get(seat) ?? -1,
      flow.distinguisher,
      at(seat.arrivedAt),
      seat.initialSeats,
      seat.finalSeats,
      formatDuration(seat.finalDelay),
      seat.state === 'waiting' ? NEVER : at(seat.startedAt),
      ...(details
        ? [
            user.name,
            info.verb,
            info.path,
            info.namespace,
            info.name,
            info.group === '' ? info.version : `${info.group}/${info.version}`,
            info.resource,
            info.subresource,
          ]
        : []),
    ])
  })
}

/** As Go's tabwriter lays it out: columns as wide as their widest cell, the last one as it comes. */
function table(headers: readonly string[], rows: readonly Row[]): string {
  const lines = [headers, ...rows].map(row => row.map((cell, index) => `${cell}${index < row.length - 1 ? ',' : ''}`))
  const widths = headers.map((_, index) =>
    Math.max(LEAST_WIDTH, ...lines.map(line => [...(line[index] ?? '')].length + 1)),
  )
  const padded = (cell: string, index: number): string =>
    index === headers.length - 1 ? cell : cell + ' '.repeat(widths[index]! - [...cell].length)
  return lines.map(line => `${line.map(padded).join('')}\n`).join('')
}
