import { MAX_SCORE, type SchedulerPlugin } from '../framework.ts'

/** Prefers nodes whose cpu and memory are used up alike, so that neither is left over. */
export const balancedAllocation: SchedulerPlugin = {
  name: 'NodeResourcesBalancedAllocation',
  score(pod) {
    const cpu = pod.requests.cpu ?? 0
    const memory = pod.requests.memory ?? 0
    if (cpu === 0 && memory === 0) return undefined
    return {
      score(node) {
        if (node.allocatableCpu === 0 || node.allocatableMemory === 0) return MAX_SCORE
        const usedCpu = Math.min(1, (node.requestedCpu + cpu) / node.allocatableCpu)
        const usedMemory = Math.min(1, (node.requestedMemory + memory) / node.allocatableMemory)
        // Half the difference is the standard deviation of two values.
        return Math.floor((1 - Math.abs(usedCpu - usedMemory) / 2) * MAX_SCORE)
      },
    }
  },
}
