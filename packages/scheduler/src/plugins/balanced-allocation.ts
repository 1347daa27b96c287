import { MAX_SCORE, type SchedulerPlugin } from '../framework.ts'

/** Prefers nodes whose cpu and memory are used up alike, so that neither is left over. */
export const balancedAllocation: SchedulerPlugin = {
  name: 'NodeResourcesBalancedAllocation',
  score(pod, { cache }) {
    const cpu = pod.requests.cpu ?? 0
    const memory = pod.requests.memory ?? 0
    if (cpu === 0 && memory === 0) return undefined
    const { allocatableCpu, allocatableMemory, requestedCpu, requestedMemory } = cache.figures
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
      scoreAll(slots, scores) {
        for (let i = 0; i < scores.length; i++) scores[i] = at(slots[i]!)
      },
    }
  },
}
