/** Between services and the pods that they select, in both directions. */

import { Pods, Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import { labelSetSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { keyOf } from '@canopus/client'
import { type ControllerContext, on, type Trigger } from '@canopus/operator'

export function selectedPods(context: ControllerContext, service: Service): readonly Pod[] {
  const selector = labelSetSelector(service.spec?.selector)
  return context.informers
    .informer(Pods)
    .lister.list(service.metadata.namespace)
    .filter(pod => matches(selector, pod.metadata.labels))
}

/**
 * How long changes of a service's pods are gathered: big services are looked at as a whole for every change, so that many
 * changes of one moment should be one look. Small ones are looked at at once.
 */
export class Gathering {
  readonly #sizes = new Map<string, number>()

  /** Notes how many pods the service has; none where it is gone. */
  note(key: string, pods: number): void {
    if (pods >= SMALL) this.#sizes.set(key, pods)
    else this.#sizes.delete(key)
  }

  /** Milliseconds to wait for more. */
  delay(key: string): number {
    return Math.min(LONGEST_MS, (this.#sizes.get(key) ?? 0) / PODS_PER_MS)
  }
}

const SMALL = 100
const PODS_PER_MS = 5
const LONGEST_MS = 1_000

/** Wakes the services that select a pod, or did, when something changes that endpoints show. */
export function podsToServices(context: ControllerContext, gathering: Gathering): Trigger {
  const services = context.informers.informer(Services)
  return on(Pods, ({ object, old }, enqueue) => {
    if (old && !isRelevant(old, object)) return
    for (const service of services.lister.list(object.metadata.namespace)) {
      const { selector } = service.spec ?? {}
      if (!selector || Object.keys(selector).length === 0) continue
      const wanted = labelSetSelector(selector)
      if (matches(wanted, object.metadata.labels) || (old && matches(wanted, old.metadata.labels))) {
        const key = keyOf(service)
        enqueue(key, gathering.delay(key))
      }
    }
  })
}

function isRelevant(a: Pod, b: Pod): boolean {
  return !semanticEqual(shownBy(a), shownBy(b))
}

function shownBy({ metadata, spec, status }: Pod): unknown {
  const ready = status?.conditions?.find(condition => condition.type === 'Ready')?.status === 'True'
  return [
    metadata.labels,
    metadata.deletionTimestamp,
    spec?.nodeName,
    spec?.hostname,
    spec?.subdomain,
    status?.phase,
    status?.podIP,
    status?.podIPs,
    ready ? 'ready' : 'not ready',
  ]
}
