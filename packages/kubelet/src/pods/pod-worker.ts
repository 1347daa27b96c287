import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Pods } from '@canopus/api'
import type { Pod, PodStatus } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import { deferred, type Timer } from '@canopus/base'
import { CriError } from '@canopus/cri'
import { emptyRuntime, type PodRuntime } from '../runtime/pod-runtime.ts'
import { podLogDirectory } from '../runtime/sandbox-config.ts'
import { removePod, stopPod } from '../runtime/stop-containers.ts'
import type { Services } from '../services.ts'
import { OWN_CONDITIONS } from '../status/conditions.ts'
import { isEnded, podStatus } from '../status/pod-status.ts'
import type { Rejection } from './admission.ts'
import { PodAllocation } from './pod-allocation.ts'
import { PodMemory } from './pod-memory.ts'
import { podText } from './pod-text.ts'
import { isResized, type PendingResize, resizeMessage } from './resize.ts'
import { podIps, type SyncResult, syncPod } from './sync-pod.ts'

const RETRY_AFTER = 1_000
/** Looks at pods that nothing happens to are spread over time by this share of their period. */
const LOOK_JITTER = 0.4
const LONG = 3_600_000
/** How often a resize that was put off is thought over, though nothing else has changed. */
const RESIZE_RETRY = 180_000

export interface Admission {
  rejection?: Rejection | undefined
  /** The node takes the pod as soon as these others, which make way for it, have ended. */
  after?: Promise<unknown>
}

export interface PodWorkerHooks {
  /** Whether the node takes the pod; a reason why not otherwise. */
  admit(pod: Pod): Admission
  /** The node's labels and taints may have changed without anybody's having heard of it yet. */
  refreshNode(): Promise<void>
  /** Whether the node has what the pod asks for instead of what it has; a reason why not otherwise. */
  admitResize(pod: Pod): PendingResize | undefined
  /** The pod has been resized: there may be more for others now. */
  resized(): void
  /** The pod is gone: from the node, and from the API as far as the kubelet has to do with it. */
  done(uid: string): void
}

/** Looks after one pod: one step at a time, always with the newest spec. */
export class PodWorker {
  readonly #services: Services
  readonly #hooks: PodWorkerHooks
  readonly #signal: AbortSignal
  readonly #memory: PodMemory
  readonly #allocation: PodAllocation
  /** With the resources that it has been granted. */
  #pod: Pod
  /** As the API has it: it may ask for other resources. */
  #wanted: Pod
  /** What went wrong with the resize under way. */
  #resizeError: string | undefined
  /** The API has no such pod any more. */
  #gone = false
  #dirty = false
  #running: Promise<void> | undefined
  #timer: Timer | undefined
  /** Of the stop under way: aborted when the grace becomes shorter. */
  #stopping: { controller: AbortController; grace: number } | undefined
  /** Of the look under way at a pod that is to run: aborted when it is to be ended instead. */
  #syncing: AbortController | undefined
  #finished = false
  /** Nothing of the pod runs any more. */
  #over = false
  readonly #ended = deferred()
  readonly #told = deferred()

  constructor(services: Services, pod: Pod, hooks: PodWorkerHooks, signal: AbortSignal) {
    this.#services = services
    this.#allocation = new PodAllocation(join(services.volumes.podDirectory(pod.metadata.uid), 'resources.json'))
    this.#pod = this.#allocation.of(pod)
    this.#wanted = pod
    this.#hooks = hooks
    this.#signal = signal
    this.#memory = new PodMemory()
    this.#watchObjects()
  }

  get pod(): Pod {
    return this.#pod
  }

  /** Whether the pod counts against the node's resources: also one that is being ended does, until nothing of it runs. */
  get active(): boolean {
    const { admitted, disruption } = this.#memory
    const isOver = isEnded(this.#pod.status?.phase) && this.#memory.verdict === undefined
    return admitted && disruption === undefined && !isOver && !this.#over
  }

  /** Resolves once the API has heard from this kubelet how the pod is, or nobody is to hear of it any more. */
  get told(): Promise<void> {
    return this.#told.promise
  }

  /** Ends the pod in favour of a critical one. Resolves once nothing of it runs. */
  preempt(): Promise<void> {
    const memory = this.#memory
    if (memory.disruption === undefined) {
      const message = 'Preempted in order to admit critical pod'
      memory.verdict = { reason: 'Preempting', message }
      memory.disruption = {
        status: 'True',
        reason: 'TerminationByKubelet',
        message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
      }
      this.#services.events.warning(this.#pod, 'Preempting', message)
      this.#interrupt()
      this.kick()
    }
    return this.#ended.promise
  }

  update(pod: Pod): void {
    this.#wanted = pod
    this.#pod = this.#allocation.of(pod)
    this.#watchObjects()
    this.#interrupt()
    this.kick()
  }

  /** What the pod refers to is followed for as long as it may run. */
  #watchObjects(): void {
    if (!this.#isTerminal()) this.#services.objects.register(this.#pod)
  }

  /** The API server has deleted the pod: whatever runs is stopped. */
  removed(): void {
    this.#gone = true
    this.#interrupt()
    this.kick()
  }

  /** Looks at the pod soon; once more where a look is under way. */
  kick(): void {
    this.#dirty = true
    if (this.#running !== undefined || this.#finished || this.#signal.aborted) return
    this.#running = this.#loop().finally(() => {
      this.#running = undefined
      if (this.#dirty) this.kick()
    })
  }

  async #loop(): Promise<void> {
    while (this.#dirty && !this.#signal.aborted && !this.#finished) {
      this.#dirty = false
      this.#timer?.cancel()
      try {
        const again = await this.#step()
        const { refreshEvery, random } = this.#services
        this.#schedule(again ?? refreshEvery * (1 + LOOK_JITTER * random.next()))
      } catch (error) {
        if (this.#signal.aborted) return
        const text = error instanceof CriError ? error.goText : error
        this.#services.logger.warn('a pod could not be brought up to date', { pod: podText(this.#pod), error: text })
        this.#schedule(RETRY_AFTER)
      }
    }
  }

  #schedule(delay: number): void {
    if (this.#finished || this.#signal.aborted) return
    this.#timer = this.#services.clock.setTimer(delay, () => this.kick())
  }

  /** One look. Returns the milliseconds until the next where one is due. */
  async #step(): Promise<number | undefined> {
    await this.#judgeAdmission()
    const deadlineIn = this.#judgeDeadline(this.#pod)
    this.#judgeResize()
    const pod = this.#pod
    if (this.#isTerminal()) return this.#terminate(pod)
    const runtime = this.#runtime(pod)
    // First how the pod is, then what is done about it, as upstream's SyncPod: what was lost while nobody was here is not ready.
    if (isEnded(this.#tell(pod, runtime)?.phase)) return undefined
    const result = await this.#sync(pod, runtime)
    if (result === undefined) return 0
    this.#followResize(pod, result.runtime)
    this.#tell(pod, result.runtime)
    const resizeIn = this.#allocation.isPending ? RESIZE_RETRY : undefined
    const waits = [result.again, deadlineIn, resizeIn].filter(each => each !== undefined)
    return waits.length > 0 ? Math.min(...waits) : undefined
  }

  /** Has the containers that run probed, and the pod's status written. Returns that. */
  #tell(pod: Pod, runtime: PodRuntime): PodStatus | undefined {
    this.#services.probes.sync(pod, runtime, podIps(this.#services, pod, runtime)[0] ?? '')
    return this.#publish(pod, runtime, false)
  }

  /** Nothing where it was broken off because the pod is to be ended. */
  async #sync(pod: Pod, runtime: PodRuntime): Promise<SyncResult | undefined> {
    const controller = new AbortController()
    this.#syncing = controller
    try {
      return await syncPod(this.#services, pod, runtime, this.#memory, {
        signal: AbortSignal.any([controller.signal, this.#signal]),
        progress: current => this.#publish(pod, current, false),
        resized: error => {
          this.#resizeError = error
        },
      })
    } catch (error) {
      if (!controller.signal.aborted) throw error
      return undefined
    } finally {
      this.#syncing = undefined
    }
  }

  #runtime(pod: Pod): PodRuntime {
    const { uid, name, namespace = '' } = pod.metadata
    return this.#services.view.get(uid) ?? emptyRuntime(uid, name, namespace)
  }

  /** Whether the node takes the pod. Once that is said, it stands. */
  async #judgeAdmission(): Promise<void> {
    const memory = this.#memory
    const isOpen = (): boolean => !memory.admitted && !this.#isTerminal()
    if (!isOpen()) return
    // what already runs was admitted before the kubelet restarted
    const isKnown = this.#services.view.get(this.#pod.metadata.uid) !== undefined
    let admission = isKnown ? {} : this.#hooks.admit(this.#pod)
    if (admission.rejection?.byNode) {
      await this.#hooks.refreshNode()
      if (!isOpen()) return
      admission = this.#hooks.admit(this.#pod)
    }
    // from the decision to here nothing waits: another pod's sees it
    const { rejection, after } = admission
    if (rejection) {
      const { reason, message } = rejection
      memory.verdict = { reason, message: `Pod was rejected: ${message}` }
      this.#services.events.warning(this.#pod, reason, message)
      return
    }
    memory.admitted = true
    this.#allocation.admit(this.#pod)
    await after
  }

  /** The pod's own deadline. Returns the milliseconds until that. */
  #judgeDeadline(pod: Pod): number | undefined {
    const memory = this.#memory
    const { activeDeadlineSeconds } = pod.spec
    const startTime = pod.status?.startTime
    if (activeDeadlineSeconds === undefined || startTime === undefined || memory.verdict) return undefined
    const left = Date.parse(startTime) + activeDeadlineSeconds * 1000 - this.#services.clock.now()
    if (left > 0) return left
    const message = 'Pod was active on the node longer than the specified deadline'
    memory.verdict = { reason: 'DeadlineExceeded', message }
    this.#services.events.normal(pod, 'DeadlineExceeded', message)
    return undefined
  }

  /** Grants the resources that the pod asks for, where it asks for others and the node has them. */
  #judgeResize(): void {
    if (this.#isTerminal()) return
    const [wanted, allocation, { events }] = [this.#wanted, this.#allocation, this.#services]
    if (!allocation.differs(wanted)) {
      allocation.settle()
      return
    }
    const why = this.#hooks.admitResize(wanted)
    if (why === undefined) {
      allocation.grant(wanted)
      this.#pod = wanted
      this.#resizeError = undefined
      events.normal(wanted, 'ResizeStarted', resizeMessage('started', wanted))
    } else if (allocation.postpone(wanted, why))
      events.warning(wanted, `Resize${why.reason}`, resizeMessage(why.reason, wanted, why.message))
  }

  /** Tells how far a resize has come. */
  #followResize(pod: Pod, runtime: PodRuntime): void {
    const [allocation, error, { events }] = [this.#allocation, this.#resizeError, this.#services]
    if (!isResized(pod, runtime)) {
      if (allocation.inProgress(pod, error) && error !== undefined)
        events.warning(pod, 'ResizeError', resizeMessage('error', pod, error))
      return
    }
    this.#resizeError = undefined
    if (!allocation.complete()) return
    events.normal(pod, 'ResizeCompleted', resizeMessage('completed', pod))
    this.#hooks.resized()
  }

  /** A resize that was put off may be possible now. */
  retryResize(): void {
    if (this.#allocation.isPending) this.kick()
  }

  /** Whether the pod is to be ended for good, or has come to its end. */
  #isTerminal(): boolean {
    const { deletionTimestamp } = this.#pod.metadata
    const { status } = this.#pod
    return this.#gone || deletionTimestamp !== undefined || isEnded(status?.phase) || this.#memory.verdict !== undefined
  }

  #publish(pod: Pod, runtime: PodRuntime, terminal: boolean): PodStatus | undefined {
    if (this.#gone) return undefined
    const { services, memory } = { services: this.#services, memory: this.#memory }
    const base = services.statuses.wanted(pod.metadata.uid)
    // the status goes on from what was last written, which the informer may not have brought back yet
    const basis: Pod = base ? { ...pod, status: { ...pod.status, ...carried(pod, base) } } : pod
    const status = podStatus(basis, runtime, {
      ...memory.knowledge(services.probes),
      now: services.clock.now(),
      hostIps: services.nodeIps,
      terminal,
      verdict: memory.verdict,
      disruption: memory.disruption,
      resize: this.#allocation.conditions(),
    })
    services.statuses.write(pod, status, this.#signal)
    void services.statuses.settled(pod.metadata.uid).then(this.#told.resolve)
    return status
  }

  async #terminate(pod: Pod): Promise<number | undefined> {
    const { uid, name, namespace = '' } = pod.metadata
    const services = this.#services
    services.probes.ending(uid)
    let runtime = await services.view.refresh(uid, name, namespace)
    this.#publish(pod, runtime, false)
    if (await this.#stopAll(pod, runtime)) return 0
    this.#over = true
    this.#ended.resolve()
    runtime = await services.view.refresh(uid, name, namespace)
    services.probes.forget(uid)
    this.#publish(pod, runtime, true)
    await services.statuses.settled(uid)
    services.objects.unregister(uid)
    const deleted = this.#gone || pod.metadata.deletionTimestamp !== undefined
    if (!deleted) {
      await services.volumes.unmount(uid)
      services.cgroups.remove(uid)
      return LONG // ended by itself: its containers stay for their logs until somebody deletes it
    }
    await removePod(services, runtime)
    await services.volumes.remove(uid)
    await rm(podLogDirectory(services.logs, namespace, name, uid), { recursive: true, force: true })
    if (!services.cgroups.remove(uid)) services.logger.debug('a cgroup is still busy', { pod: podText(pod) })
    await services.view.refresh(uid, name, namespace)
    await this.#confirmDeletion(pod)
    this.#finish(uid)
    return undefined
  }

  /** Returns true where it was broken off because there is less time now. */
  async #stopAll(pod: Pod, runtime: PodRuntime): Promise<boolean> {
    const grace = this.#grace(pod)
    const controller = new AbortController()
    this.#stopping = { controller, grace }
    try {
      await stopPod(this.#services, runtime, { pod, grace, signal: controller.signal })
      return false
    } catch (error) {
      if (!controller.signal.aborted) throw error
      this.#dirty = true
      return true
    } finally {
      this.#stopping = undefined
    }
  }

  #grace(pod: Pod): number {
    if (this.#gone) return Math.min(1, pod.spec.terminationGracePeriodSeconds ?? 30)
    return pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30
  }

  /** Breaks off what the pod's new state makes pointless. */
  #interrupt(): void {
    if (this.#isTerminal()) this.#syncing?.abort()
    if (this.#stopping && this.#grace(this.#pod) < this.#stopping.grace) this.#stopping.controller.abort()
  }

  /** Tells the API server that nothing of the pod is left here. */
  async #confirmDeletion(pod: Pod): Promise<void> {
    if (this.#gone) return
    const { name, uid, namespace } = pod.metadata
    const body = { gracePeriodSeconds: 0, preconditions: { uid } }
    try {
      await this.#services.client.resource(Pods).delete(name, { body, ...(namespace !== undefined && { namespace }) })
    } catch (error) {
      // a conflict: another pod of that name is there already
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    }
  }

  #finish(uid: string): void {
    this.#finished = true
    this.#over = true
    this.#ended.resolve()
    this.#told.resolve()
    this.#timer?.cancel()
    this.#services.statuses.forget(uid)
    this.#services.objects.unregister(uid)
    this.#services.puller.forget(uid)
    this.#hooks.done(uid)
  }

  /** Ends the loop; what runs on the node keeps running. Resolves once no step is under way. */
  async stop(): Promise<void> {
    this.#ended.resolve() // nobody waits for it any more
    this.#told.resolve()
    this.#timer?.cancel()
    await this.#running?.catch(() => {})
  }
}

/**
 * Of what was last written: the kubelet's own conditions, the start, the addresses and how containers were. Others' conditions are as
 * they are now.
 */
function carried(pod: Pod, written: PodStatus): Partial<PodStatus> {
  const own = (written.conditions ?? []).filter(condition => OWN_CONDITIONS.includes(condition.type))
  const others = (pod.status?.conditions ?? []).filter(condition => !OWN_CONDITIONS.includes(condition.type))
  const { startTime, phase, podIPs, podIP, containerStatuses, initContainerStatuses, ephemeralContainerStatuses } =
    written
  return {
    conditions: [...own, ...others],
    ...(containerStatuses !== undefined && { containerStatuses }),
    ...(initContainerStatuses !== undefined && { initContainerStatuses }),
    ...(ephemeralContainerStatuses !== undefined && { ephemeralContainerStatuses }),
    ...(startTime !== undefined && { startTime }),
    ...(phase !== undefined && { phase }),
    ...(podIPs !== undefined && { podIPs }),
    ...(podIP !== undefined && { podIP }),
  }
}
