import { hasReason } from '@canopus/apimachinery'
import { abortable, messageOf } from '@canopus/base'
import type { ControllerContext } from '@canopus/operator'
import type { ClusterCache } from './cache.ts'
import { failureMessage } from './diagnosis.ts'
import type { Extenders } from './extenders.ts'
import type { Rejection, SchedulerPlugin } from './framework.ts'
import type { NodeInfo } from './node-info.ts'
import { rejectionsByName } from './node-rejections.ts'
import { type PodInfo, told } from './pod-info.ts'
import { type Status, statusOf, success } from './profile-figures.ts'
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

/** A pod on its way to a node. */
interface Binding {
  readonly entry: QueuedPod
  readonly running: RunningProfile
  readonly node: string
  /** Each plugin is timed. */
  readonly isSampled: boolean
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
    const isSampled = running.figures.sample()
    try {
      const work = (): Rejection | undefined => this.#reserve(pod, running, node, isSampled)
      const rejection = running.figures.point('Reserve', work, statusOf)
      if (rejection !== undefined) {
        this.#sendBack(entry, running, node.name, rejection, onOneNode(rejection))
        return
      }
    } catch (error) {
      this.#failed(entry, running, node.name, error)
      return
    }
    this.#underWay++
    const binding = this.#bind({ entry, running, node: node.name, isSampled }, signal).finally(() => {
      this.#underWay--
    })
    inBackground(binding)
  }

  #reserve(pod: PodInfo, { points, figures }: RunningProfile, node: NodeInfo, isSampled: boolean) {
    for (const plugin of points.reserve) {
      const work = (): Rejection | undefined => reserve(plugin, pod, node)
      const rejection = isSampled ? figures.plugin(plugin.name, 'Reserve', work, statusOf) : work()
      if (rejection !== undefined) return rejection
    }
    return undefined
  }

  async #bind(binding: Binding, signal: AbortSignal): Promise<void> {
    const { context, queue, note } = this.#parts
    const { entry, running, node } = binding
    const { points, figures } = running
    const { pod } = entry
    const preparing = figures.point('PreBindPreFlight', () => toPrepare(pod, running, node), preparingStatus)
    // Most pods are bound at once; only for others is there time in which they may be stopped.
    const stop = preparing.takesTime || points.permit.length > 0 ? new AbortController() : undefined
    const either = stop === undefined ? signal : AbortSignal.any([signal, stop.signal])
    if (stop !== undefined) this.#stoppable.set(pod.uid, stop)
    try {
      const denied = await this.#hold(binding, preparing.takesTime, either)
      const rejection = denied ?? (await this.#prepare(binding, preparing.plugins, either))
      this.#stoppable.delete(pod.uid)
      stop?.signal.throwIfAborted()
      if (rejection !== undefined) {
        const message = denied === undefined ? rejection.reasons.join(', ') : onOneNode(denied)
        this.#sendBack(entry, running, node, rejection, message)
        return
      }
      await figures.pointLater('Bind', () => this.#write(binding, signal), success)
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
    const ended = (): void => {
      for (const each of points.postBind) each.postBind?.(pod, node)
    }
    figures.point('PostBind', ended, success)
  }

  /**
   * Says on the pod where it will go, where that takes a while: who adds nodes and quota needs to know (KEP-5278). What is
   * written so is taken back when the pod is bound, or cannot be.
   */
  async #announce({ entry: { pod }, node }: Binding): Promise<void> {
    const { context, announce } = this.#parts
    try {
      await announce(pod, node)
    } catch (error) {
      context.logger.debug('where a pod will go could not be said', { pod: pod.key, node, error })
    }
  }

  /** Asks the Permit plugins and waits for them, where they hold the pod back. */
  async #hold(binding: Binding, takesTime: boolean, signal: AbortSignal): Promise<Rejection | undefined> {
    const { points, figures } = binding.running
    const begun = figures.now()
    const permitted = points.permit.length === 0 ? Promise.resolve(undefined) : this.#permit(binding, signal)
    // Its failure is looked at below.
    permitted.catch(() => undefined)
    const waits = points.permit.length > 0 && (await isPending(permitted))
    if (waits) figures.observe('Permit', 'Wait', begun)
    if (takesTime || waits) await this.#announce(binding)
    let status: Status = 'Error'
    try {
      const denied = await permitted
      status = statusOf(denied)
      return denied
    } finally {
      if (waits) figures.observePermitWait(status, begun)
      else figures.observe('Permit', status, begun)
    }
  }

  async #permit({ entry: { pod }, running, node, isSampled }: Binding, signal: AbortSignal) {
    const { points, figures } = running
    for (const plugin of points.permit) {
      try {
        const work = (): Promise<Rejection | undefined> => abortable(plugin.permit!(pod, node, signal), signal)
        const rejection = await (isSampled ? figures.pluginLater(plugin.name, 'Permit', work, statusOf) : work())
        if (rejection !== undefined) return rejection
      } catch (error) {
        throw new PhaseError(`running Permit plugin "${plugin.name}": ${messageOf(error)}`, error)
      }
    }
    return undefined
  }

  #prepare(binding: Binding, plugins: readonly SchedulerPlugin[], signal: AbortSignal) {
    const { figures } = binding.running
    return figures.pointLater('PreBind', () => this.#preBind(binding, plugins, signal), statusOf)
  }

  async #preBind(
    { entry: { pod }, running: { figures }, node, isSampled }: Binding,
    plugins: readonly SchedulerPlugin[],
    signal: AbortSignal,
  ): Promise<Rejection | undefined> {
    for (const plugin of plugins) {
      try {
        const work = (): Promise<Rejection | undefined> => plugin.preBind!(pod, node, signal)
        const rejection = await (isSampled ? figures.pluginLater(plugin.name, 'PreBind', work, statusOf) : work())
        if (rejection !== undefined) return rejection
      } catch (error) {
        throw new PhaseError(`running PreBind plugin "${plugin.name}": ${messageOf(error)}`, error)
      }
    }
    return undefined
  }

  /** The first that binds does: an extender, or a plugin; the default binder stands last. */
  async #write({ entry: { pod }, running, node, isSampled }: Binding, signal: AbortSignal): Promise<void> {
    const { points, figures } = running
    if (await this.#parts.extenders.bind(pod, node, signal)) return
    for (const plugin of points.bind) {
      try {
        const work = (): Promise<boolean> => plugin.bind!(pod, node, signal)
        if (await (isSampled ? figures.pluginLater(plugin.name, 'Bind', work, boundStatus) : work())) return
      } catch (error) {
        throw new PhaseError(`running Bind plugin "${plugin.name}": ${messageOf(error)}`, error)
      }
    }
  }

  #release(entry: QueuedPod, { points, figures }: RunningProfile, node: string): void {
    const unreserve = (): void => {
      for (const each of points.unreserve) each.unreserve?.(entry.pod, node)
    }
    figures.point('Unreserve', unreserve, success)
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

/** The plugins that have something to prepare for the pod, and whether one of them says that it takes its time. */
function toPrepare(pod: PodInfo, { points }: RunningProfile, node: string): Preparing {
  const plugins: SchedulerPlugin[] = []
  let takesTime = false
  for (const plugin of points.preBind) {
    const has = plugin.preBindPreFlight?.(pod, node)
    if (has !== false) plugins.push(plugin)
    if (has === true) takesTime = true
  }
  return { plugins, takesTime }
}

interface Preparing {
  readonly plugins: readonly SchedulerPlugin[]
  readonly takesTime: boolean
}

const preparingStatus = ({ plugins }: Preparing): Status => (plugins.length > 0 ? 'Success' : 'Skip')
const boundStatus = (bound: boolean): Status => (bound ? 'Success' : 'Skip')

/** A plugin has thought better of the node that was chosen: the message speaks of that one only. */
const onOneNode = (rejection: Rejection): string =>
  failureMessage({ rejections: rejectionsByName(new Map([['', rejection]])) }, 1)

/** An error of a plugin, with the words that say where it came up. */
class PhaseError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
  }
}
