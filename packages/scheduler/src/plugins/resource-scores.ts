import type { ClusterCache } from '../cache.ts'
import { MAX_SCORE, type NodeScorer } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'
import { ScoreColumns } from './score-columns.ts'

/** How much a resource counts. */
export interface WeighedResource {
  name: string
  weight: number
}

/** A point of the line that `RequestedToCapacityRatio` scores by: utilization from 0 to 100, score from 0 to 10. */
export interface ShapePoint {
  utilization: number
  score: number
}

/** How nodes are compared by what their pods request (NodeResourcesFitArgs.scoringStrategy). */
export interface ScoringStrategy {
  type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio'
  resources: readonly WeighedResource[]
  shape?: readonly ShapePoint[]
}

export const CPU_AND_MEMORY: readonly WeighedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
]

export const isUsual = ({ type, resources }: ScoringStrategy): boolean =>
  type === 'LeastAllocated' &&
  resources.length === 2 &&
  CPU_AND_MEMORY.every(usual => resources.some(each => each.name === usual.name && each.weight === 1))

/** Free part of one resource in percent, whole numbers as upstream. */
function freePart(wanted: number, total: number): number {
  return wanted > total ? 0 : Math.floor(((total - wanted) * MAX_SCORE) / total)
}

const emptinessColumns = new ScoreColumns()

/** LeastAllocated over cpu and memory; what a node has none of does not count. */
export function emptiness(pod: PodInfo, { figures }: ClusterCache): Required<Omit<NodeScorer, 'alike' | 'normalise'>> {
  const cpu = pod.scoringRequests.cpu ?? 0
  const memory = pod.scoringRequests.memory ?? 0
  const { allocatableCpu, allocatableMemory, scoringCpu, scoringMemory } = figures
  const at = (slot: number): number => {
    const totalCpu = allocatableCpu[slot]!
    const totalMemory = allocatableMemory[slot]!
    if (totalCpu === 0 && totalMemory === 0) return 0
    const ofCpu = totalCpu === 0 ? 0 : freePart(scoringCpu[slot]! + cpu, totalCpu)
    const ofMemory = totalMemory === 0 ? 0 : freePart(scoringMemory[slot]! + memory, totalMemory)
    return totalCpu === 0 || totalMemory === 0 ? ofCpu + ofMemory : Math.floor((ofCpu + ofMemory) / 2)
  }
  return {
    score: node => at(node.slot),
    bySlot: at,
    scoreAll(slots, scores) {
      emptinessColumns.fill(figures, `${cpu}/${memory}`, at, slots, scores)
    },
  }
}

/** Any strategy over any resources (pkg/scheduler/framework/plugins/noderesources, one file for each strategy). */
export function strategyScorer(strategy: ScoringStrategy): (pod: PodInfo, cache: ClusterCache) => NodeScorer {
  const part = partOf(strategy)
  const round = strategy.type === 'RequestedToCapacityRatio' ? Math.round : Math.floor
  // A resource that a node has full counts for nothing in the ratio strategy, for itself in the others.
  const skipsZero = strategy.type === 'RequestedToCapacityRatio'
  return (pod, { figures }) => {
    const used = (node: NodeInfo, resource: string): number => {
      if (resource === 'cpu') return figures.scoringCpu[node.slot]! + (pod.scoringRequests.cpu ?? 0)
      if (resource === 'memory') return figures.scoringMemory[node.slot]! + (pod.scoringRequests.memory ?? 0)
      return (node.requested[resource] ?? 0) + (pod.requests[resource] ?? 0)
    }
    const asked = strategy.resources.filter(
      ({ name }) => name === 'cpu' || name === 'memory' || !name.includes('/') || (pod.requests[name] ?? 0) > 0,
    )
    return {
      score(node) {
        let sum = 0
        let weights = 0
        for (const { name, weight } of asked) {
          const total = node.allocatable[name] ?? 0
          if (total === 0) continue
          const score = part(used(node, name), total)
          if (skipsZero && score <= 0) continue
          sum += score * weight
          weights += weight
        }
        return weights === 0 ? 0 : round(sum / weights)
      },
    }
  }
}

function partOf({ type, shape }: ScoringStrategy): (used: number, total: number) => number {
  switch (type) {
    case 'LeastAllocated':
      return freePart
    case 'MostAllocated':
      return (used, total) => Math.floor((Math.min(used, total) * MAX_SCORE) / total)
    default: {
      const line = brokenLine((shape ?? []).map(each => ({ ...each, score: each.score * (MAX_SCORE / 10) })))
      return (used, total) => (used > total ? line(MAX_SCORE) : line(Math.trunc((used * MAX_SCORE) / total)))
    }
  }
}

/** Whole numbers between the points, level before the first and after the last. */
function brokenLine(points: readonly ShapePoint[]): (at: number) => number {
  return at => {
    for (const [index, { utilization, score }] of points.entries()) {
      if (at > utilization) continue
      const before = points[index - 1]
      if (before === undefined) return score
      const step = Math.trunc(((score - before.score) * (at - before.utilization)) / (utilization - before.utilization))
      return before.score + step
    }
    return points.at(-1)?.score ?? 0
  }
}
