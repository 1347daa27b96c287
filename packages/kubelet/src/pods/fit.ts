/** Whether a node has the resources that a pod asks for (upstream pkg/scheduler/framework/plugins/noderesources/fit.go). */
import { podRequests } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import { milliValue, type Quantity, quantityValue } from '@canopus/apimachinery'
import type { Rejection } from './admission.ts'

const STANDARD = ['cpu', 'memory', 'ephemeral-storage']

/** The resources that the node does not have for a pod beside the others. */
export function fits(pod: Pod, node: Node, others: readonly Pod[]): Rejection[] {
  const allocatable = node.status?.allocatable ?? {}
  const failures: Rejection[] = []
  const maxPods = quantityValue(allocatable.pods ?? '110')
  if (others.length + 1 > maxPods) failures.push(shortOf('pods', 1, others.length, maxPods))
  for (const name of [...STANDARD, ...otherResources(pod)]) {
    const amount = allocatable[name]
    // nodes need not know what the cluster as a whole, or a device's driver, has to give
    if (amount === undefined && (STANDARD.includes(name) || isExtended(name))) continue
    const measure = measureOf(name)
    const requested = podRequest(pod, name, measure)
    if (requested === 0) continue
    const used = others.reduce((sum, other) => sum + podRequest(other, name, measure), 0)
    const capacity = measure(amount ?? '0')
    if (requested > capacity - used) failures.push(shortOf(name, requested, used, capacity))
  }
  return failures
}

export type Measure = (amount: string | Quantity) => number

/** CPU is counted in thousandths. */
export const measureOf = (name: string): Measure => (name === 'cpu' ? milliValue : quantityValue)

function shortOf(name: string, requested: number, used: number, capacity: number): Rejection {
  const message = `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`
  return { reason: `OutOf${name}`, message, missing: { resource: name, amount: requested - (capacity - used) } }
}

function otherResources({ spec }: Pod): string[] {
  const parts = [...(spec.initContainers ?? []), ...spec.containers, spec]
  const names = parts.flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
  return [...new Set(names)].filter(name => !STANDARD.includes(name)).sort()
}

const isExtended = (name: string): boolean => name.includes('/') && !name.includes('kubernetes.io/')

/** The most that a pod ever asks for, as its scheduler counts it. */
export function podRequest(pod: Pod, name: string, measure: Measure): number {
  const amount = podRequests(pod.spec).get(name)
  return amount === undefined ? 0 : measure(amount)
}
