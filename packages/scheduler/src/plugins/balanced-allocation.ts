import type { ClusterCache } from '../cache.ts'
import type { SharedDevices } from '../devices/shared-devices.ts'
import { MAX_SCORE, type NodeScorer, type SchedulerPlugin } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { CPU_AND_MEMORY, countingFor, resourceTotals, type WeighedResource } from './resource-scores.ts'
import { ScoreColumns } from './score-columns.ts'

export interface BalancedAllocationOptions {
  /** Default: cpu and memory. Weights count for nothing. */
  resources?: readonly WeighedResource[]
  /** Count where a node has none of a resource itself. */
  devices?: SharedDevices
}

/**
 * Prefers nodes whose resources the pod makes used up more alike, so that none is left over
 * (pkg/scheduler/framework/plugins/noderesources/balanced_allocation.go).
 */
export function createBalancedAllocation({
  resources = CPU_AND_MEMORY,
  devices,
}: BalancedAllocationOptions = {}): SchedulerPlugin {
  const names = resources.map(each => each.name)
  const usual = names.length === 2 && names.includes('cpu') && names.includes('memory')
  return {
    name: 'NodeResourcesBalancedAllocation',
    score(pod, { cache }) {
      // Pods that ask for nothing unbalance nothing.
      if (names.every(each => (pod.requests[each] ?? 0) === 0)) return undefined
      return usual ? ofCpuAndMemory(pod, cache) : ofAny(pod, resources, devices)
    },
  }
}

export const balancedAllocation = createBalancedAllocation()

/** How well a node is balanced with the pod, against how it is without: 75 where that is the same. */
const improvement = (before: number, after: number): number =>
  MAX_SCORE / 2 + Math.floor((MAX_SCORE / 2 + after - before) / 2)

/** Half the difference is the standard deviation of two values. */
const balanceOfTwo = (a: number, b: number): number => Math.floor((1 - Math.abs((a - b) / 2)) * MAX_SCORE)

const usedPart = (requested: number, total: number): number => Math.min(1, requested / total)

const columns = new ScoreColumns()

function ofCpuAndMemory(pod: PodInfo, { figures }: ClusterCache): NodeScorer {
  const cpu = pod.requests.cpu ?? 0
  const memory = pod.requests.memory ?? 0
  const { allocatableCpu, allocatableMemory, requestedCpu, requestedMemory } = figures
  const at = (slot: number): number => {
    const totalCpu = allocatableCpu[slot]!
    const totalMemory = allocatableMemory[slot]!
    if (totalCpu === 0 || totalMemory === 0) return improvement(MAX_SCORE, MAX_SCORE)
    const usedCpu = requestedCpu[slot]!
    const usedMemory = requestedMemory[slot]!
    const before = balanceOfTwo(usedPart(usedCpu, totalCpu), usedPart(usedMemory, totalMemory))
    const after = balanceOfTwo(usedPart(usedCpu + cpu, totalCpu), usedPart(usedMemory + memory, totalMemory))
    return improvement(before, after)
  }
  return {
    score: node => at(node.slot),
    bySlot: at,
    scoreAll(slots, scores) {
      columns.fill(figures, `${cpu}/${memory}`, at, slots, scores)
    },
  }
}

/** What the node has none of does not count. */
function ofAny(pod: PodInfo, resources: readonly WeighedResource[], devices: SharedDevices | undefined): NodeScorer {
  const counting = countingFor(pod, resources)
  const totals = resourceTotals(resources, devices)
  return {
    score(node) {
      const before: number[] = []
      const after: number[] = []
      for (const { name } of counting) {
        const { total, requested } = totals(node, name)
        if (total === 0) continue
        before.push(usedPart(requested, total))
        after.push(usedPart(requested + (pod.requests[name] ?? 0), total))
      }
      return improvement(balanceOf(before), balanceOf(after))
    },
  }
}

/** 100, less by the standard deviation of how much of each resource is used. */
function balanceOf(used: readonly number[]): number {
  if (used.length < 2) return MAX_SCORE
  if (used.length === 2) return balanceOfTwo(used[0]!, used[1]!)
  const mean = used.reduce((a, b) => a + b) / used.length
  const variance = used.reduce((sum, each) => sum + (each - mean) ** 2, 0) / used.length
  return Math.floor((1 - Math.sqrt(variance)) * MAX_SCORE)
}
