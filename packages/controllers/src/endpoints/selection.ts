/** Between services and the pods that they select, in both directions. */

import { Pods, Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import { labelSetSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { keyOf } from '@canopus/client'
import { type ControllerContext, on, type Trigger } from '@canopus/operator'
import type { Gathering } from '../common/gathering.ts'

export function selectedPods(context: ControllerContext, service: Service): readonly Pod[] {
  const selector = labelSetSelector(service.spec?.selector)
  return context.informers
    .informer(Pods)
    .lister.list(service.metadata.namespace)
    .filter(pod => matches(selector, pod.metadata.labels))
}

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
