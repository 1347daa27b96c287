import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  EphemeralContainer,
  Pod,
  ResourceRequirements,
} from '@canopus/api/core/v1'
import { formatQuantity, formatTime, milliQuantityOf, quantityOf } from '@canopus/apimachinery'
import { shouldRestart } from '../pods/plan.ts'
import { isRestartable } from '../pods/pod-text.ts'
import type { ContainerRecord, PodRuntime } from '../runtime/pod-runtime.ts'
import { containerCpuAndMemory, MIN_SHARES, milliOfQuota, milliOfShares } from '../runtime/resources.ts'

/** Why a container does not run (yet): what its last start failed with, or what it waits for. */
export interface Waiting {
  reason: string
  message: string
}

/** What is known of containers beside the runtime's word. */
export interface ContainerKnowledge {
  /** By container name: the last failed start, or the back-off that holds the next one up. */
  waiting: ReadonlyMap<string, Waiting>
  /** Whether a container's readiness probe lets it be ready; true where it has none. */
  ready(containerId: string, container: Container): boolean
  /** Whether a container's startup probe has succeeded; true where it has none. */
  started(containerId: string, container: Container): boolean
  /** The pod is being ended, or has come to its end: what is not there any more was there. */
  over: boolean
}

export const RUNTIME_SCHEME = 'containerd://'

/** The status of each of `containers`, in their order (upstream pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses). */
export function containerStatuses(
  pod: Pod,
  containers: readonly (Container | EphemeralContainer)[],
  runtime: PodRuntime,
  knowledge: ContainerKnowledge,
  kind: 'init' | 'regular' | 'ephemeral',
): ContainerStatus[] {
  const old = new Map(
    [
      ...(pod.status?.containerStatuses ?? []),
      ...(pod.status?.initContainerStatuses ?? []),
      ...(pod.status?.ephemeralContainerStatuses ?? []),
    ].map(status => [status.name, status]),
  )
  return containers.map(container => {
    const records = runtime.containers.filter(record => record.name === container.name)
    const before = old.get(container.name)
    const status =
      records.length > 0
        ? fromRecords(container as Container, records, before, knowledge, kind)
        : withoutRecord(pod, container, before, kind, knowledge.over)
    return { ...withWaiting(pod, container, status, records[0], knowledge, kind), ...mountsOf(container) }
  })
}

/** Where a container has its volumes, and how far it may not write to them. */
function mountsOf({ volumeMounts = [] }: Container | EphemeralContainer): Pick<ContainerStatus, 'volumeMounts'> {
  if (volumeMounts.length === 0) return {}
  return {
    volumeMounts: volumeMounts.map(({ name, mountPath, readOnly = false, recursiveReadOnly }) => ({
      name,
      mountPath,
      ...(readOnly && { readOnly, recursiveReadOnly: recursiveReadOnly === 'Enabled' ? 'Enabled' : 'Disabled' }),
    })),
  }
}

function withoutRecord(
  pod: Pod,
  container: Container | EphemeralContainer,
  old: ContainerStatus | undefined,
  kind: string,
  over: boolean,
): ContainerStatus {
  // also of a pod that goes on: what had ended before the runtime lost it has ended so
  if (old?.state?.terminated) return old
  const ranBefore = old?.lastState?.terminated !== undefined
  if (over && old !== undefined && (old.state?.running || ranBefore)) {
    const lastState = old.state?.running ? {} : old.lastState!
    return { ...old, state: { terminated: unknownEnd(UNSEEN_END) }, lastState, ready: false, started: false }
  }
  const initializing = kind === 'regular' ? (pod.spec.initContainers ?? []).length > 0 : kind === 'init'
  const reason = initializing ? 'PodInitializing' : 'ContainerCreating'
  const base = { name: container.name, image: container.image ?? '', imageID: '', ready: false, started: false }
  // What ran when it was last seen, and what the runtime has lost since, with a restart of the machine for example, has ended.
  const lost = old?.state?.running !== undefined && !ranBefore
  return {
    ...base,
    restartCount: (old?.restartCount ?? 0) + (lost ? 1 : 0),
    state: { waiting: { reason } },
    lastState: lost ? { terminated: unknownEnd(LOST_WHILE_RUNNING) } : (old?.lastState ?? {}),
  }
}

function fromRecords(
  container: Container,
  records: readonly ContainerRecord[],
  old: ContainerStatus | undefined,
  knowledge: ContainerKnowledge,
  kind: 'init' | 'regular' | 'ephemeral',
): ContainerStatus {
  const [newest, ...older] = records as [ContainerRecord, ...ContainerRecord[]]
  const ended = older.find(record => record.state === 'exited' || record.state === 'unknown')
  const running = newest.state === 'running'
  const plainInit = kind === 'init' && !isRestartable(container)
  const started = running && !plainInit && knowledge.started(newest.id, container)
  const ready = plainInit
    ? newest.state === 'exited' && newest.exitCode === 0
    : kind !== 'ephemeral' && started && knowledge.ready(newest.id, container)
  return {
    name: container.name,
    state: stateOf(newest),
    lastState: ended ? { terminated: terminated(ended) } : endBefore(newest, old),
    ready,
    restartCount: Math.max(newest.attempt, old?.restartCount ?? 0),
    image: newest.image || (container.image ?? ''),
    imageID: newest.imageId,
    containerID: RUNTIME_SCHEME + newest.id,
    started,
    ...(kind !== 'ephemeral' && { resources: actualResources(container.resources, running ? newest : undefined) }),
    ...(container.resources?.requests && { allocatedResources: container.resources.requests }),
  }
}

/**
 * What a container has: what it was granted, but for what the runtime says of one that runs (upstream
 * pkg/kubelet/kubelet_pods.go, convertContainerStatusResources).
 */
export function actualResources(
  granted: ResourceRequirements | undefined,
  record: ContainerRecord | undefined,
): ResourceRequirements {
  const has = record?.resources
  if (granted === undefined || has === undefined) return granted ?? {}
  const wanted = containerCpuAndMemory(granted)
  const { limits, requests } = granted
  const shares = has.cpuShares > MIN_SHARES && has.cpuShares !== wanted.cpuShares
  const quota = has.cpuQuota > 0 && has.cpuQuota !== wanted.cpuQuota
  const memory = has.memoryLimitInBytes > 0 && has.memoryLimitInBytes !== wanted.memoryLimitInBytes
  return {
    ...granted,
    ...(requests &&
      shares && { requests: { ...requests, cpu: formatQuantity(milliQuantityOf(milliOfShares(has.cpuShares))) } }),
    ...(limits &&
      (quota || memory) && {
        limits: {
          ...limits,
          ...(quota && { cpu: formatQuantity(milliQuantityOf(milliOfQuota(has.cpuQuota))) }),
          ...(memory && { memory: formatQuantity(quantityOf(has.memoryLimitInBytes, 'BinarySI')) }),
        },
      }),
  }
}

function stateOf(record: ContainerRecord): ContainerState {
  switch (record.state) {
    case 'running':
      return { running: { startedAt: formatTime(record.startedAt) } }
    case 'exited':
      return { terminated: terminated(record) }
    case 'created':
      return { waiting: { reason: 'ContainerCreating' } }
    case 'unknown':
      return { terminated: unknownEnd(UNSEEN_END) }
  }
}

/** How the container before this one ended, where the runtime has it no more: as the pod's status has it. */
function endBefore({ id }: ContainerRecord, old: ContainerStatus | undefined): ContainerState {
  const ended = old?.containerID === RUNTIME_SCHEME + id ? undefined : old?.state?.terminated
  return ended ? { terminated: ended } : (old?.lastState ?? {})
}

const UNSEEN_END = 'The container could not be located when the pod was terminated'
const LOST_WHILE_RUNNING =
  'The container could not be located when the pod was deleted.  The container used to be Running'

function unknownEnd(message: string): ContainerStateTerminated {
  return { exitCode: 137, reason: 'ContainerStatusUnknown', message }
}

/** How a container ended, as statuses say it. */
export function terminated(record: ContainerRecord): ContainerStateTerminated {
  return {
    exitCode: record.exitCode,
    reason: record.reason || (record.exitCode === 0 ? 'Completed' : 'Error'),
    ...(record.message !== '' && { message: record.message }),
    ...(record.startedAt > 0 && { startedAt: formatTime(record.startedAt) }),
    finishedAt: formatTime(record.finishedAt || record.createdAt),
    containerID: RUNTIME_SCHEME + record.id,
  }
}

/** A container that is to be started again and cannot be shows why; what it was before becomes its last state. */
function withWaiting(
  pod: Pod,
  container: Container | EphemeralContainer,
  status: ContainerStatus,
  record: ContainerRecord | undefined,
  knowledge: ContainerKnowledge,
  kind: 'init' | 'regular' | 'ephemeral',
): ContainerStatus {
  const waiting = knowledge.waiting.get(container.name)
  if (waiting === undefined || status.state?.running) return status
  const sidecar = kind === 'init' && isRestartable(container as Container)
  if (kind !== 'ephemeral' && !sidecar && !shouldRestart(pod, record)) return status
  const lastState = status.state?.terminated ? { terminated: status.state.terminated } : (status.lastState ?? {})
  return { ...status, state: { waiting: { ...waiting } }, lastState, ready: false, started: false }
}
