import type { Container, Pod, ResourceRequirements } from '@canopus/api/core/v1'
import { milliValue, quantityValue } from '@canopus/apimachinery'
import type { LinuxContainerResources } from '@canopus/cri'
import { isCritical } from '../pods/preemption.ts'
import { qosClass } from '../pods/qos.ts'

/** The least that the kernel takes; what a container without a request has. */
export const MIN_SHARES = 2
const MAX_SHARES = 262_144
const PERIOD = 100_000
const MIN_QUOTA = 1_000

/** cgroup v1 `cpu.shares` for so many thousandths of a CPU. */
export function cpuShares(milli: number): number {
  return milli === 0 ? MIN_SHARES : Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((milli * 1024) / 1000)))
}

/** `cpu.cfs_quota_us` within a period of 100 ms; 0 where there is no limit. */
export function cpuQuota(milli: number): number {
  return milli === 0 ? 0 : Math.max(MIN_QUOTA, Math.floor((milli * PERIOD) / 1000))
}

/** Thousandths of a CPU that these `cpu.shares` stand for. */
export const milliOfShares = (shares: number): number => Math.ceil((shares * 1000) / 1024)

/** Thousandths of a CPU that this quota lets through. */
export const milliOfQuota = (quota: number): number => Math.floor((quota * 1000) / PERIOD)

/** cgroup v2 `cpu.weight` that stands for these shares (KEP 2254). */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((shares - MIN_SHARES) * 9999) / (MAX_SHARES - MIN_SHARES))
}

const amount = (list: Readonly<Record<string, string>> | undefined, name: string): string => list?.[name] ?? '0'

/** In bytes. */
export const memoryRequest = ({ resources }: Pick<Container, 'resources'>): number =>
  quantityValue(amount(resources?.requests, 'memory'))

/** Of what a container may use, that which can be changed while it runs. 0 where there is no limit. */
export interface CpuAndMemory {
  readonly cpuQuota: number
  readonly cpuShares: number
  readonly memoryLimitInBytes: number
}

export function containerCpuAndMemory(resources: ResourceRequirements | undefined): CpuAndMemory {
  const { limits, requests } = resources ?? {}
  const cpuRequest = requests?.cpu ?? limits?.cpu
  return {
    cpuQuota: cpuQuota(milliValue(amount(limits, 'cpu'))),
    cpuShares: cpuShares(cpuRequest === undefined ? 0 : milliValue(cpuRequest)),
    memoryLimitInBytes: quantityValue(amount(limits, 'memory')),
  }
}

/** What a container may use, as the runtime wants it told. `memoryCapacity` is the machine's, in bytes. */
export function containerResources(
  pod: Pod,
  resources: ResourceRequirements | undefined,
  memoryCapacity: number,
): LinuxContainerResources {
  return {
    cpuPeriod: PERIOD,
    ...containerCpuAndMemory(resources),
    oomScoreAdj: oomScoreAdjust(pod, quantityValue(amount(resources?.requests, 'memory')), memoryCapacity),
  }
}

/** Who is killed first when memory runs out (upstream pkg/kubelet/qos/policy.go). */
export function oomScoreAdjust(pod: Pod, memoryRequest: number, memoryCapacity: number): number {
  if (isCritical(pod)) return -997
  const quality = qosClass(pod)
  if (quality === 'Guaranteed') return -997
  if (quality === 'BestEffort') return 1000
  const score = 1000 - Math.floor((1000 * memoryRequest) / memoryCapacity)
  return Math.min(999, Math.max(3, score))
}

export interface PodResources {
  /** Thousandths of a CPU. */
  cpuRequest: number
  /** Thousandths of a CPU; 0 where a container has none. */
  cpuLimit: number
  /** Bytes; 0 where a container has none. */
  memoryLimit: number
}

/** What all containers of a pod together may use: its cgroup's settings. */
export function podResources(pod: Pod): PodResources {
  const sum = (pick: (resources: ResourceRequirements | undefined) => number): number => {
    const regular = pod.spec.containers.reduce((total, container) => total + pick(container.resources), 0)
    let sidecars = 0
    let peak = 0
    for (const container of pod.spec.initContainers ?? []) {
      if (container.restartPolicy === 'Always') sidecars += pick(container.resources)
      else peak = Math.max(peak, sidecars + pick(container.resources))
    }
    return Math.max(peak, sidecars + regular)
  }
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
  const limited = (name: string): boolean => all.every(container => container.resources?.limits?.[name] !== undefined)
  // what the sandbox itself needs (KEP 688) is the pod's as well
  const { overhead } = pod.spec
  const cpuOverhead = milliValue(amount(overhead, 'cpu'))
  const memoryOverhead = quantityValue(amount(overhead, 'memory'))
  const cpuLimit = limited('cpu') ? sum(resources => milliValue(amount(resources?.limits, 'cpu'))) : 0
  const memoryLimit = limited('memory') ? sum(resources => quantityValue(amount(resources?.limits, 'memory'))) : 0
  return {
    cpuRequest: cpuOverhead + sum(resources => milliValue(resources?.requests?.cpu ?? resources?.limits?.cpu ?? '0')),
    cpuLimit: cpuLimit && cpuLimit + cpuOverhead,
    memoryLimit: memoryLimit && memoryLimit + memoryOverhead,
  }
}
