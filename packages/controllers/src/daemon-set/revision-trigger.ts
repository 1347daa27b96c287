import { ControllerRevisions, DaemonSets } from '@canopus/api'
import type { ControllerRevision } from '@canopus/api/apps/v1'
import { controllerOf, labelSelector, matches, semanticEqual } from '@canopus/apimachinery'
import { keyOf } from '@canopus/client'
import { type ControllerContext, on, ownerKey, type Trigger } from '@canopus/operator'

/**
 * Which DaemonSets the change of a revision concerns: what becomes of one later, and one without an owner, whom somebody may
 * adopt. One that comes with its owner is news to nobody, so that a revision which repeats the current one stays until the set is
 * looked at for another reason (`addHistory`, `updateHistory`, `deleteHistory`; pkg/controller/daemon/daemon_controller.go).
 */
export function revisionTrigger({ informers }: ControllerContext): Trigger {
  const sets = informers.informer(DaemonSets)
  return on(ControllerRevisions, ({ object, old, deleted }, enqueue) => {
    const owner = ownerKey(object, DaemonSets)
    const former = old && ownerKey(old, DaemonSets)
    if (former !== undefined && former !== owner) enqueue(former)
    if (owner !== undefined) {
      if (old !== undefined || deleted) enqueue(owner)
      return
    }
    if (deleted || controllerOf(object) || (old !== undefined && !mayBeAdoptedNow(old, object))) return
    const { namespace, labels } = object.metadata
    for (const set of sets.lister.list(namespace))
      if (matches(labelSelector(set.spec.selector), labels)) enqueue(keyOf(set))
  })
}

const mayBeAdoptedNow = (old: ControllerRevision, object: ControllerRevision): boolean =>
  controllerOf(old) !== undefined || !semanticEqual(old.metadata.labels, object.metadata.labels)
