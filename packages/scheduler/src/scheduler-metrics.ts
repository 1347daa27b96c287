/** `scheduler_*` (pkg/scheduler/metrics): attempts and how long they take, what waits, and what is evicted. */
import {
  type Counter,
  exponentialBuckets,
  type Family,
  type Histogram,
  type MetricsRegistry,
  perRegistry,
} from '@canopus/base'
import type { Incoming } from './queue.ts'

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error'

export interface SchedulerMetrics {
  readonly attempts: Family<Counter>
  /** Seconds from the beginning of an attempt to the binding, or to its failure. */
  readonly attemptDuration: Family<Histogram>
  readonly algorithm: Histogram
  /** How often a pod was tried until it was bound. */
  readonly podAttempts: Histogram
  /** Seconds from when a pod could be tried first until it was bound. */
  readonly podDuration: Family<Histogram>
  readonly incoming: Family<Counter>
  readonly preemptionAttempts: Counter
  readonly preemptionVictims: Histogram
  /** Seconds that all plugins of an extension point took together. */
  readonly extensionPoints: Family<Histogram>
  /** Seconds that one plugin took; of some attempts only. */
  readonly plugins: Family<Histogram>
  readonly evaluations: Family<Counter>
  /** Seconds that pods were held back by plugins. */
  readonly permitWait: Family<Histogram>
  /** Seconds that it takes to take note of a change of the cluster. */
  readonly eventHandling: Family<Histogram>
  /** Seconds that a plugin takes to say whether a change may help a pod; of some only. */
  readonly hints: Family<Histogram>
  /** Pods that were bound after nothing but time had brought them back. */
  readonly boundAfterFlush: Counter
  /** Seconds that evicting the victims of one pod took, and how often that was done. */
  readonly evictionDuration: Family<Histogram>
  readonly evictions: Family<Counter>
  /** How often a node was chosen by what is remembered of pods that ask for the same. */
  readonly batchAttempts: Family<Counter>
  /** Claims made for extended resources. */
  readonly claimsCreated: Family<Counter>
  /** What the cache holds, and how many bindings are under way; asked for when the figures are read. */
  sizes: () => Readonly<Record<'nodes' | 'pods' | 'assumed_pods' | 'binding', number>>
  /** What the queue keeps for pods that are being worked on; asked for when the figures are read. */
  inFlight: () => ReadonlyMap<string, number>
  /** How many pods wait in which queue; asked for when the figures are read. */
  pending: () => Readonly<Record<PendingQueue, number>>
  /** Who rejected how many of the waiting pods, by profile and plugin; asked for when the figures are read. */
  rejecting: () => readonly RejectingPlugin[]
}

export interface RejectingPlugin {
  readonly profile: string
  readonly plugin: string
  readonly pods: number
}

export type PendingQueue = 'active' | 'backoff' | 'unschedulable' | 'gated'

const QUEUES: readonly PendingQueue[] = ['active', 'backoff', 'gated', 'unschedulable']
/** From so many attempts on they are not told apart. */
const MANY_ATTEMPTS = 15

/** The scheduler's figures in a registry. */
export const schedulerMetrics = perRegistry(make)

function make(registry: MetricsRegistry): SchedulerMetrics {
  const milliseconds = exponentialBuckets(0.001, 2, 15)
  const metrics: SchedulerMetrics = {
    attempts: registry.counter(
      'scheduler_schedule_attempts_total',
      '[STABLE] Number of attempts to schedule pods, by the result.',
      ['profile', 'result'],
    ),
    attemptDuration: registry.histogram(
      'scheduler_scheduling_attempt_duration_seconds',
      '[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding)',
      ['profile', 'result'],
      milliseconds,
    ),
    algorithm: registry
      .histogram(
        'scheduler_scheduling_algorithm_duration_seconds',
        '[ALPHA] Scheduling algorithm latency in seconds',
        [],
        milliseconds,
      )
      .with(),
    podAttempts: registry
      .histogram(
        'scheduler_pod_scheduling_attempts',
        '[STABLE] Number of attempts to successfully schedule a pod.',
        [],
        exponentialBuckets(1, 2, 5),
      )
      .with(),
    podDuration: registry.histogram(
      'scheduler_pod_scheduling_sli_duration_seconds',
      '[BETA] E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue, without gates.',
      ['attempts'],
      exponentialBuckets(0.01, 2, 20),
    ),
    incoming: registry.counter(
      'scheduler_queue_incoming_pods_total',
      '[STABLE] Number of pods added to scheduling queues by event and queue type.',
      ['event', 'queue'],
    ),
    ...ofPlugins(registry),
    ...ofEvents(registry),
    ...ofPreemption(registry),
    batchAttempts: registry.counter(
      'scheduler_batch_attempts_total',
      '[ALPHA] Counts of results when we attempt to use batching.',
      ['profile', 'result'],
    ),
    inFlight: () => new Map(),
    sizes: () => ({ nodes: 0, pods: 0, assumed_pods: 0, binding: 0 }),
    pending: () => ({ active: 0, backoff: 0, unschedulable: 0, gated: 0 }),
    rejecting: () => [],
  }
  collectRejections(registry, metrics)
  collectSizes(registry, metrics)
  collectInFlight(registry, metrics)
  registry.collect(
    'gauge',
    'scheduler_pending_pods',
    "[STABLE] Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
    ['queue'],
    () => {
      const sizes = metrics.pending()
      return QUEUES.map(queue => [[queue], sizes[queue]] as const)
    },
  )
  return metrics
}

function ofPreemption(
  registry: MetricsRegistry,
): Pick<SchedulerMetrics, 'preemptionAttempts' | 'preemptionVictims' | 'evictionDuration' | 'evictions'> {
  return {
    preemptionAttempts: registry
      .counter('scheduler_preemption_attempts_total', '[STABLE] Total preemption attempts in the cluster till now')
      .with(),
    preemptionVictims: registry
      .histogram(
        'scheduler_preemption_victims',
        '[STABLE] Number of selected preemption victims',
        [],
        exponentialBuckets(1, 2, 7),
      )
      .with(),
    evictionDuration: registry.histogram(
      'scheduler_preemption_goroutines_duration_seconds',
      '[ALPHA] Duration in seconds for running goroutines for the preemption.',
      ['result'],
      exponentialBuckets(0.01, 2, 20),
    ),
    evictions: registry.counter(
      'scheduler_preemption_goroutines_execution_total',
      '[ALPHA] Number of preemption goroutines executed.',
      ['result'],
    ),
  }
}

function ofEvents(
  registry: MetricsRegistry,
): Pick<SchedulerMetrics, 'eventHandling' | 'hints' | 'boundAfterFlush' | 'claimsCreated'> {
  return {
    eventHandling: registry.histogram(
      'scheduler_event_handling_duration_seconds',
      '[ALPHA] Event handling latency in seconds.',
      ['event'],
      exponentialBuckets(0.0001, 2, 12),
    ),
    hints: registry.histogram(
      'scheduler_queueing_hint_execution_duration_seconds',
      '[ALPHA] Duration for running a queueing hint function of a plugin.',
      ['event', 'hint', 'plugin'],
      exponentialBuckets(0.00001, 1.5, 20),
    ),
    boundAfterFlush: registry
      .counter(
        'scheduler_pod_scheduled_after_flush_total',
        '[ALPHA] Number of pods that were successfully scheduled after being flushed from unschedulablePods due to timeout. This metric helps detect potential queueing hint misconfigurations or event handling issues.',
      )
      .with(),
    claimsCreated: registry.counter(
      'scheduler_resourceclaim_creates_total',
      '[ALPHA] Number of ResourceClaims creation requests within scheduler',
      ['status'],
    ),
  }
}

function collectSizes(registry: MetricsRegistry, metrics: SchedulerMetrics): void {
  const held = '[ALPHA] Number of nodes, pods, and assumed (bound) pods in the scheduler cache.'
  registry.collect('gauge', 'scheduler_cache_size', held, ['type'], () => {
    const sizes = metrics.sizes()
    return (['assumed_pods', 'nodes', 'pods'] as const).map(type => [[type], sizes[type]] as const)
  })
  const running = '[BETA] Number of running goroutines split by the work they do such as binding.'
  registry.collect('gauge', 'scheduler_goroutines', running, ['operation'], () => [
    [['binding'], metrics.sizes().binding],
  ])
}

function ofPlugins(
  registry: MetricsRegistry,
): Pick<SchedulerMetrics, 'extensionPoints' | 'plugins' | 'evaluations' | 'permitWait'> {
  return {
    extensionPoints: registry.histogram(
      'scheduler_framework_extension_point_duration_seconds',
      '[STABLE] Latency for running all plugins of a specific extension point.',
      ['extension_point', 'profile', 'status'],
      exponentialBuckets(0.0001, 2, 12),
    ),
    plugins: registry.histogram(
      'scheduler_plugin_execution_duration_seconds',
      '[ALPHA] Duration for running a plugin at a specific extension point.',
      ['extension_point', 'plugin', 'status'],
      exponentialBuckets(0.00001, 1.5, 20),
    ),
    evaluations: registry.counter(
      'scheduler_plugin_evaluation_total',
      '[BETA] Number of attempts to schedule pods by each plugin and the extension point (available only in PreFilter, Filter, PreScore, and Score).',
      ['extension_point', 'plugin', 'profile'],
    ),
    permitWait: registry.histogram(
      'scheduler_permit_wait_duration_seconds',
      '[BETA] Duration of waiting on permit.',
      ['result'],
      exponentialBuckets(0.001, 2, 15),
    ),
  }
}

/** What has been told once is told on, as zero when there are none. */
function collectRejections(registry: MetricsRegistry, metrics: SchedulerMetrics): void {
  const told = new Map<string, readonly [plugin: string, profile: string]>()
  registry.collect(
    'gauge',
    'scheduler_unschedulable_pods',
    '[BETA] The number of unschedulable pods broken down by plugin name; a pod counts for all plugins that rejected it.',
    ['plugin', 'profile'],
    () => {
      const pods = new Map<string, number>()
      for (const { plugin, profile, pods: count } of metrics.rejecting()) {
        const id = `${plugin}/${profile}`
        told.set(id, [plugin, profile])
        pods.set(id, count)
      }
      return [...told].map(([id, labels]) => [labels, pods.get(id) ?? 0] as const)
    },
  )
}

function collectInFlight(registry: MetricsRegistry, metrics: SchedulerMetrics): void {
  const told = new Set<string>()
  const help = '[ALPHA] Number of events currently tracked in the scheduling queue.'
  registry.collect('gauge', 'scheduler_inflight_events', help, ['event'], () => {
    const events = metrics.inFlight()
    for (const event of events.keys()) told.add(event)
    return [...told].map(event => [[event], events.get(event) ?? 0] as const)
  })
}

/** How many attempts a pod took, as a label. */
export const attemptsLabel = (attempts: number): string =>
  attempts >= MANY_ATTEMPTS ? `${MANY_ATTEMPTS}+` : String(attempts)

/** Counts pods that come into queues. */
export function incomingInto({ incoming }: SchedulerMetrics): Incoming {
  return (queue, event) => incoming.with(event, queue).add()
}
