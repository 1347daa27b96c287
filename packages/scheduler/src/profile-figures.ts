/**
 * How long the plugins of a profile take, and how often they are asked (pkg/scheduler/framework/runtime/framework.go and
 * instrumented_plugins.go). Filters and scorers that go over all nodes at once count as one execution and as so many
 * evaluations; static plugins whose verdicts are remembered are not asked, so that nothing is counted then.
 */
import { type Clock, Counter, type Histogram, type Random, randomInt } from '@canopus/base'
import type { NodeFilter, Rejection, SchedulerPlugin } from './framework.ts'
import type { SchedulerMetrics } from './scheduler-metrics.ts'

export type ExtensionPoint =
  | 'PreEnqueue'
  | 'PreFilter'
  | 'Filter'
  | 'PostFilter'
  | 'PreScore'
  | 'Score'
  | 'ScoreExtensionNormalize'
  | 'Reserve'
  | 'Unreserve'
  | 'Permit'
  | 'PreBindPreFlight'
  | 'PreBind'
  | 'Bind'
  | 'PostBind'

/** What came of it, in upstream's words (Code in k8s.io/kube-scheduler/framework). */
export type Status = 'Success' | 'Error' | 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Wait' | 'Skip'

/** How often a plugin was asked at each point where that is counted. */
export type Evaluations = Readonly<Record<'PreFilter' | 'Filter' | 'PreScore' | 'Score', Counter>>

/** Of so many attempts in a hundred each plugin is timed (pluginMetricsSamplePercent upstream). */
const SAMPLED_PERCENT = 10

export interface ProfileFiguresOptions {
  readonly clock: Clock
  readonly random: Random
  readonly metrics: SchedulerMetrics
  /** The name that the profile has as a scheduler. */
  readonly profile: string
}

export class ProfileFigures {
  readonly #options: ProfileFiguresOptions | undefined
  readonly #points = new Map<ExtensionPoint, Partial<Record<Status, Histogram>>>()

  readonly #batched: Readonly<Record<'hint_used' | 'no_hint', Counter>> | undefined

  /** Without options: nobody wants to know. */
  constructor(options?: ProfileFiguresOptions) {
    this.#options = options
    const batched = options && ((result: string) => options.metrics.batchAttempts.with(options.profile, result))
    this.#batched = batched && { hint_used: batched('hint_used'), no_hint: batched('no_hint') }
  }

  /** Whether the plugins of the attempt that begins now are timed one by one. */
  sample(): boolean {
    const random = this.#options?.random
    return random !== undefined && randomInt(random, 100) < SAMPLED_PERCENT
  }

  /** The counts of a plugin, told of the points that it has; hold them. */
  evaluations({ name, filter, score }: SchedulerPlugin): Evaluations {
    const options = this.#options
    const counter = (point: keyof Evaluations, does: unknown): Counter =>
      does === undefined || options === undefined
        ? new Counter()
        : options.metrics.evaluations.with(point, name, options.profile)
    return {
      PreFilter: counter('PreFilter', filter),
      Filter: counter('Filter', filter),
      PreScore: counter('PreScore', score),
      Score: counter('Score', score),
    }
  }

  /** Does the work of all plugins of a point, and notes how long that took. Throws what the work throws. */
  point<T>(point: ExtensionPoint, work: () => T, statusOf: (result: T) => Status): T {
    if (this.#options === undefined) return work()
    const begun = this.now()
    let status: Status = 'Error'
    try {
      const result = work()
      status = statusOf(result)
      return result
    } finally {
      this.observe(point, status, begun)
    }
  }

  /** The same for what one plugin does; to be asked only of attempts that are sampled. */
  plugin<T>(plugin: string, point: ExtensionPoint, work: () => T, statusOf: (result: T) => Status): T {
    const begun = this.now()
    let status: Status = 'Error'
    try {
      const result = work()
      status = statusOf(result)
      return result
    } finally {
      this.observePlugin(plugin, point, status, begun)
    }
  }

  /** The same as `point` for work that takes its time. */
  async pointLater<T>(point: ExtensionPoint, work: () => Promise<T>, statusOf: (result: T) => Status): Promise<T> {
    const begun = this.now()
    let status: Status = 'Error'
    try {
      const result = await work()
      status = statusOf(result)
      return result
    } finally {
      this.observe(point, status, begun)
    }
  }

  /** The same as `plugin` for work that takes its time. */
  async pluginLater<T>(
    plugin: string,
    point: ExtensionPoint,
    work: () => Promise<T>,
    statusOf: (result: T) => Status,
  ): Promise<T> {
    const begun = this.now()
    let status: Status = 'Error'
    try {
      const result = await work()
      status = statusOf(result)
      return result
    } finally {
      this.observePlugin(plugin, point, status, begun)
    }
  }

  /** Notes whether a node was chosen by what is remembered of pods that ask for the same. */
  batched(isRemembered: boolean): void {
    this.#batched?.[isRemembered ? 'hint_used' : 'no_hint'].add()
  }

  /** Milliseconds to give to `observe` later. */
  now(): number {
    return this.#options?.clock.monotonic() ?? 0
  }

  observe(point: ExtensionPoint, status: Status, begun: number): void {
    if (this.#options === undefined) return
    const { metrics, profile } = this.#options
    let known = this.#points.get(point)
    if (known === undefined) {
      known = {}
      this.#points.set(point, known)
    }
    known[status] ??= metrics.extensionPoints.with(point, profile, status)
    known[status].observe((this.now() - begun) / 1000)
  }

  observePlugin(plugin: string, point: ExtensionPoint, status: Status, begun: number): void {
    this.#options?.metrics.plugins.with(point, plugin, status).observe((this.now() - begun) / 1000)
  }

  /** Notes how long a pod was held back. */
  observePermitWait(status: Status, begun: number): void {
    this.#options?.metrics.permitWait.with(status).observe((this.now() - begun) / 1000)
  }
}

export function statusOf(rejection: Rejection | undefined): Status {
  if (rejection === undefined) return 'Success'
  return rejection.unresolvable === true ? 'UnschedulableAndUnresolvable' : 'Unschedulable'
}

/** What a plugin's PreFilter came to: nothing where the plugin has no say. */
export function preFilterStatus(filter: NodeFilter | Rejection | undefined): Status {
  if (filter === undefined) return 'Skip'
  return 'reasons' in filter ? statusOf(filter) : 'Success'
}

export const success = (): Status => 'Success'
export const successOrSkip = (result: unknown): Status => (result === undefined ? 'Skip' : 'Success')
