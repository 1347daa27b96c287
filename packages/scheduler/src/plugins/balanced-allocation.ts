import type { ClusterCache } from '../cache.ts'
import { MAX_SCORE, type NodeScorer, type SchedulerPlugin } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { CPU_AND_MEMORY, type WeighedResource } from './resource-scores.ts'
import { ScoreColumns } from './score-columns.ts'

export interface BalancedAllocationOptions {
  /** Default: cpu and memory. Weights count for nothing. */
  resources?: readonly WeighedResource[]
}

/** Prefers nodes whose resources are used up alike, so that none is left over. */
export function createBalancedAllocation({
  resources = CPU_AND_MEMORY,
}: BalancedAllocationOptions = {}): SchedulerPlugin {
  const names = resources.map(each => each.name)
  const usual = names.length === 2 && names.includes('cpu') && names.includes('memory')
  return {
    name: 'NodeResourcesBalancedAllocation',
    score(pod, { cache }) {
      // Pods that ask for nothing unbalance nothing.
      if (names.every(each => (pod.requests[each] ?? 0) === 0)) return undefined
      return usual ? ofCpuAndMemory(pod, cache) : ofAny(pod, names)
    },
  }
}

export const balancedAllocation = createBalancedAllocation()

const columns = new ScoreColumns()

function ofCpuAndMemory(pod: PodInfo, { figures }: ClusterCache): NodeScorer {
  const cpu = pod.requests.cpu ?? 0
  const memory = pod.requests.memory ?? 0
  const { allocatableCpu, allocatableMemory, requestedCpu, requestedMemory } = figures
  const at = (slot: number): number => {
    const totalCpu = allocatableCpu[slot]!
    const totalMemory = allocatableMemory[slot]!
    if (totalCpu === 0 || totalMemory === 0) return MAX_SCORE
    const usedCpu = Math.min(1, (requestedCpu[slot]! + cpu) / totalCpu)
    const usedMemory = Math.min(1, (requestedMemory[slot]! + memory) / totalMemory)
    // Half the difference is the standard deviation of two values.
    return Math.floor((1 - Math.abs(usedCpu - usedMemory) / 2) * MAX_SCORE)
  }
  return {
    score: node => at(node.slot),
    bySlot: at,
    scoreAll(slots, scores) {
      columns.fill(figures, `${cpu}/${memory}`, at, slots, scores)
    },
  }
}

/** The standard deviation of how much of each resource is used. What the node has none of does not count. */
function ofAny(pod: PodInfo, names: readonly string[]): NodeScorer {
  return {
    score({ allocatable, requested }) {
      const used: number[] = []
      for (const name of names) {
        const total = allocatable[name] ?? 0
        if (total > 0) used.push(Math.min(1, ((requested[name] ?? 0) + (pod.requests[name] ?? 0)) / total))
      }
      if (used.length < 2) return MAX_SCORE
      const mean = used.reduce((a, b) => a + b) / used.length
      const variance = used.reduce((sum, each) => sum + (each - mean) ** 2, 0) / used.length
      return Math.floor((1 - Math.sqrt(variance)) * MAX_SCORE)
    },
  }
}
