import type { CpuAndMemory } from './resources.ts'

/** A pod as the container runtime has it. Times are in milliseconds since the epoch, 0 where there is none. */
export interface PodRuntime {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** Newest first. */
  readonly sandboxes: readonly SandboxRecord[]
  /** Newest first, of all names and all sandboxes. */
  readonly containers: readonly ContainerRecord[]
}

export interface SandboxRecord {
  readonly id: string
  readonly attempt: number
  readonly ready: boolean
  readonly createdAt: number
  /** Empty for pods on the host's network, and while not ready. */
  readonly ips: readonly string[]
  readonly hostNetwork: boolean
}

export interface ContainerRecord {
  readonly id: string
  readonly name: string
  readonly sandboxId: string
  /** How often the container had been started before: its restart count. */
  readonly attempt: number
  readonly state: 'created' | 'running' | 'exited' | 'unknown'
  readonly createdAt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly exitCode: number
  readonly reason: string
  /** The termination message, or what the runtime had to say. */
  readonly message: string
  readonly image: string
  readonly imageId: string
  readonly logPath: string
  /** Of the container's spec; see `containerHash`. */
  readonly hash: string
  /** What it may use now; nothing where the runtime does not say. */
  readonly resources?: CpuAndMemory
  readonly annotations: Readonly<Record<string, string>>
}

export const emptyRuntime = (uid: string, name: string, namespace: string): PodRuntime => ({
  uid,
  name,
  namespace,
  sandboxes: [],
  containers: [],
})

/** The newest container of that name. */
export function latest(runtime: PodRuntime, name: string): ContainerRecord | undefined {
  return runtime.containers.find(container => container.name === name)
}

/** The sandbox that the pod's containers run in, where there is one. */
export function activeSandbox(runtime: PodRuntime): SandboxRecord | undefined {
  const newest = runtime.sandboxes[0]
  return newest?.ready ? newest : undefined
}
