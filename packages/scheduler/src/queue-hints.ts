import type { Clock } from '@canopus/base'
import type { ClusterChange, ClusterEvent, SchedulerPlugin } from './framework.ts'
import type { PodInfo } from './pod-info.ts'
import { eventLabel } from './queue-events.ts'
import type { SchedulerMetrics } from './scheduler-metrics.ts'

export const caresFor = (plugin: SchedulerPlugin, event: ClusterEvent): boolean =>
  plugin.events?.includes(event) ?? true

/** Whether one of the plugins that rejected the pod may think better of it. */
export function helps(
  helpers: readonly SchedulerPlugin[] | undefined,
  pod: PodInfo,
  change: ClusterChange,
  observer?: QueueObserver,
): boolean {
  if (helpers === undefined) return true
  const hint = (plugin: SchedulerPlugin): boolean => plugin.hint?.(pod, change) ?? true
  return helpers.some(
    each => caresFor(each, change.event) && (observer?.hint(each, change, () => hint(each)) ?? hint(each)),
  )
}

/** Hints are timed for one change in so many: with many pods waiting there are very many of them. */
const SAMPLED = 10

/** Notes how long it takes to take note of changes, and plugins to say whether they may help. */
export class QueueObserver {
  readonly #metrics: SchedulerMetrics
  readonly #clock: Clock
  #changes = 0

  constructor(metrics: SchedulerMetrics, clock: Clock) {
    this.#metrics = metrics
    this.#clock = clock
  }

  /** Does what is to be done about a change; `work` is given an observer where its hints are to be timed. */
  handle(change: ClusterChange, work: (observing: QueueObserver | undefined) => void): void {
    const begun = this.#clock.monotonic()
    work(this.#changes++ % SAMPLED === 0 ? this : undefined)
    this.#metrics.eventHandling.with(eventLabel(change)).observe((this.#clock.monotonic() - begun) / 1000)
  }

  hint(plugin: SchedulerPlugin, change: ClusterChange, work: () => boolean): boolean {
    const begun = this.#clock.monotonic()
    const helpsPod = work()
    const verdict = helpsPod ? 'Queue' : 'QueueSkip'
    const seconds = (this.#clock.monotonic() - begun) / 1000
    this.#metrics.hints.with(eventLabel(change), verdict, plugin.name).observe(seconds)
    return helpsPod
  }
}
