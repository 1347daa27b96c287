/** Between services and the pods that they select, in both directions. */

import { Pods, Services } from '@canopus/api'
import type { Pod, Service } from '@canopus/api/core/v1'
import { labelSetSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { keyOf } from '@canopus/client'
import { type ControllerContext, on, type Trigger } from '@canopus/operator'
import type { Gathering } from '../common/gathering.ts'
import { labelKeys, labelsOf, podsBySelector } from '../common/selected-pods.ts'

/** Services are looked up by labels as pods are: there may be hundreds of them in a namespace. */
const BY_SELECTED_LABEL = 'selected label'

/** One of the labels that all pods of the service have. */
const oneSelected = ({ metadata, spec }: Service): string[] => labelKeys(metadata.namespace, spec?.selector).slice(0, 1)

/** Answers which pods a service selects. To be called before the informers start. */
export function podSelection(context: ControllerContext): (service: Service) => readonly Pod[] {
  const selected = podsBySelector(context)
  return ({ metadata, spec }) => selected(metadata.namespace, labelSetSelector(spec?.selector))
}

/**
 * Wakes the services that select a pod, or did, when something changes that endpoints show: after `batchPeriod` milliseconds, so
 * that what changes meanwhile is one look.
 */
export function podsToServices({ informers }: ControllerContext, gathering: Gathering, batchPeriod = 0): Trigger {
  const services = informers.informer(Services)
  services.addIndex(BY_SELECTED_LABEL, oneSelected)
  return on(Pods, ({ object, old }, enqueue) => {
    // Most pods have no service at all: whether it would show anything of the change is asked once there is one.
    let isShown = old === undefined
    for (const labelKey of labelsOfBoth(object, old)) {
      for (const service of services.lister.byIndex(BY_SELECTED_LABEL, labelKey)) {
        isShown ||= isRelevant(old!, object)
        if (!isShown) return
        const wanted = labelSetSelector(service.spec?.selector)
        if (!matches(wanted, object.metadata.labels) && !(old && matches(wanted, old.metadata.labels))) continue
        const key = keyOf(service)
        enqueue(key, Math.max(batchPeriod, gathering.delay(key)))
      }
    }
  })
}

function labelsOfBoth(object: Pod, old: Pod | undefined): Iterable<string> {
  const labels = labelsOf(object)
  return old === undefined || old.metadata.labels === object.metadata.labels
    ? labels
    : new Set([...labels, ...labelsOf(old)])
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
