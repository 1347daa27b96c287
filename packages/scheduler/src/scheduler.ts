import { Namespaces, Nodes, PodDisruptionBudgets, Pods } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import { deepEqual, hasReason } from '@canopus/apimachinery'
import { onAbort, sleep } from '@canopus/base'
import type { Controller, ControllerContext } from '@canopus/operator'
import { ClusterCache } from './cache.ts'
import { type Decision, SchedulingCycle } from './cycle.ts'
import { failureMessage, NO_NODES_MESSAGE, rejectingPlugins } from './diagnosis.ts'
import type { ClusterView, Failure, PostFilterResult, Profile, Rejection } from './framework.ts'
import { nodeChanges, sameForScheduling } from './node-events.ts'
import { ownSelectorFrom } from './own-selector.ts'
import { defaultBinder } from './plugins/default-binder.ts'
import { defaultPreemption } from './plugins/default-preemption.ts'
import { isTerminal, namespaceLabelsFrom, type PodInfo, podInfo } from './pod-info.ts'
import { PodWriter } from './pod-writer.ts'
import { defaultProfile } from './profile.ts'
import { type QueuedPod, SchedulingQueue } from './queue.ts'
import { type AttemptResult, type SchedulerMetrics, schedulerMetrics } from './scheduler-metrics.ts'

export interface SchedulerOptions {
  /** Pods that ask for other schedulers are left alone. Default `default-scheduler`. */
  schedulerNames?: readonly string[]
  /** Plugins in order; default upstream's. Preemption is added unless one with a `postFilter` is there, and the binder. */
  profile?: Profile
  /** How many bindings may be under way at once. Default 256. */
  maxBindings?: number
}

/** After so many decisions, or milliseconds, the loop lets others have their turn. */
const DECISIONS_PER_TURN = 64
const MILLISECONDS_PER_TURN = 8

/** Makes the scheduler: it gives every pod without a node the best one, or says on the pod why there is none. */
export function createScheduler(context: ControllerContext, options: SchedulerOptions = {}): Controller {
  // Asked for now, so that its informers start with the others; every run begins with nothing remembered.
  new Scheduler(context, options)
  return { name: 'scheduler', run: signal => new Scheduler(context, options).run(signal) }
}

class Scheduler {
  readonly #context: ControllerContext
  readonly #names: ReadonlySet<string>
  readonly #maxBindings: number
  readonly #metrics: SchedulerMetrics | undefined
  readonly #cache = new ClusterCache()
  readonly #profile: Profile
  readonly #cluster: ClusterView
  readonly #cycle: SchedulingCycle
  readonly #queue: SchedulingQueue
  readonly #writer: PodWriter
  /** Writes under way, so that the end of the run can wait for them. */
  readonly #underWay = new Set<Promise<void>>()
  #bindings = 0

  constructor(context: ControllerContext, options: SchedulerOptions) {
    this.#context = context
    this.#metrics = context.metrics && schedulerMetrics(context.metrics)
    this.#names = new Set(options.schedulerNames ?? ['default-scheduler'])
    this.#maxBindings = options.maxBindings ?? 256
    const { informers, random, clock } = context
    const namespaces = informers.informer(Namespaces).lister
    this.#cluster = {
      cache: this.#cache,
      namespaceLabels: namespaceLabelsFrom(name => namespaces.get(name)),
      ownSelector: ownSelectorFrom(informers),
    }
    const budgets = informers.informer(PodDisruptionBudgets).lister
    const profile = options.profile ?? defaultProfile
    const preemption = defaultPreemption({
      random,
      check: (pod, node) => this.#cycle.check(pod, node),
      budgets: namespace => budgets.list(namespace),
    })
    this.#writer = new PodWriter(context)
    const binder = defaultBinder((pod, node) => this.#writer.bind(pod, node))
    this.#profile = [
      ...profile,
      ...(profile.some(each => each.plugin.postFilter !== undefined) ? [] : [{ plugin: preemption, weight: 0 }]),
      { plugin: binder, weight: 0 },
    ]
    this.#cycle = new SchedulingCycle(this.#profile, this.#cluster, random)
    this.#queue = new SchedulingQueue({ clock, profile: this.#profile })
    this.#sources()
  }

  /** What must be known before the first decision. Asking for an informer once makes it start with the others. */
  #sources(): { waitForSync(signal?: AbortSignal): Promise<void> }[] {
    const { informers } = this.#context
    return [informers.informer(Pods), informers.informer(Nodes), informers.informer(Namespaces)]
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    try {
      await Promise.all(this.#sources().map(each => each.waitForSync(signal)))
    } catch (error) {
      if (signal.aborted) return
      throw error
    }
    const disconnect = this.#connect()
    const disarm = onAbort(signal, () => this.#queue.close())
    try {
      let decisions = 0
      let turn = clock.monotonic()
      for (
        let entry = await this.#queue.pop();
        entry !== undefined && !signal.aborted;
        entry = await this.#queue.pop()
      ) {
        this.#schedule(entry, signal)
        const tired = ++decisions >= DECISIONS_PER_TURN || clock.monotonic() - turn >= MILLISECONDS_PER_TURN
        if (tired || this.#bindings >= this.#maxBindings) {
          await this.#rest(signal)
          decisions = 0
          turn = clock.monotonic()
        }
      }
    } finally {
      disarm()
      this.#queue.close()
      for (const stop of disconnect) stop()
      await Promise.allSettled(this.#underWay)
    }
  }

  /** Lets the event loop turn, and waits where too many bindings are under way. */
  async #rest(signal: AbortSignal): Promise<void> {
    while (this.#bindings >= this.#maxBindings && !signal.aborted) await Promise.race(this.#underWay)
    await sleep(this.#context.clock, 0, signal).catch(() => undefined)
  }

  #connect(): (() => void)[] {
    const { informers } = this.#context
    return [
      informers.informer(Nodes).addHandler({
        added: node => this.#nodeAdded(node),
        updated: (old, node) => this.#nodeUpdated(old, node),
        deleted: node => this.#cache.removeNode(node.metadata.name),
      }),
      informers.informer(Namespaces).addHandler({ updated: () => this.#queue.move('NamespaceUpdate') }),
      informers.informer(Pods).addHandler({
        added: pod => this.#podSeen(pod),
        updated: (old, pod) => this.#podSeen(pod, old),
        deleted: pod => this.#podGone(pod),
      }),
    ]
  }

  #nodeAdded(node: Node): void {
    this.#cache.setNode(node)
    this.#queue.move('NodeAdd')
  }

  #nodeUpdated(old: Node, node: Node): void {
    if (sameForScheduling(old, node)) return
    this.#cache.setNode(node)
    for (const event of nodeChanges(old, node)) this.#queue.move(event)
  }

  #podSeen(pod: Pod, old?: Pod): void {
    const info = podInfo(pod)
    if (isTerminal(pod)) {
      this.#podGone(pod)
    } else if (pod.spec?.nodeName) {
      this.#cache.setPod(pod)
      this.#queue.remove(info.key)
      if (!old?.spec?.nodeName) this.#queue.move('AssignedPodAdd')
      else if (countsDifferently(old, pod)) this.#queue.move('AssignedPodUpdate')
    } else if (this.#isOurs(pod)) {
      if (pod.metadata.deletionTimestamp !== undefined) this.#queue.remove(info.key)
      // A pod that has been bound a moment ago is settled, whatever its older versions say.
      else if (!this.#cache.isAssumed(info.key) || this.#queue.get(info.key) !== undefined) {
        const nominated = pod.status?.nominatedNodeName
        if (nominated) this.#cache.nominate(info, nominated)
        this.#queue.set(info)
      }
    }
  }

  #podGone(pod: Pod): void {
    const { key } = podInfo(pod)
    const known = this.#cache.has(key)
    this.#cache.removePod(key)
    this.#queue.remove(key)
    if (known) this.#queue.move('AssignedPodDelete')
  }

  #isOurs(pod: Pod): boolean {
    return this.#names.has(pod.spec?.schedulerName ?? 'default-scheduler')
  }

  #schedule(entry: QueuedPod, signal: AbortSignal): void {
    const { pod } = entry
    // Gone, or bound by somebody else, between being taken from the queue and now.
    if (this.#queue.get(pod.key) !== entry) return
    let decision: Decision
    const begun = this.#context.clock.monotonic()
    try {
      decision = this.#cycle.decide(pod)
    } catch (error) {
      this.#note(pod, 'error')
      this.#context.logger.error('a pod could not be scheduled', { pod: pod.key, error })
      this.#report(entry, 'SchedulerError', String(error))
      this.#queue.retry(entry)
      return
    }
    this.#metrics?.algorithm.observe((this.#context.clock.monotonic() - begun) / 1000)
    if ('failure' in decision) this.#unschedulable(entry, decision.failure)
    else this.#place(entry, decision.node.name, signal)
  }

  #note({ pod }: PodInfo, result: AttemptResult): void {
    this.#metrics?.attempts.with(pod.spec?.schedulerName ?? 'default-scheduler', result).add()
  }

  #unschedulable(entry: QueuedPod, failure: Failure): void {
    const { pod } = entry
    this.#note(pod, 'unschedulable')
    const nodes = this.#cache.nodes.length
    const result = nodes === 0 ? undefined : this.#postFilter(pod, failure)
    const message = nodes === 0 ? NO_NODES_MESSAGE : failureMessage(failure, nodes, result?.message)
    const nomination = result?.nomination
    this.#queue.unschedulable(entry, rejectingPlugins(failure))
    if (nomination !== undefined) {
      this.#cache.nominate(pod, nomination.node)
      this.#inBackground(this.#evict(pod, nomination.node, nomination.victims))
    }
    // Where the pod still waits for victims to go, the promise stands.
    const keep = nomination === undefined && result?.message.includes('terminating pod on the nominated node')
    if (!keep && nomination === undefined) this.#cache.nominate(pod, undefined)
    this.#report(entry, 'Unschedulable', message, keep ? undefined : (nomination?.node ?? ''))
  }

  #postFilter(pod: PodInfo, failure: Failure): PostFilterResult | undefined {
    for (const { plugin } of this.#profile) {
      const result = plugin.postFilter?.(pod, this.#cluster, failure)
      if (result !== undefined) return result
    }
    return undefined
  }

  async #evict(pod: PodInfo, node: string, victims: readonly PodInfo[]): Promise<void> {
    await Promise.all(victims.map(victim => this.#writer.evict(victim, pod, node)))
  }

  #report(entry: QueuedPod, reason: string, message: string, nominated?: string): void {
    this.#context.events.event(entry.pod.pod, 'Warning', 'FailedScheduling', message)
    this.#inBackground(this.#writer.setUnscheduled(entry.pod, reason, message, nominated))
  }

  #place(entry: QueuedPod, node: string, signal: AbortSignal): void {
    const { pod } = entry
    this.#cache.assume(pod, node)
    const rejection = this.#reserve(pod, node)
    if (rejection !== undefined) {
      this.#sendBack(entry, node, rejection)
      return
    }
    this.#bindings++
    const binding = this.#bind(entry, node, signal).finally(() => {
      this.#bindings--
    })
    this.#inBackground(binding)
  }

  #reserve(pod: PodInfo, node: string): Rejection | undefined {
    for (const { plugin } of this.#profile) {
      const rejection = plugin.reserve?.(pod, node)
      if (rejection !== undefined) return rejection
    }
    return undefined
  }

  #release(pod: PodInfo, node: string): void {
    for (const { plugin } of this.#profile.toReversed()) plugin.unreserve?.(pod, node)
    this.#cache.forget(pod.key)
    this.#queue.move('AssignedPodDelete')
  }

  #sendBack(entry: QueuedPod, node: string, rejection: Rejection): void {
    this.#release(entry.pod, node)
    this.#queue.unschedulable(entry, new Set([rejection.plugin]))
    this.#report(entry, 'Unschedulable', rejection.reasons.join(', '))
  }

  async #bind(entry: QueuedPod, node: string, signal: AbortSignal): Promise<void> {
    const { pod } = entry
    try {
      for (const { plugin } of this.#profile) {
        const rejection = (await plugin.permit?.(pod, node, signal)) ?? (await plugin.preBind?.(pod, node, signal))
        if (rejection === undefined) continue
        this.#sendBack(entry, node, rejection)
        return
      }
      await this.#write(pod, node, signal)
    } catch (error) {
      this.#bindingFailed(entry, node, error)
      this.#note(pod, 'error')
      return
    }
    this.#note(pod, 'scheduled')
    this.#queue.done(entry)
    const { name, namespace } = pod.pod.metadata
    const message = `Successfully assigned ${namespace}/${name} to ${node}`
    this.#context.events.event(pod.pod, 'Normal', 'Scheduled', message)
    for (const { plugin } of this.#profile) plugin.postBind?.(pod, node)
  }

  /** The first plugin that binds does; the default binder stands last. */
  async #write(pod: PodInfo, node: string, signal: AbortSignal): Promise<void> {
    for (const { plugin } of this.#profile) if (await plugin.bind?.(pod, node, signal)) return
  }

  #bindingFailed(entry: QueuedPod, node: string, error: unknown): void {
    const { pod } = entry
    this.#release(pod, node)
    if (hasReason(error, 'NotFound')) {
      // The pod is gone, or so is its node: in the one case its deletion is on the way, in the other it is tried again.
      this.#context.logger.debug('a pod vanished while it was bound', { pod: pod.key, node })
    } else {
      this.#context.logger.warn('a binding failed', { pod: pod.key, node, error })
      const reason = error instanceof Error ? error.message : String(error)
      this.#report(entry, 'SchedulerError', `binding rejected: running Bind plugin "DefaultBinder": ${reason}`)
    }
    this.#queue.retry(entry)
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

/** Whether a pod on a node takes other room than before, or is another one to selectors. Its status changes all the time. */
function countsDifferently(old: Pod, pod: Pod): boolean {
  return (
    !deepEqual(podInfo(old).requests, podInfo(pod).requests) ||
    !deepEqual(old.metadata.labels, pod.metadata.labels) ||
    (old.metadata.deletionTimestamp === undefined) !== (pod.metadata.deletionTimestamp === undefined)
  )
}
