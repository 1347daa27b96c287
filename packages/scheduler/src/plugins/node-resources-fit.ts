import { MAX_SCORE, type NodeScorer, type Rejection, type SchedulerPlugin } from '../framework.ts'
import type { NodeFigures } from '../node-figures.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'

const name = 'NodeResourcesFit'

/** What the pod lacks on the node; nothing where it fits. */
export function lackingResources(pod: PodInfo, node: NodeInfo): Rejection | undefined {
  const { requests } = pod
  const reasons: string[] = node.pods.size + 1 > (node.allocatable.pods ?? 0) ? ['Too many pods'] : []
  let unresolvable = false
  for (const resource of inOrder(requests)) {
    const wanted = requests[resource]!
    const total = node.allocatable[resource] ?? 0
    if (wanted <= 0 || resource === 'pods' || wanted <= total - (node.requested[resource] ?? 0)) continue
    reasons.push(`Insufficient ${resource}`)
    if (wanted > total) unresolvable = true
  }
  return reasons.length === 0 ? undefined : { plugin: name, reasons, ...(unresolvable ? { unresolvable } : {}) }
}

const first = ['cpu', 'memory', 'ephemeral-storage']
const inOrder = (requests: Readonly<Record<string, number>>): string[] => [
  ...first.filter(each => each in requests),
  ...Object.keys(requests).filter(each => !first.includes(each)),
]

const asksForMore = (requests: Readonly<Record<string, number>>): boolean =>
  Object.keys(requests).some(each => each !== 'cpu' && each !== 'memory' && each !== 'pods')

/** Pods, cpu and memory of many nodes at once. */
function keepFitting(pod: PodInfo, figures: NodeFigures, slots: Int32Array, count: number): number {
  const { allocatableCpu, allocatableMemory, allocatablePods, requestedCpu, requestedMemory, pods } = figures
  // What is not asked for is never lacking, even where a node has less than nothing of it.
  const cpu = pod.requests.cpu || Number.NEGATIVE_INFINITY
  const memory = pod.requests.memory || Number.NEGATIVE_INFINITY
  let kept = 0
  for (let i = 0; i < count; i++) {
    const slot = slots[i]!
    if (pods[slot]! >= allocatablePods[slot]!) continue
    if (requestedCpu[slot]! + cpu > allocatableCpu[slot]!) continue
    if (requestedMemory[slot]! + memory > allocatableMemory[slot]!) continue
    slots[kept++] = slot
  }
  return kept
}

/** Free part of one resource in percent, whole numbers as upstream. */
function freePart(wanted: number, total: number): number {
  return wanted > total ? 0 : Math.floor(((total - wanted) * MAX_SCORE) / total)
}

/** LeastAllocated over cpu and memory; what a node has none of does not count. */
function emptiness(pod: PodInfo, figures: NodeFigures): Required<Omit<NodeScorer, 'normalise'>> {
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
    scoreAll(slots, scores) {
      for (let i = 0; i < scores.length; i++) scores[i] = at(slots[i]!)
    },
  }
}

/** The node must have what the pod requests; the emptier it stays the better. */
export const nodeResourcesFit: SchedulerPlugin = {
  name,
  events: ['NodeAdd', 'NodeAllocatable', 'AssignedPodDelete', 'AssignedPodUpdate', 'PodUpdate'],
  filter: (pod, { cache }) => ({
    check: node => lackingResources(pod, node),
    // Other resources are rare: the nodes that pass are asked one by one.
    keep(slots, count) {
      const fitting = keepFitting(pod, cache.figures, slots, count)
      if (!asksForMore(pod.requests)) return fitting
      let kept = 0
      for (let i = 0; i < fitting; i++) {
        if (lackingResources(pod, cache.nodes[slots[i]!]!) === undefined) slots[kept++] = slots[i]!
      }
      return kept
    },
  }),
  score: (pod, { cache }) => emptiness(pod, cache.figures),
}
