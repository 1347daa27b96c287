import { Namespaces, Nodes, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import { messageOf, onAbort, sleep } from '@canopus/base'
import type { Controller, ControllerContext } from '@canopus/operator'
import { BindingCycle } from './binding-cycle.ts'
import { ClusterCache } from './cache.ts'
import { defaultConfiguration, type SchedulerConfiguration } from './config/configuration.ts'
import type { Decision } from './cycle.ts'
import { SharedDevices } from './devices/shared-devices.ts'
import { asNote, failureMessage, NO_NODES_MESSAGE, rejectingPlugins } from './diagnosis.ts'
import { connectSources } from './event-sources.ts'
import { type AskExtender, Extenders } from './extenders.ts'
import type { ClusterView, Failure, PluginFactory, ProfileEntry } from './framework.ts'
import { NotingInformers } from './informed.ts'
import { ownSelectorFrom } from './own-selector.ts'
import { namespaceLabelsFrom, type PodInfo, told } from './pod-info.ts'
import { PodWriter } from './pod-writer.ts'
import { type Aftermath, runPostFilters } from './post-filter.ts'
import { makeProfile, type RunningProfile } from './profiles.ts'
import { type QueuedPod, SchedulingQueue } from './queue.ts'
import { QueueObserver } from './queue-hints.ts'
import {
  type AttemptResult,
  attemptsLabel,
  incomingInto,
  type SchedulerMetrics,
  schedulerMetrics,
} from './scheduler-metrics.ts'

export interface SchedulerOptions {
  /** Default: upstream's default profile for pods of `default-scheduler`, but that all nodes are scored. */
  configuration?: SchedulerConfiguration
  /** Names for the first profile, instead of its own. Pods that ask for other schedulers are left alone. */
  schedulerNames?: readonly string[]
  /** Plugins of your own, which every profile has. */
  plugins?: readonly ProfileEntry[]
  /** Plugins of your own that the configuration enables by these names, and gives arguments. */
  factories?: Readonly<Record<string, PluginFactory>>
  /** How extenders are asked; needed where the configuration has any. */
  askExtender?: AskExtender
  /** How many bindings may be under way at once. Default 256. */
  maxBindings?: number
  /** After so many milliseconds an unschedulable pod is tried again whatever happened. Default 5 minutes. */
  maxUnschedulable?: number
  /** Which features are on; all are as by default where missing. */
  featureGates?: { enabled(name: string): boolean }
}

/** After so many decisions, or milliseconds, the loop lets others have their turn. */
const DECISIONS_PER_TURN = 64
const MILLISECONDS_PER_TURN = 8

/**
 * Makes the scheduler: it gives every pod without a node the best one, or says on the pod why there is none.
 *
 * @throws Error with a sentence for the user where the configuration does not make sense.
 */
export function createScheduler(context: ControllerContext, options: SchedulerOptions = {}): Controller {
  // Asked for now, so that its informers start with the others; every run begins with nothing remembered.
  new Scheduler(context, options)
  return { name: 'scheduler', run: signal => new Scheduler(context, options).run(signal) }
}

class Scheduler {
  readonly #context: ControllerContext
  readonly #maxBindings: number
  readonly #metrics: SchedulerMetrics | undefined
  readonly #informers: NotingInformers
  readonly #cache = new ClusterCache()
  readonly #cluster: ClusterView
  readonly #devices: SharedDevices
  readonly #profiles: ReadonlyMap<string, RunningProfile>
  readonly #extenders: Extenders
  readonly #queue: SchedulingQueue
  readonly #writer: PodWriter
  readonly #bindings: BindingCycle
  /** Writes under way, so that the end of the run can wait for them. */
  readonly #underWay = new Set<Promise<void>>()

  constructor(context: ControllerContext, options: SchedulerOptions) {
    const { configuration = defaultConfiguration } = options
    this.#context = context
    this.#metrics = context.metrics && schedulerMetrics(context.metrics)
    this.#maxBindings = options.maxBindings ?? 256
    this.#informers = new NotingInformers(context.informers)
    const namespaces = this.#informers.informer(Namespaces).lister
    this.#informers.informer(Pods)
    this.#informers.informer(Nodes)
    this.#cluster = {
      cache: this.#cache,
      namespaceLabels: namespaceLabelsFrom(name => namespaces.get(name)),
      ownSelector: ownSelectorFrom(this.#informers),
    }
    this.#devices = new SharedDevices(this.#informers)
    this.#writer = new PodWriter(context)
    this.#extenders = new Extenders(configuration.extenders, options.askExtender, this.#cache, context.logger)
    this.#profiles = this.#makeProfiles(configuration, options)
    const [first] = this.#profiles.values()
    this.#queue = new SchedulingQueue({
      clock: context.clock,
      profile: first!.profile,
      profiles: new Map([...this.#profiles].map(([name, { profile }]) => [name, profile])),
      figures: new Map([...this.#profiles].map(([name, { figures }]) => [name, figures])),
      initialBackoff: configuration.initialBackoff,
      maxBackoff: configuration.maxBackoff,
      popFromBackoff: options.featureGates?.enabled('SchedulerPopFromBackoffQ') ?? true,
      ...(options.maxUnschedulable === undefined ? {} : { maxUnschedulable: options.maxUnschedulable }),
      ...(this.#metrics === undefined
        ? {}
        : {
            incoming: incomingInto(this.#metrics),
            observer: new QueueObserver(this.#metrics, context.clock),
          }),
    })
    this.#bindings = new BindingCycle({
      context,
      cache: this.#cache,
      queue: this.#queue,
      extenders: this.#extenders,
      note: (entry, result) => this.#note(entry, result),
      report: (entry, reason, message, nominated) => this.#report(entry, reason, message, nominated),
      announce: (pod, node) => this.#writer.nominate(pod, node),
      inBackground: work => this.#inBackground(work),
    })
  }

  #makeProfiles(configuration: SchedulerConfiguration, options: SchedulerOptions): Map<string, RunningProfile> {
    const { client, clock, random, logger, events } = this.#context
    const parts = {
      context: {
        client,
        clock,
        random,
        logger,
        events,
        informers: this.#informers,
        cluster: this.#cluster,
        devices: this.#devices,
        askExtenders: this.#extenders.preempt.bind(this.#extenders),
        ...(this.#metrics === undefined ? {} : { metrics: this.#metrics }),
        cancelBinding: (pod: PodInfo) => this.#bindings.preempt(pod),
        activate: (pod: PodInfo) => this.#queue.activate(pod.key),
        release: (pod: PodInfo) => this.#queue.release(pod.key),
        changed: (change: Parameters<SchedulingQueue['move']>[0]) => this.#queue.move(change),
      },
      factories: options.factories ?? {},
      own: options.plugins ?? [],
      percentageOfNodesToScore: configuration.percentageOfNodesToScore,
    }
    const profiles = new Map<string, RunningProfile>()
    for (const [index, each] of configuration.profiles.entries()) {
      const names = index === 0 && options.schedulerNames !== undefined ? options.schedulerNames : [each.schedulerName]
      const profile = makeProfile({ ...each, schedulerName: names[0] ?? each.schedulerName }, parts)
      for (const name of names) profiles.set(name, profile)
    }
    return profiles
  }

  #profileOf({ spec }: Pod): RunningProfile | undefined {
    return this.#profiles.get(spec?.schedulerName ?? 'default-scheduler')
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#informers.waitForSync(signal)
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    const disconnect = this.#connect()
    if (this.#metrics !== undefined) {
      this.#metrics.pending = () => this.#queue.sizes()
      this.#metrics.sizes = () => ({ ...this.#cache.sizes(), binding: this.#bindings.size })
      this.#metrics.inFlight = () => this.#queue.inFlightEvents()
      this.#metrics.rejecting = () => this.#queue.rejecting()
    }
    const disarm = onAbort(signal, () => this.#queue.close())
    try {
      await this.#loop(signal)
    } finally {
      disarm()
      this.#queue.close()
      for (const stop of disconnect) stop()
      await Promise.allSettled(this.#underWay)
    }
  }

  /** Plugins hear of changes first, so that they know of them when pods are tried again. */
  #connect(): (() => void)[] {
    const plugins = new Set([...this.#profiles.values()].flatMap(({ profile }) => profile.map(each => each.plugin)))
    const stops = [this.#devices.connect(), ...[...plugins].flatMap(each => each.connect?.() ?? [])]
    const isOurs = (pod: Pod): boolean => this.#profileOf(pod) !== undefined
    const { events } = this.#context
    const skipped = (pod: PodInfo): void => {
      const message = `skip schedule deleting pod: ${pod.key}`
      events.event(pod.pod, 'Warning', 'FailedScheduling', message, told(pod, 'Scheduling'))
    }
    stops.push(connectSources({ informers: this.#informers, cache: this.#cache, queue: this.#queue, isOurs, skipped }))
    return stops
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    let decisions = 0
    let turn = clock.monotonic()
    for (let entry = await this.#queue.pop(); entry !== undefined && !signal.aborted; entry = await this.#queue.pop()) {
      const work = this.#schedule(entry, signal)
      if (work !== undefined) await work
      const tired = ++decisions >= DECISIONS_PER_TURN || clock.monotonic() - turn >= MILLISECONDS_PER_TURN
      if (tired || this.#bindings.size >= this.#maxBindings) {
        await this.#rest(signal)
        decisions = 0
        turn = clock.monotonic()
      }
    }
  }

  /** Lets the event loop turn, and waits where too many bindings are under way. */
  async #rest(signal: AbortSignal): Promise<void> {
    while (this.#bindings.size >= this.#maxBindings && !signal.aborted) await Promise.race(this.#underWay)
    await sleep(this.#context.clock, 0, signal).catch(() => undefined)
  }

  /** Decides, without a pause unless extenders must be asked. */
  #schedule(entry: QueuedPod, signal: AbortSignal): Promise<void> | undefined {
    const { pod } = entry
    const running = this.#profileOf(pod.pod)
    // Gone, or bound by somebody else, between being taken from the queue and now.
    if (running === undefined || this.#queue.get(pod.key) !== entry) return undefined
    this.#queue.begin(entry)
    const begun = this.#context.clock.monotonic()
    const finish = (decision: Decision): Promise<void> | undefined => {
      this.#metrics?.algorithm.observe((this.#context.clock.monotonic() - begun) / 1000)
      if ('failure' in decision) return this.#unschedulable(entry, running, decision.failure)
      this.#bindings.place(entry, running, decision.node, signal)
      return undefined
    }
    try {
      if (this.#extenders.interestedIn(pod)) return this.#withExtenders(entry, running, finish, signal)
      return finish(running.cycle.decide(pod))
    } catch (error) {
      this.#failed(entry, error)
    }
    return undefined
  }

  async #withExtenders(
    entry: QueuedPod,
    { cycle }: RunningProfile,
    finish: (decision: Decision) => Promise<void> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { pod } = entry
    try {
      const decision = await this.#extenders.decide(pod, cycle, signal)
      // The cluster may have changed while the extenders were asked.
      if (this.#queue.get(pod.key) !== entry) return
      const outdated = 'node' in decision && cycle.check(pod, decision.node) !== undefined
      if (outdated) this.#queue.retry(entry)
      else await finish(decision)
    } catch (error) {
      this.#failed(entry, error)
    }
  }

  #failed(entry: QueuedPod, error: unknown): void {
    const { pod } = entry
    this.#note(entry, 'error')
    this.#context.logger.error('a pod could not be scheduled', { pod: pod.key, error })
    this.#report(entry, 'SchedulerError', messageOf(error), '')
    this.#queue.retry(entry)
  }

  #note({ pod, attempts, begunAt, readyAt, flushed }: QueuedPod, result: AttemptResult): void {
    if (this.#metrics === undefined) return
    const now = this.#context.clock.monotonic()
    const profile = pod.pod.spec?.schedulerName ?? 'default-scheduler'
    this.#metrics.attempts.with(profile, result).add()
    this.#metrics.attemptDuration.with(profile, result).observe((now - begunAt) / 1000)
    if (result !== 'scheduled') return
    this.#metrics.podAttempts.observe(attempts)
    if (flushed === true) this.#metrics.boundAfterFlush.add()
    this.#metrics.podDuration.with(attemptsLabel(attempts)).observe((now - (readyAt ?? begunAt)) / 1000)
  }

  /** No node does. A promise only where a plugin must ask somebody outside before it knows what to do about that. */
  #unschedulable(entry: QueuedPod, running: RunningProfile, failure: Failure): Promise<void> | undefined {
    const { pod } = entry
    this.#note(entry, 'unschedulable')
    if (this.#cache.nodes.length === 0) {
      this.#sendBack(entry, failure, NO_NODES_MESSAGE, '')
      return undefined
    }
    const finish = ({ messages, nominated }: Pick<Aftermath, 'messages' | 'nominated'>): void => {
      const message = failureMessage(failure, this.#cache.nodes.length, messages.join(', '))
      this.#sendBack(entry, failure, message, nominated)
    }
    // The pod is no less unschedulable where the way out is barred.
    const barred = (error: unknown): void => {
      this.#context.logger.error('a way to make a pod schedulable could not be tried', { pod: pod.key, error })
      finish({ messages: [messageOf(error)] })
    }
    try {
      const aftermath = runPostFilters(pod, running, this.#cluster, failure)
      if (aftermath instanceof Promise) return aftermath.then(finish, barred)
      finish(aftermath)
    } catch (error) {
      barred(error)
    }
    return undefined
  }

  #sendBack(entry: QueuedPod, failure: Failure, message: string, nominated: string | undefined): void {
    this.#queue.unschedulable(entry, rejectingPlugins(failure))
    // Gone, or another one by now.
    if (this.#queue.get(entry.pod.key) !== entry) return
    this.#report(entry, 'Unschedulable', message, nominated)
  }

  /** `nominated`: the node that the pod waits for from now on; an empty text: none; nothing: as before. */
  #report(entry: QueuedPod, reason: string, message: string, nominated: string | undefined): void {
    if (nominated !== undefined) this.#cache.nominate(entry.pod, nominated)
    this.#context.events.event(
      entry.pod.pod,
      'Warning',
      'FailedScheduling',
      asNote(message),
      told(entry.pod, 'Scheduling'),
    )
    this.#inBackground(this.#writer.setUnscheduled(entry.pod, reason, message, nominated))
  }

  #inBackground(work: Promise<void>): void {
    const guarded = work
      .catch(error => {
        if (!hasReason(error, 'NotFound')) this.#context.logger.debug('the scheduler could not write', { error })
      })
      .finally(() => {
        this.#underWay.delete(guarded)
      })
    this.#underWay.add(guarded)
  }
}
