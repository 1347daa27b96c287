import type { Logger } from '@canopus/base'
import type { Cri, PodSandbox, RuntimeContainer, RuntimeContainerStatus } from '@canopus/cri'
import { hasCode } from '@canopus/cri'
import { CONTAINER_HASH, CONTAINER_NAME, POD_NAME, POD_NAMESPACE, POD_UID, RESTART_COUNT } from './labels.ts'
import type { OutOfMemory } from './out-of-memory.ts'
import { type ContainerRecord, emptyRuntime, type PodRuntime, type SandboxRecord } from './pod-runtime.ts'
import type { CpuAndMemory } from './resources.ts'
import { terminationMessage } from './termination-message.ts'

const STATES = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
} as const

const NANOSECONDS_PER_MILLISECOND = 1e6
/** How a process ends that SIGKILL ended. */
const KILLED = 137

/** What is known of containers beside the runtime. */
export interface ViewFacts {
  /** Whether an ended container was killed for memory though the runtime does not say so. */
  outOfMemory: OutOfMemory
  /** The most memory that a pod has used at one time, in bytes, where that is known. */
  peakMemory(uid: string): number | undefined
}

const NO_FACTS: ViewFacts = { outOfMemory: () => false, peakMemory: () => undefined }

/**
 * What the container runtime has, by pod. Two short calls list everything; the details of a container or sandbox are asked
 * for once per state that it is in. (Upstream's PLEG; containerd 1.6 has no event stream for it.)
 */
export class RuntimeView {
  readonly #cri: Cri
  readonly #logger: Logger
  readonly #logs: string
  readonly #facts: ViewFacts
  readonly #containers = new Map<string, { state: string; record: ContainerRecord }>()
  readonly #sandboxes = new Map<string, { state: string; record: SandboxRecord }>()
  #pods = new Map<string, PodRuntime>()
  /** Counts what happens, so that an older look never replaces a newer one. */
  #moment = 0
  /** When each pod was last looked at by itself, in moments. */
  readonly #refreshed = new Map<string, number>()

  constructor(cri: Cri, logs: string, logger: Logger, facts: ViewFacts = NO_FACTS) {
    this.#facts = facts
    this.#cri = cri
    this.#logs = logs
    this.#logger = logger
  }

  /** The pod as last seen. */
  get(uid: string): PodRuntime | undefined {
    return this.#pods.get(uid)
  }

  all(): Iterable<PodRuntime> {
    return this.#pods.values()
  }

  /** Looks at everything. Returns the uids of the pods that changed. Throws `CriError` where the runtime does not answer. */
  async relist(): Promise<string[]> {
    const startedAt = ++this.#moment
    const [{ items }, { containers }] = await Promise.all([this.#cri.listPodSandbox(), this.#cri.listContainers()])
    const fresh = await this.#assemble(items, containers)
    this.#keepNewer(fresh, startedAt)
    const changed = [...new Set([...fresh.keys(), ...this.#pods.keys()])].filter(
      uid => fingerprint(fresh.get(uid)) !== fingerprint(this.#pods.get(uid)),
    )
    this.#pods = fresh
    this.#forget(items, containers)
    return changed
  }

  /** Looks at one pod anew. */
  async refresh(uid: string, name: string, namespace: string): Promise<PodRuntime> {
    const filter = { labelSelector: { [POD_UID]: uid } }
    const [{ items }, { containers }] = await Promise.all([
      this.#cri.listPodSandbox({ filter }),
      this.#cri.listContainers({ filter }),
    ])
    const pod = (await this.#assemble(items, containers)).get(uid)
    if (pod) this.#pods.set(uid, pod)
    else this.#pods.delete(uid)
    this.#refreshed.set(uid, ++this.#moment)
    return pod ?? emptyRuntime(uid, name, namespace)
  }

  /** What is known of a container is out of date: the next look asks for its details anew. */
  expire(containerId: string): void {
    this.#containers.delete(containerId)
  }

  /** Pods that were looked at by themselves while everything was being listed are as that look saw them. */
  #keepNewer(fresh: Map<string, PodRuntime>, startedAt: number): void {
    for (const [uid, moment] of this.#refreshed) {
      if (moment < startedAt) {
        this.#refreshed.delete(uid)
        continue
      }
      const seen = this.#pods.get(uid)
      if (seen) fresh.set(uid, seen)
      else fresh.delete(uid)
    }
  }

  async #assemble(
    sandboxes: readonly PodSandbox[],
    containers: readonly RuntimeContainer[],
  ): Promise<Map<string, PodRuntime>> {
    const pods = new Map<string, PodRuntime & { sandboxes: SandboxRecord[]; containers: ContainerRecord[] }>()
    const podOf = (labels: Readonly<Record<string, string>>) => {
      const uid = labels[POD_UID]
      if (uid === undefined) return undefined // not ours
      let pod = pods.get(uid)
      if (pod === undefined) {
        const { name, namespace } = emptyRuntime(uid, labels[POD_NAME] ?? '', labels[POD_NAMESPACE] ?? '')
        pod = { uid, name, namespace, sandboxes: [], containers: [] }
        pods.set(uid, pod)
      }
      return pod
    }
    await Promise.all([
      ...sandboxes.map(async listed => {
        const record = await this.#sandbox(listed)
        if (record) podOf(listed.labels)?.sandboxes.push(record)
      }),
      ...containers.map(async listed => {
        const record = await this.#container(listed)
        if (record) podOf(listed.labels)?.containers.push(record)
      }),
    ])
    for (const pod of pods.values()) {
      pod.sandboxes.sort((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
      pod.containers.sort((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
    }
    return pods
  }

  async #sandbox(listed: PodSandbox): Promise<SandboxRecord | undefined> {
    const known = this.#sandboxes.get(listed.id)
    if (known?.state === listed.state) return known.record
    try {
      const { status } = await this.#cri.podSandboxStatus({ podSandboxId: listed.id })
      if (status === undefined) return undefined
      const ips = status.network?.ip ? [status.network.ip, ...status.network.additionalIps.map(each => each.ip)] : []
      const hostNetwork = status.linux?.namespaces?.options?.network === 'NODE'
      const record: SandboxRecord = {
        id: listed.id,
        attempt: listed.metadata?.attempt ?? 0,
        ready: status.state === 'SANDBOX_READY',
        createdAt: status.createdAt / NANOSECONDS_PER_MILLISECOND,
        ips: hostNetwork ? [] : ips,
        hostNetwork,
      }
      this.#sandboxes.set(listed.id, { state: status.state, record })
      return record
    } catch (error) {
      return this.#gone(error, listed.id)
    }
  }

  async #container(listed: RuntimeContainer): Promise<ContainerRecord | undefined> {
    const known = this.#containers.get(listed.id)
    if (known?.state === listed.state) return known.record
    try {
      const { status } = await this.#cri.containerStatus({ containerId: listed.id })
      if (status === undefined) return undefined
      const record = await this.#record(listed, status)
      this.#containers.set(listed.id, { state: status.state, record })
      return record
    } catch (error) {
      return this.#gone(error, listed.id)
    }
  }

  async #record(listed: RuntimeContainer, status: RuntimeContainerStatus): Promise<ContainerRecord> {
    const state = STATES[status.state]
    const finished = state === 'exited'
    return {
      id: listed.id,
      name: listed.labels[CONTAINER_NAME] ?? listed.metadata?.name ?? '',
      sandboxId: listed.podSandboxId,
      attempt: Number(listed.annotations[RESTART_COUNT] ?? listed.metadata?.attempt ?? 0),
      state,
      createdAt: status.createdAt / NANOSECONDS_PER_MILLISECOND,
      startedAt: status.startedAt / NANOSECONDS_PER_MILLISECOND,
      finishedAt: status.finishedAt / NANOSECONDS_PER_MILLISECOND,
      exitCode: status.exitCode,
      reason: finished && this.#diedForMemory(listed, status) ? 'OOMKilled' : status.reason,
      message: finished ? await terminationMessage(status, this.#logs) : status.message,
      image: status.image?.image ?? '',
      imageId: status.imageRef,
      logPath: status.logPath,
      hash: listed.annotations[CONTAINER_HASH] ?? '',
      ...(status.resources?.linux && { resources: cpuAndMemory(status.resources.linux) }),
      annotations: listed.annotations,
    }
  }

  #diedForMemory(listed: RuntimeContainer, status: RuntimeContainerStatus): boolean {
    if (status.exitCode !== KILLED || status.reason === 'OOMKilled') return false
    return this.#facts.outOfMemory({
      id: listed.id,
      finishedAt: status.finishedAt / NANOSECONDS_PER_MILLISECOND,
      memoryLimit: status.resources?.linux?.memoryLimitInBytes ?? 0,
      peakMemory: this.#facts.peakMemory(listed.labels[POD_UID] ?? ''),
    })
  }

  #gone(error: unknown, id: string): undefined {
    if (!hasCode(error, 'NOT_FOUND')) throw error
    this.#logger.debug('gone while being looked at', { id })
    return undefined
  }

  #forget(sandboxes: readonly PodSandbox[], containers: readonly RuntimeContainer[]): void {
    const alive = new Set([...sandboxes, ...containers].map(each => each.id))
    for (const id of this.#containers.keys()) if (!alive.has(id)) this.#containers.delete(id)
    for (const id of this.#sandboxes.keys()) if (!alive.has(id)) this.#sandboxes.delete(id)
  }
}

/** Runtimes say -1 or 0 where there is no limit. */
function cpuAndMemory(linux: CpuAndMemory): CpuAndMemory {
  return {
    cpuQuota: Math.max(0, linux.cpuQuota),
    cpuShares: linux.cpuShares,
    memoryLimitInBytes: Math.max(0, linux.memoryLimitInBytes),
  }
}

function fingerprint(pod: PodRuntime | undefined): string {
  if (pod === undefined) return ''
  const sandboxes = pod.sandboxes.map(each => `${each.id}${each.ready}`)
  return [...sandboxes, ...pod.containers.map(each => each.id + each.state)].sort().join()
}
