import { hasReason } from '@canopus/apimachinery'
import { abortable } from '@canopus/base'
import type { ControllerContext } from '@canopus/operator'
import type { ClusterCache } from './cache.ts'
import { failureMessage } from './diagnosis.ts'
import type { Extenders } from './extenders.ts'
import type { Rejection, SchedulerPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { rejectionsByName } from './node-rejections.ts'
import { type PodInfo, told } from './pod-info.ts'
import type { RunningProfile } from './profiles.ts'
import type { QueuedPod, SchedulingQueue } from './queue.ts'
import type { AttemptResult } from './scheduler-metrics.ts'

export interface BindingParts {
  readonly context: ControllerContext
  readonly cache: ClusterCache
  readonly queue: SchedulingQueue
  readonly extenders: Extenders
  note(entry: QueuedPod, result: AttemptResult): void
  /** `nominated`: the node that the pod waits for from now on; an empty text: none. */
  report(entry: QueuedPod, reason: string, message: string, nominated: string): void
  /** Writes on the pod that it waits for the node. */
  announce(pod: PodInfo, node: string): Promise<void>
  inBackground(work: Promise<void>): void
}

/** So many turns of promises an answer may take that waits for nothing. */
const SETTLING_TURNS = 8

/** From a decision to a bound pod: reserve, permit, pre-bind, bind; and back again where one of them does not go well. */
export class BindingCycle {
  readonly #parts: BindingParts
  /** Pods that are held back or prepared for, by uid: until they are written, others may still take their place. */
  readonly #stoppable = new Map<string, AbortController>()
  #underWay = 0

  constructor(parts: BindingParts) {
    this.#parts = parts
  }

  /** How many bindings are under way. */
  get size(): number {
    return this.#underWay
  }

  /** Ends the binding of a pod for a more important one, where it can still be ended; the pod is tried again later. */
  preempt({ uid }: PodInfo): boolean {
    const stop = this.#stoppable.get(uid)
    stop?.abort(new Error('preempted by DefaultPreemption'))
    return stop !== undefined
  }

  /** Takes the node for the pod and binds it in the background. */
  place(entry: QueuedPod, running: RunningProfile, node: NodeInfo, signal: AbortSignal): void {
    const { cache, inBackground } = this.#parts
    const { pod } = entry
    cache.assume(pod, node.name)
    try {
      for (const { plugin } of running.profile) {
        const rejection = reserve(plugin, pod, node)
        if (rejection === undefined) continue
        this.#sendBack(entry, running, node.name, rejection, onOneNode(rejection))
        return
      }
    } catch (error) {
      this.#failed(entry, running, node.name, error)
      return
    }
    this.#underWay++
    const binding = this.#bind(entry, running, node.name, signal).finally(() => {
      this.#underWay--
    })
    inBackground(binding)
  }

  async #bind(entry: QueuedPod, running: RunningProfile, node: string, signal: AbortSignal): Promise<void> {
    const { context, queue, note } = this.#parts
    const { pod } = entry
    // Most pods are bound at once; only for others is there time in which they may be stopped.
    const mayTakeTime = takesTime(pod, running, node) || running.profile.some(each => each.plugin.permit !== undefined)
    const stop = mayTakeTime ? new AbortController() : undefined
    const either = stop === undefined ? signal : AbortSignal.any([signal, stop.signal])
    if (stop !== undefined) this.#stoppable.set(pod.uid, stop)
    try {
      const permitted = this.#permit(pod, running, node, either)
      if (mayTakeTime) {
        // Its failure is looked at below.
        permitted.catch(() => undefined)
        await this.#announce(pod, running, node, permitted)
      }
      const denied = await permitted
      const rejection = denied ?? (await this.#prepare(pod, running, node, either))
      this.#stoppable.delete(pod.uid)
      stop?.signal.throwIfAborted()
      if (rejection !== undefined) {
        const message = denied === undefined ? rejection.reasons.join(', ') : onOneNode(denied)
        this.#sendBack(entry, running, node, rejection, message)
        return
      }
      await this.#write(pod, running, node, signal)
    } catch (error) {
      this.#stoppable.delete(pod.uid)
      this.#failed(entry, running, node, error)
      return
    }
    note(entry, 'scheduled')
    queue.done(entry)
    const { name, namespace } = pod.pod.metadata
    const message = `Successfully assigned ${namespace}/${name} to ${node}`
    context.events.event(pod.pod, 'Normal', 'Scheduled', message, told(pod, 'Binding'))
    for (const { plugin } of running.profile) plugin.postBind?.(pod, node)
  }

  /**
   * Says on the pod where it will go, where that takes a while: who adds nodes and quota needs to know (KEP-5278). What is
   * written so is taken back when the pod is bound, or cannot be.
   */
  async #announce(pod: PodInfo, { profile }: RunningProfile, node: string, permitted: Promise<unknown>): Promise<void> {
    const { context, announce } = this.#parts
    const takesTime = profile.some(({ plugin }) => plugin.preBindPreFlight?.(pod, node) === true)
    if (!takesTime && !(profile.some(({ plugin }) => plugin.permit !== undefined) && (await isPending(permitted))))
      return
    try {
      await announce(pod, node)
    } catch (error) {
      context.logger.debug('where a pod will go could not be said', { pod: pod.key, node, error })
    }
  }

  async #permit(
    pod: PodInfo,
    { profile }: RunningProfile,
    node: string,
    signal: AbortSignal,
  ): Promise<Rejection | undefined> {
    for (const { plugin } of profile) {
      if (plugin.permit === undefined) continue
      try {
        const rejection = await abortable(plugin.permit(pod, node, signal), signal)
        if (rejection !== undefined) return rejection
      } catch (error) {
        throw new PhaseError(`running Permit plugin "${plugin.name}": ${messageOf(error)}`, error)
      }
    }
    return undefined
  }

  async #prepare(
    pod: PodInfo,
    { profile }: RunningProfile,
    node: string,
    signal: AbortSignal,
  ): Promise<Rejection | undefined> {
    for (const { plugin } of profile) {
      if (plugin.preBind === undefined) continue
      try {
        const rejection = await plugin.preBind(pod, node, signal)
        if (rejection !== undefined) return rejection
      } catch (error) {
        throw new PhaseError(`running PreBind plugin "${plugin.name}": ${messageOf(error)}`, error)
      }
    }
    return undefined
  }

  /** The first that binds does: an extender, or a plugin; the default binder stands last. */
  async #write(pod: PodInfo, { profile }: RunningProfile, node: string, signal: AbortSignal): Promise<void> {
    if (await this.#parts.extenders.bind(pod, node, signal)) return
    for (const { plugin } of profile) {
      try {
        if (await plugin.bind?.(pod, node, signal)) return
      } catch (error) {
        throw new PhaseError(`running Bind plugin "${plugin.name}": ${messageOf(error)}`, error)
      }
    }
  }

  #release(entry: QueuedPod, running: RunningProfile, node: string): void {
    for (const { plugin } of running.profile.toReversed()) plugin.unreserve?.(entry.pod, node)
    this.#parts.cache.forget(entry.pod.key)
  }

  /** What the pod had taken is there for others again. */
  #released(entry: QueuedPod): void {
    this.#parts.queue.move({ event: 'AssignedPodDelete', pod: entry.pod }, entry)
  }

  #sendBack(entry: QueuedPod, running: RunningProfile, node: string, rejection: Rejection, message: string): void {
    const { queue, report, note } = this.#parts
    this.#release(entry, running, node)
    queue.unschedulable(entry, new Set([rejection.plugin]))
    this.#released(entry)
    note(entry, 'unschedulable')
    report(entry, 'Unschedulable', message, '')
  }

  #failed(entry: QueuedPod, running: RunningProfile, node: string, error: unknown): void {
    const { context, queue, report, note } = this.#parts
    const { pod } = entry
    this.#release(entry, running, node)
    note(entry, 'error')
    if (hasReason(error instanceof PhaseError ? error.cause : error, 'NotFound')) {
      // The pod is gone, or so is its node: in the one case its deletion is on the way, in the other it is tried again.
      context.logger.debug('a pod vanished while it was bound', { pod: pod.key, node })
    } else {
      context.logger.warn('a binding failed', { pod: pod.key, node, error })
      report(entry, 'SchedulerError', messageOf(error), '')
    }
    queue.retry(entry)
    this.#released(entry)
  }
}

function reserve(plugin: SchedulerPlugin, pod: PodInfo, node: NodeInfo): Rejection | undefined {
  try {
    return plugin.reserve?.(pod, node)
  } catch (error) {
    throw new PhaseError(`running Reserve plugin "${plugin.name}": ${messageOf(error)}`, error)
  }
}

/** Whether the promise is not settled after a moment in which everything that is ready is done. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  const settled = promise.then(
    () => undefined,
    () => undefined,
  )
  for (let i = 0; i < SETTLING_TURNS; i++) await undefined
  return (await Promise.race([settled, Promise.resolve(pending)])) === pending
}

const takesTime = (pod: PodInfo, { profile }: RunningProfile, node: string): boolean =>
  profile.some(({ plugin }) => plugin.preBindPreFlight?.(pod, node) === true)

/** A plugin has thought better of the node that was chosen: the message speaks of that one only. */
const onOneNode = (rejection: Rejection): string =>
  failureMessage({ rejections: rejectionsByName(new Map([['', rejection]])) }, 1)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** An error of a plugin, with the words that say where it came up. */
class PhaseError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
  }
}
