/** `apiserver_flowcontrol_*` (k8s.io/apiserver/pkg/util/flowcontrol/metrics): read off what flow control knows anyway. */
import type { Histogram, MetricsRegistry, Sample } from '@canopus/base'
import type { Traffic } from '../filters/traffic.ts'
import type { FlowFigures } from '../flow-control/flow-figures.ts'
import type { Level } from '../flow-control/level.ts'

const LEVEL = ['priority_level']
const FLOW = ['priority_level', 'flow_schema']

export function registerFlowMetrics(registry: MetricsRegistry, { flowControl, inflight }: Traffic): void {
  const kinds = ['mutating', 'readOnly'] as const
  registry.collect(
    'gauge',
    'apiserver_current_inflight_requests',
    '[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
    ['request_kind'],
    () => kinds.map((kind): Sample => [[kind], inflight.high('executing', kind)]),
  )
  registry.collect(
    'gauge',
    'apiserver_current_inqueue_requests',
    '[ALPHA] Maximal number of queued requests in this apiserver per request kind in last second.',
    ['request_kind'],
    () => kinds.map((kind): Sample => [[kind], inflight.high('waiting', kind)]),
  )
  if (flowControl === undefined) return
  const level = (name: string, help: string, of: (level: Level) => number): void =>
    registry.collect('gauge', `apiserver_flowcontrol_${name}`, help, LEVEL, () =>
      [...flowControl.levels].map((each): Sample => [[each.name], of(each)]),
    )
  level(
    'nominal_limit_seats',
    '[BETA] Nominal number of execution seats configured for each priority level',
    each => each.nominal,
  )
  level(
    'lower_limit_seats',
    '[ALPHA] Configured lower bound on number of execution seats available to each priority level',
    each => each.least,
  )
  level(
    'upper_limit_seats',
    '[ALPHA] Configured upper bound on number of execution seats available to each priority level',
    each => each.most,
  )
  level(
    'current_limit_seats',
    '[ALPHA] current derived number of execution seats available to each priority level',
    each => each.current,
  )
  level(
    'demand_seats_high_watermark',
    '[ALPHA] High watermark, over last adjustment period, of demand_seats',
    each => each.demandHigh,
  )
  level(
    'demand_seats_average',
    '[ALPHA] Time-weighted average, over last adjustment period, of demand_seats',
    each => each.demandAverage,
  )
  level(
    'demand_seats_stdev',
    '[ALPHA] Time-weighted standard deviation, over last adjustment period, of demand_seats',
    each => each.demandDeviation,
  )
  level('demand_seats_smoothed', '[ALPHA] Smoothed seat demands', each => each.demandSmoothed)
  level('target_seats', '[ALPHA] Seat allocation targets', each => each.target)
  registry.collect(
    'gauge',
    'apiserver_flowcontrol_seat_fair_frac',
    "[ALPHA] Fair fraction of server's concurrency to allocate to each priority level that can use it",
    [],
    () => [[[], flowControl.fairShare]],
  )
  registry.collect(
    'histogram',
    'apiserver_flowcontrol_priority_level_seat_utilization',
    'EXPERIMENTAL: [ALPHA] Observations, at the end of every nanosecond, of utilization of seats for any stage of execution (but only initial stage for WATCHes)',
    [...LEVEL, 'phase'],
    () => flowControl.utilization().map(([name, histogram]): Sample => [[name, 'executing'], histogram]),
  )
  registerFlowFigures(registry, () => flowControl.figures)
}

function registerFlowFigures(registry: MetricsRegistry, figures: () => Iterable<FlowFigures>): void {
  const flow = (type: 'counter' | 'gauge', name: string, help: string, of: (figures: FlowFigures) => number): void =>
    registry.collect(type, `apiserver_flowcontrol_${name}`, help, FLOW, () =>
      [...figures()].map((each): Sample => [[each.level, each.schema], of(each)]),
    )
  flow(
    'counter',
    'dispatched_requests_total',
    '[BETA] Number of requests executed by API Priority and Fairness subsystem',
    each => each.dispatched,
  )
  flow(
    'gauge',
    'current_executing_requests',
    '[BETA] Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem',
    each => each.executing,
  )
  flow(
    'gauge',
    'current_executing_seats',
    '[BETA] Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem',
    each => each.executingSeats,
  )
  flow(
    'gauge',
    'current_inqueue_requests',
    '[BETA] Number of requests currently pending in queues of the API Priority and Fairness subsystem',
    each => each.waiting,
  )
  flow(
    'gauge',
    'current_inqueue_seats',
    '[ALPHA] Number of seats currently pending in queues of the API Priority and Fairness subsystem',
    each => each.waitingSeats,
  )
  registry.collect(
    'counter',
    'apiserver_flowcontrol_rejected_requests_total',
    '[BETA] Number of requests rejected by API Priority and Fairness subsystem',
    [...FLOW, 'reason'],
    () =>
      [...figures()].flatMap(({ level, schema, rejected }) =>
        [...rejected].map(([reason, count]): Sample => [[level, schema, reason], count]),
      ),
  )
  const histograms = (
    name: string,
    help: string,
    label: string[],
    of: (figures: FlowFigures) => [string, Histogram][],
  ) =>
    registry.collect('histogram', `apiserver_flowcontrol_${name}`, help, [...FLOW, ...label], () =>
      [...figures()].flatMap(each =>
        of(each).flatMap(([value, histogram]): Sample[] =>
          histogram.count === 0 ? [] : [[[each.level, each.schema, value], histogram]],
        ),
      ),
    )
  histograms(
    'request_wait_duration_seconds',
    '[BETA] Length of time a request spent waiting in its queue',
    ['execute'],
    ({ waited, waitedInVain }) => [
      ['true', waited],
      ['false', waitedInVain],
    ],
  )
  histograms(
    'request_execution_seconds',
    '[ALPHA] Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
    ['type'],
    ({ executed, watchesStarted }) => [
      ['regular', executed],
      ['watch', watchesStarted],
    ],
  )
  histograms(
    'work_estimated_seats',
    '[ALPHA] Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness',
    [],
    ({ seats }) => [['', seats]],
  )
  histograms(
    'request_queue_length_after_enqueue',
    '[ALPHA] Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued',
    [],
    ({ queueLengths }) => [['', queueLengths]],
  )
  histograms(
    'watch_count_samples',
    '[ALPHA] count of watchers for mutating requests in API Priority and Fairness',
    [],
    ({ watchCounts }) => [['', watchCounts]],
  )
}
