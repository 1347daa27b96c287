import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '@canopus/apimachinery'
import type { Container, PodSpec } from '../../../generated/core.v1.ts'

export type Amounts = Map<string, Quantity>

const POD_LEVEL = ['cpu', 'memory']

/** Whether requests and limits of the whole pod may name this resource (KEP-2837). */
export const isPodLevelResource = (name: string): boolean => POD_LEVEL.includes(name) || name.startsWith('hugepages-')

function addTo(sums: Amounts, more: Amounts): void {
  for (const [name, amount] of more) {
    const before = sums.get(name)
    sums.set(name, before === undefined ? amount : addQuantities(before, amount))
  }
}

function raiseTo(sums: Amounts, floor: Amounts): void {
  for (const [name, amount] of floor) {
    const before = sums.get(name)
    if (before === undefined || compareQuantities(amount, before) > 0) sums.set(name, amount)
  }
}

/** Amounts of a resource list. */
export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]))
}

/**
 * What all containers together take at their peak: the running ones with the sidecars, or an init container with the
 * sidecars started before it (k8s.io/component-helpers/resource/helpers.go). Pod-level figures and overhead are not in it.
 */
export function aggregateContainers(spec: PodSpec, which: 'requests' | 'limits'): Amounts {
  const of = (container: Container): Amounts => amountsOf(container.resources?.[which])
  const running: Amounts = new Map()
  for (const container of spec.containers ?? []) addTo(running, of(container))
  const sidecars: Amounts = new Map()
  const peak: Amounts = new Map()
  for (const container of spec.initContainers ?? []) {
    const own = of(container)
    if (container.restartPolicy === 'Always') {
      addTo(running, own)
      addTo(sidecars, own)
      raiseTo(peak, sidecars)
    } else {
      addTo(own, sidecars)
      raiseTo(peak, own)
    }
  }
  raiseTo(running, peak)
  return running
}

/** What the scheduler must find room for: containers at their peak, or what the pod says itself, and its overhead. */
export function podRequests(spec: PodSpec): Amounts {
  const requests = aggregateContainers(spec, 'requests')
  for (const [name, amount] of amountsOf(spec.resources?.requests)) {
    if (isPodLevelResource(name)) requests.set(name, amount)
  }
  addTo(requests, amountsOf(spec.overhead))
  return requests
}

/** What the pod may take at most; overhead counts where there is a limit. */
export function podLimits(spec: PodSpec): Amounts {
  const limits = aggregateContainers(spec, 'limits')
  for (const [name, amount] of amountsOf(spec.resources?.limits)) {
    if (isPodLevelResource(name)) limits.set(name, amount)
  }
  for (const [name, amount] of amountsOf(spec.overhead)) {
    const before = limits.get(name)
    if (before !== undefined) limits.set(name, addQuantities(before, amount))
  }
  return limits
}
