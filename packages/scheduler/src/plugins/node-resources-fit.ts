import { MAX_SCORE, type Rejection, type SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'

const name = 'NodeResourcesFit'
const tooManyPods: Rejection = { plugin: name, reasons: ['Too many pods'] }

/** What the pod lacks on the node; nothing where it fits. */
export function lackingResources(pod: PodInfo, node: NodeInfo): Rejection | undefined {
  const { requests } = pod
  const cpu = requests.cpu ?? 0
  const memory = requests.memory ?? 0
  const crowded = node.pods.size + 1 > node.allocatablePods
  const fits =
    (cpu === 0 || cpu <= node.allocatableCpu - node.requestedCpu) &&
    (memory === 0 || memory <= node.allocatableMemory - node.requestedMemory)
  if (fits && !crowded && !hasOtherRequests(requests)) return undefined
  const reasons = crowded ? [...tooManyPods.reasons] : []
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

function hasOtherRequests(requests: Readonly<Record<string, number>>): boolean {
  for (const resource in requests) if (resource !== 'cpu' && resource !== 'memory') return true
  return false
}

const first = ['cpu', 'memory', 'ephemeral-storage']
const inOrder = (requests: Readonly<Record<string, number>>): string[] => [
  ...first.filter(each => each in requests),
  ...Object.keys(requests).filter(each => !first.includes(each)),
]

/** Free part of one resource in percent, whole numbers as upstream; nothing where the node has none of it. */
function freePart(wanted: number, total: number): number {
  return wanted > total ? 0 : Math.floor(((total - wanted) * MAX_SCORE) / total)
}

/** The node must have what the pod requests; the emptier it stays the better (LeastAllocated over cpu and memory). */
export const nodeResourcesFit: SchedulerPlugin = {
  name,
  events: ['NodeAdd', 'NodeAllocatable', 'AssignedPodDelete', 'AssignedPodUpdate', 'PodUpdate'],
  filter: pod => ({ check: node => lackingResources(pod, node) }),
  score(pod) {
    const cpu = pod.scoringRequests.cpu ?? 0
    const memory = pod.scoringRequests.memory ?? 0
    return {
      score(node) {
        const hasCpu = node.allocatableCpu > 0
        const hasMemory = node.allocatableMemory > 0
        if (!hasCpu && !hasMemory) return 0
        const ofCpu = hasCpu ? freePart(node.scoringCpu + cpu, node.allocatableCpu) : 0
        const ofMemory = hasMemory ? freePart(node.scoringMemory + memory, node.allocatableMemory) : 0
        return Math.floor((ofCpu + ofMemory) / ((hasCpu ? 1 : 0) + (hasMemory ? 1 : 0)))
      },
    }
  },
}
