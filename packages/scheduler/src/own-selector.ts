import { ReplicaSets, ReplicationControllers, Services, StatefulSets } from '@canopus/api'
import { controllerOf, labelSetSelector, matches, type Requirement, type Selector } from '@canopus/apimachinery'
import type { InformerFactory } from '@canopus/client'
import { type PodInfo, selectorOf } from './pod-info.ts'

/**
 * Finds what a pod's fellows have in common: the selectors of its services and of its controller
 * (pkg/scheduler/framework/plugins/helper/spread.go).
 */
export function ownSelectorFrom(informers: InformerFactory): (pod: PodInfo) => readonly Requirement[] {
  const services = informers.informer(Services).lister
  const replicaSets = informers.informer(ReplicaSets).lister
  const statefulSets = informers.informer(StatefulSets).lister
  const replicationControllers = informers.informer(ReplicationControllers).lister
  const ofController = (pod: PodInfo): Selector => {
    const owner = controllerOf(pod.pod)
    switch (owner?.kind) {
      case 'ReplicaSet':
        return selectorOf(replicaSets.get(owner.name, pod.namespace)?.spec?.selector)
      case 'StatefulSet':
        return selectorOf(statefulSets.get(owner.name, pod.namespace)?.spec?.selector)
      case 'ReplicationController':
        return labelSetSelector(replicationControllers.get(owner.name, pod.namespace)?.spec?.selector)
      default:
        return []
    }
  }
  return pod => {
    const found: Requirement[] = []
    for (const service of services.list(pod.namespace)) {
      const selector = labelSetSelector(service.spec?.selector)
      if (selector !== 'nothing' && selector.length > 0 && matches(selector, pod.labels)) found.push(...selector)
    }
    const own = ofController(pod)
    return own === 'nothing' ? found : [...found, ...own]
  }
}
