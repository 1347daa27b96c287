import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '@canopus/apimachinery'
import type { PodSpec } from '../../../generated/core.v1.ts'

const COUNTED = ['cpu', 'memory'] as const

type Sums = Map<string, Quantity>

function add(sums: Sums, amounts: Readonly<Record<string, string>> | undefined): number {
  let found = 0
  for (const name of COUNTED) {
    const text = amounts?.[name]
    if (text === undefined) continue
    const amount = parseQuantity(text)
    if (amount.mantissa <= 0n) continue
    found++
    const before = sums.get(name)
    sums.set(name, before === undefined ? amount : addQuantities(before, amount))
  }
  return found
}

/**
 * The pod's quality of service class (pkg/apis/core/helper/qos): Guaranteed where every container limits cpu and memory and
 * asks for just that, BestEffort where none asks for anything, else Burstable.
 */
export function podQosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const requests: Sums = new Map()
  const limits: Sums = new Map()
  let guaranteed = true
  const ofPod = spec.resources
  if (ofPod !== undefined && (ofPod.limits !== undefined || ofPod.requests !== undefined)) {
    add(requests, ofPod.requests)
    if (add(limits, ofPod.limits) < COUNTED.length) guaranteed = false
  } else {
    for (const { resources } of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      add(requests, resources?.requests)
      if (add(limits, resources?.limits) < COUNTED.length) guaranteed = false
    }
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort'
  if (!guaranteed || requests.size !== limits.size) return 'Burstable'
  for (const [name, request] of requests) {
    const limit = limits.get(name)
    if (limit === undefined || compareQuantities(limit, request) !== 0) return 'Burstable'
  }
  return 'Guaranteed'
}
