/** In-place resize of pods (KEP 1287): what is decided about it, without effects. */
import type { Container, Node, Pod, ResourceRequirements } from '@canopus/api/core/v1'
import { milliValue, quantityValue, semanticEqual } from '@canopus/apimachinery'
import { MEMORY_REQUEST } from '../runtime/labels.ts'
import { type ContainerRecord, latest, type PodRuntime } from '../runtime/pod-runtime.ts'
import { containerCpuAndMemory, memoryRequest } from '../runtime/resources.ts'
import type { Rejection } from './admission.ts'
import { podRequest } from './fit.ts'
import { isRestartable } from './pod-text.ts'

/** The resources that the node has granted to a pod's containers, by their names. */
export type Allocation = Readonly<Record<string, ResourceRequirements>>

/** Why a resize is not granted: not now, or never on this node. */
export interface PendingResize {
  readonly reason: 'Deferred' | 'Infeasible'
  readonly message: string
}

const resizable = (pod: Pod): Container[] => [
  ...(pod.spec.initContainers ?? []).filter(isRestartable),
  ...pod.spec.containers,
]

/** What a pod's spec asks for, of the containers that can be resized. */
export function allocationOf(pod: Pod): Allocation {
  return Object.fromEntries(resizable(pod).map(({ name, resources = {} }) => [name, resources]))
}

/** The pod as it has been granted: the very object where that is what its spec says. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  if (semanticEqual(allocationOf(pod), allocation)) return pod
  const granted = <T extends Container>(container: T): T => {
    const resources = allocation[container.name]
    return resources === undefined ? container : { ...container, resources }
  }
  const { initContainers } = pod.spec
  const spec = {
    ...pod.spec,
    containers: pod.spec.containers.map(granted),
    ...(initContainers && { initContainers: initContainers.map(each => (isRestartable(each) ? granted(each) : each)) }),
  }
  return { ...pod, spec }
}

/**
 * Whether the node can grant what a pod asks for now; why not otherwise. `admit` says whether it fits beside the others
 * (upstream pkg/kubelet/allocation).
 */
export function judgeResize(
  pod: Pod,
  node: Node | undefined,
  admit: () => Rejection | undefined,
): PendingResize | undefined {
  const allocatable = node?.status?.allocatable ?? {}
  for (const [name, measure] of [['memory', quantityValue] as const, ['cpu', milliValue] as const]) {
    const amount = allocatable[name]
    if (amount === undefined) continue
    const [requested, capacity] = [podRequest(pod, name, measure), measure(amount)]
    if (requested <= capacity) continue
    const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`
    return { reason: 'Infeasible', message }
  }
  const rejection = admit()
  return rejection && { reason: 'Deferred', message: rejection.message }
}

/** What has to be done with a running container so that it has what it was granted. */
export type ResizeVerdict = 'keep' | 'update' | 'restart'

/** Compares with what the runtime says of the container; where it says nothing, the container is left alone. */
export function judgeContainerResize(container: Container, record: ContainerRecord): ResizeVerdict {
  const now = record.resources
  if (now === undefined) return 'keep'
  const wanted = containerCpuAndMemory(container.resources)
  const otherShares = now.cpuShares !== 0 && wanted.cpuShares !== now.cpuShares
  const changed = [
    ...(wanted.cpuQuota !== now.cpuQuota || otherShares ? ['cpu'] : []),
    ...(wanted.memoryLimitInBytes !== now.memoryLimitInBytes ? ['memory'] : []),
  ]
  const restarts = (container.resizePolicy ?? []).some(
    policy =>
      policy.restartPolicy === 'RestartContainer' &&
      (changed.includes(policy.resourceName) || (policy.resourceName === 'memory' && asksForOther(container, record))),
  )
  return restarts ? 'restart' : changed.length === 0 ? 'keep' : 'update'
}

/** A request for memory changes nothing of a container, but one that wants to be started anew for such changes is. */
function asksForOther(container: Container, { annotations }: ContainerRecord): boolean {
  const before = annotations[MEMORY_REQUEST]
  return before !== undefined && Number(before) !== memoryRequest(container)
}

/** Whether all containers that run have what they were granted. */
export function isResized(pod: Pod, runtime: PodRuntime): boolean {
  return resizable(pod).every(container => {
    const record = latest(runtime, container.name)
    return record?.state !== 'running' || judgeContainerResize(container, record) === 'keep'
  })
}

/** An event's text on a resize, as upstream words it (pkg/kubelet/events). */
export function resizeMessage(what: string, pod: Pod, error?: string): string {
  const tell = (containers: readonly Container[]) =>
    containers.map(({ name, resources }) => ({ name, resources: sortedResources(resources) }))
  const sidecars = (pod.spec.initContainers ?? []).filter(isRestartable)
  const facts = {
    ...(sidecars.length > 0 && { initContainers: tell(sidecars) }),
    containers: tell(pod.spec.containers),
    generation: pod.metadata.generation,
    ...(error !== undefined && { error }),
  }
  return `Pod resize ${what}: ${JSON.stringify(facts)}`
}

function sortedResources({ limits, requests }: ResourceRequirements = {}): ResourceRequirements {
  const sorted = (list: Readonly<Record<string, string>>) => Object.fromEntries(Object.entries(list).sort())
  return { ...(limits && { limits: sorted(limits) }), ...(requests && { requests: sorted(requests) }) }
}
