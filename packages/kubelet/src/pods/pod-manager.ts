import type { Node, Pod } from '@canopus/api/core/v1'
import { GRACE_PERIOD } from '../runtime/labels.ts'
import type { PodRuntime } from '../runtime/pod-runtime.ts'
import { removePod, stopPod } from '../runtime/stop-containers.ts'
import type { Services } from '../services.ts'
import { admissionFailures, admitPod } from './admission.ts'
import { judgeAppArmor } from './app-armor.ts'
import { type Admission, PodWorker } from './pod-worker.ts'
import { isCritical, type Missing, podsToPreempt } from './preemption.ts'
import { judgeResize } from './resize.ts'

/** The node that the pods are on. */
export interface NodeView {
  get(): Node | undefined
  /** Asks the API server for it: its labels and taints may be newer than what is known. */
  refresh(): Promise<void>
}

/** One worker per pod of this node; and an end for pods that only the runtime knows. */
export class PodManager {
  readonly #services: Services
  readonly #node: NodeView
  readonly #signal: AbortSignal
  readonly #workers = new Map<string, PodWorker>()
  readonly #orphans = new Map<string, Promise<void>>()

  constructor(services: Services, node: NodeView, signal: AbortSignal) {
    this.#services = services
    this.#node = node
    this.#signal = signal
  }

  /** The pod as the API has it. */
  get(uid: string): Pod | undefined {
    return this.#workers.get(uid)?.pod
  }

  pods(): Pod[] {
    return [...this.#workers.values()].map(worker => worker.pod)
  }

  /** A pod was added or changed. */
  apply(pod: Pod): void {
    const { uid } = pod.metadata
    const known = this.#workers.get(uid)
    if (known) {
      known.update(pod)
      return
    }
    const worker = new PodWorker(
      this.#services,
      pod,
      {
        admit: each => this.#admit(each),
        refreshNode: () => this.#node.refresh(),
        admitResize: each =>
          judgeResize(each, this.#node.get(), () => admitPod(each, this.#node.get(), this.#beside(each))),
        resized: () => this.#retryResizes(),
        done: gone => {
          this.#workers.delete(gone)
          this.#retryResizes()
        },
      },
      this.#signal,
    )
    this.#workers.set(uid, worker)
    worker.kick()
  }

  removed(uid: string): void {
    this.#workers.get(uid)?.removed()
  }

  kick(uid: string): void {
    this.#workers.get(uid)?.kick()
  }

  /** Resolves once the API has heard from this kubelet how each pod is that it looks after now. */
  async told(): Promise<void> {
    await Promise.all([...this.#workers.values()].map(worker => worker.told))
  }

  /** Ends what runs for pods that the API does not have: deleted while nobody was here to see it. */
  endOrphans(): void {
    for (const runtime of this.#services.view.all()) {
      if (this.#workers.has(runtime.uid) || this.#orphans.has(runtime.uid)) continue
      const ending = this.#endOrphan(runtime)
        .catch(error => this.#services.logger.warn('an orphaned pod could not be ended', { pod: runtime.name, error }))
        .finally(() => this.#orphans.delete(runtime.uid))
      this.#orphans.set(runtime.uid, ending)
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#workers.values()].map(worker => worker.stop()))
  }

  async #endOrphan(runtime: PodRuntime): Promise<void> {
    const { uid, name, namespace } = runtime
    this.#services.logger.info('ending a pod that the API does not have', { pod: `${namespace}/${name}`, uid })
    const grace = Number(runtime.containers[0]?.annotations[GRACE_PERIOD] ?? 30)
    await stopPod(this.#services, runtime, { pod: undefined, grace })
    await removePod(this.#services, runtime)
    await this.#services.volumes.remove(uid)
    this.#services.cgroups.remove(uid)
    await this.#services.view.refresh(uid, name, namespace)
  }

  /** Resizes that were put off for want of resources, those of more important pods first. */
  #retryResizes(): void {
    const priority = (worker: PodWorker): number => worker.pod.spec.priority ?? 0
    for (const worker of [...this.#workers.values()].sort((a, b) => priority(b) - priority(a))) worker.retryResize()
  }

  /** Also makes room for a critical pod, at the cost of others. */
  #admit(pod: Pod): Admission {
    const [node, others] = [this.#node.get(), this.#beside(pod)]
    const failures = [...admissionFailures(pod, node, others), ...judgeAppArmor(pod, this.#services.appArmor)]
    const [first] = failures
    if (first === undefined || !isCritical(pod)) return { rejection: first }
    const other = failures.find(each => each.missing === undefined)
    if (other) return { rejection: other }
    const missing = new Map(
      failures.flatMap(each => (each.missing ? [[each.missing.resource, each.missing.amount]] : [])),
    )
    return this.#preempt(pod, others, missing)
  }

  #preempt(pod: Pod, others: readonly Pod[], missing: Missing): Admission {
    const victims = podsToPreempt(pod, others, missing)
    if ('reason' in victims) return { rejection: victims }
    return { after: Promise.all(victims.map(({ metadata }) => this.#workers.get(metadata.uid)?.preempt())) }
  }

  /** The other pods that count. */
  #beside(pod: Pod): Pod[] {
    const workers = [...this.#workers.values()]
    return workers.flatMap(each => (each.active && each.pod.metadata.uid !== pod.metadata.uid ? [each.pod] : []))
  }
}
