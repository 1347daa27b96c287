import type { Container, Pod } from '@canopus/api/core/v1'
import { milliValue, quantityValue } from '@canopus/apimachinery'

/** Amounts by resource: cpu in thousandths of a core, everything else in whole units. */
export type Resources = Record<string, number>

/** What a container without requests counts as when nodes are compared (not when they are checked). */
const ASSUMED_CPU = 100
const ASSUMED_MEMORY = 200 * 1024 * 1024

export function amountOf(resource: string, quantity: string): number {
  return resource === 'cpu' ? milliValue(quantity) : quantityValue(quantity)
}

export function resourcesOf(list: Readonly<Record<string, string>> | undefined): Resources {
  const resources: Resources = {}
  for (const [name, quantity] of Object.entries(list ?? {})) resources[name] = amountOf(name, quantity)
  return resources
}

function add(sum: Resources, more: Resources): void {
  for (const [name, amount] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + amount
}

function raise(most: Resources, other: Resources): void {
  for (const [name, amount] of Object.entries(other)) most[name] = Math.max(most[name] ?? 0, amount)
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

/**
 * What a pod asks of its node: the sum of its containers and sidecars, or the most that it needs while it starts (an init
 * container beside the sidecars before it), whichever is more, and the overhead of its runtime class
 * (k8s.io/component-helpers/resource). `amounts` says what one container asks for.
 */
function combine(pod: Pod, amounts: (container: Container) => Resources): Resources {
  const running: Resources = {}
  for (const container of pod.spec?.containers ?? []) add(running, amounts(container))
  const sidecars: Resources = {}
  const starting: Resources = {}
  for (const container of pod.spec?.initContainers ?? []) {
    const own = amounts(container)
    if (isSidecar(container)) {
      add(running, own)
      add(sidecars, own)
      raise(starting, sidecars)
    } else {
      const together = { ...own }
      add(together, sidecars)
      raise(starting, together)
    }
  }
  raise(running, starting)
  return running
}

function withPodLevel(pod: Pod, sum: Resources): Resources {
  // Requests of the pod as a whole win over those of its containers (cpu and memory, since 1.34).
  Object.assign(sum, resourcesOf(pod.spec?.resources?.requests))
  add(sum, resourcesOf(pod.spec?.overhead))
  return sum
}

/** What must be free on a node for the pod to fit. */
export function podRequests(pod: Pod): Resources {
  return withPodLevel(
    pod,
    combine(pod, container => resourcesOf(container.resources?.requests)),
  )
}

/** The same, where containers that ask for no cpu or memory count as small ones: for comparing nodes. */
export function podScoringRequests(pod: Pod): Resources {
  return withPodLevel(
    pod,
    combine(pod, container => ({
      cpu: ASSUMED_CPU,
      memory: ASSUMED_MEMORY,
      ...resourcesOf(container.resources?.requests),
    })),
  )
}
