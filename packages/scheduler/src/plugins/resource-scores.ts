import type { ClusterCache } from '../cache.ts'
import { mayBeDevices } from '../devices/extended-resources.ts'
import type { SharedDevices } from '../devices/shared-devices.ts'
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

/** What a node has of a resource, and how much of that pods have. */
export type ResourceTotals = (node: NodeInfo, resource: string) => { total: number; requested: number }

const COUNT_ALWAYS: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage'])

/** Of the resources by which nodes are compared those that count for the pod: of scalar ones what it asks for. */
export function countingFor<T extends { readonly name: string }>(pod: PodInfo, resources: readonly T[]): readonly T[] {
  return resources.filter(({ name }) => COUNT_ALWAYS.has(name) || (pod.requests[name] ?? 0) > 0)
}

/** What nodes have and pods request; where a node has none itself, devices count that stand for the resource (KEP-5004). */
export function resourceTotals(
  resources: readonly WeighedResource[],
  devices: SharedDevices | undefined,
): ResourceTotals {
  const own = ({ allocatable, requested }: NodeInfo, name: string): { total: number; requested: number } => ({
    total: allocatable[name] ?? 0,
    requested: requested[name] ?? 0,
  })
  const isOfDevices = (name: string): boolean => mayBeDevices(name) && devices?.classFor(name) !== undefined
  if (devices === undefined || !resources.some(each => isOfDevices(each.name))) return own
  let count: ReturnType<SharedDevices['counter']> | undefined
  return (node, name) => {
    const found = own(node, name)
    const deviceClass = found.total === 0 && !COUNT_ALWAYS.has(name) ? devices.classFor(name) : undefined
    if (deviceClass === undefined) return found
    count ??= devices.counter()
    const { total, allocated } = count(deviceClass, node)
    return total > 0 ? { total, requested: allocated } : found
  }
}

/** Any strategy over any resources (pkg/scheduler/framework/plugins/noderesources, one file for each strategy). */
export function strategyScorer(
  strategy: ScoringStrategy,
  devices?: SharedDevices,
): (pod: PodInfo, cache: ClusterCache) => NodeScorer {
  const part = partOf(strategy)
  const round = strategy.type === 'RequestedToCapacityRatio' ? Math.round : Math.floor
  // A resource that a node has full counts for nothing in the ratio strategy, for itself in the others.
  const skipsZero = strategy.type === 'RequestedToCapacityRatio'
  return (pod, { figures }) => {
    const totals = resourceTotals(strategy.resources, devices)
    const used = (node: NodeInfo, resource: string, requested: number): number => {
      if (resource === 'cpu') return figures.scoringCpu[node.slot]! + (pod.scoringRequests.cpu ?? 0)
      if (resource === 'memory') return figures.scoringMemory[node.slot]! + (pod.scoringRequests.memory ?? 0)
      return requested + (pod.requests[resource] ?? 0)
    }
    const counting = countingFor(pod, strategy.resources)
    return {
      score(node) {
        let sum = 0
        let weights = 0
        for (const { name, weight } of counting) {
          const { total, requested } = totals(node, name)
          if (total === 0) continue
          const score = part(used(node, name, requested), total)
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
