import { milliValue } from '@canopus/apimachinery'
import type { PodSpec, ResourceRequirements } from '../../../generated/core.v1.ts'

/** Sums in thousandths, of what is asked for and of the limits; nothing for what no container names. */
interface Sums {
  requests: [cpu: number, memory: number]
  limits: [cpu: number, memory: number]
}

function add(sums: [number, number], amounts: Readonly<Record<string, string>> | undefined): boolean {
  if (amounts === undefined) return false
  const cpu = amounts.cpu === undefined ? 0 : milliValue(amounts.cpu)
  const memory = amounts.memory === undefined ? 0 : milliValue(amounts.memory)
  if (cpu > 0) sums[0] += cpu
  if (memory > 0) sums[1] += memory
  return cpu > 0 && memory > 0
}

/** Answers whether both resources are limited. */
function addResources(sums: Sums, resources: ResourceRequirements | undefined): boolean {
  add(sums.requests, resources?.requests)
  return add(sums.limits, resources?.limits)
}

/**
 * The pod's quality of service class (pkg/apis/core/helper/qos): Guaranteed where every container limits cpu and memory and
 * asks for just that, BestEffort where none asks for anything, else Burstable.
 */
export function podQosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const sums: Sums = { requests: [0, 0], limits: [0, 0] }
  let limited = true
  const own = spec.resources
  if (own !== undefined) limited = addResources(sums, own)
  else {
    for (const container of spec.containers ?? []) if (!addResources(sums, container.resources)) limited = false
    for (const container of spec.initContainers ?? []) if (!addResources(sums, container.resources)) limited = false
  }
  const [cpu, memory] = sums.requests
  const [cpuLimit, memoryLimit] = sums.limits
  if (cpu + memory + cpuLimit + memoryLimit === 0) return 'BestEffort'
  return limited && cpu === cpuLimit && memory === memoryLimit ? 'Guaranteed' : 'Burstable'
}
