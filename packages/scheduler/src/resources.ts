import type { Container, ContainerStatus, Pod } from '@canopus/api/core/v1'
import { findCondition, milliValue, quantityValue } from '@canopus/apimachinery'

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

/** What a container, or a pod as a whole, asks for, and what it has by now. */
interface Claimed {
  readonly asked: Readonly<Record<string, string>> | undefined
  readonly granted: Readonly<Record<string, string>> | undefined
  readonly actual: Readonly<Record<string, string>> | undefined
}

/**
 * A pod that is resized takes up the most of what it asks for, of what it was granted and of what it has, resource by
 * resource; what it asks for does not count where its node can never grant it (determineEffectiveRequests upstream).
 */
function claimedResources(pod: Pod, { asked, granted, actual }: Claimed): Resources {
  const pending = findCondition(pod.status?.conditions, 'PodResizePending')
  const most = pending?.reason === 'Infeasible' ? {} : resourcesOf(asked)
  raise(most, resourcesOf(actual))
  raise(most, resourcesOf(granted))
  return most
}

function requestsOf(pod: Pod, container: Container, statuses: readonly ContainerStatus[] | undefined): Resources {
  const asked = container.resources?.requests
  const status = statuses?.find(each => each.name === container.name)
  if (status?.resources === undefined) return resourcesOf(asked)
  return claimedResources(pod, { asked, granted: status.allocatedResources, actual: status.resources.requests })
}

/**
 * What a pod asks of its node: the sum of its containers and sidecars, or the most that it needs while it starts (an init
 * container beside the sidecars before it), whichever is more, and the overhead of its runtime class
 * (k8s.io/component-helpers/resource). `amounts` makes of what one container asks for what counts.
 */
function combine(pod: Pod, amounts: (asked: Resources) => Resources = asked => asked): Resources {
  const { containerStatuses, initContainerStatuses } = pod.status ?? {}
  const running: Resources = {}
  for (const container of pod.spec?.containers ?? []) {
    add(running, amounts(requestsOf(pod, container, containerStatuses)))
  }
  const sidecars: Resources = {}
  const starting: Resources = {}
  for (const container of pod.spec?.initContainers ?? []) {
    const own = amounts(requestsOf(pod, container, isSidecar(container) ? initContainerStatuses : undefined))
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

const isPodLevel = (name: string): boolean => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')

/** Requests of the pod as a whole win over those of its containers. */
function withPodLevel(pod: Pod, sum: Resources): Resources {
  const { status } = pod
  const asked = pod.spec?.resources?.requests ?? {}
  if (Object.keys(asked).some(isPodLevel)) {
    const claimed =
      status?.resources === undefined
        ? resourcesOf(asked)
        : claimedResources(pod, { asked, granted: status.allocatedResources, actual: status.resources.requests })
    for (const name of Object.keys(asked)) if (isPodLevel(name)) sum[name] = claimed[name] ?? 0
  }
  add(sum, resourcesOf(pod.spec?.overhead))
  return sum
}

/** What must be free on a node for the pod to fit, or what it takes up there. */
export function podRequests(pod: Pod): Resources {
  return withPodLevel(pod, combine(pod))
}

/** The same, where containers that ask for no cpu or memory count as small ones: for comparing nodes. */
export function podScoringRequests(pod: Pod): Resources {
  return withPodLevel(
    pod,
    combine(pod, asked => ({ cpu: ASSUMED_CPU, memory: ASSUMED_MEMORY, ...asked })),
  )
}
