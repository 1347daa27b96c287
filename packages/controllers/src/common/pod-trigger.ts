/** How changes of pods reach the controller that owns them, or could own them. */

import { Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import {
  controllerOf,
  type KubeObject,
  matches,
  type ResourceType,
  type Selector,
  semanticEqual,
} from '@canopus/apimachinery'
import { keyOf } from '@canopus/client'
import { type ControllerContext, type Enqueue, type Expectations, on, ownerKey, type Trigger } from '@canopus/operator'
import type { Gathering } from './gathering.ts'

export interface PodTriggerOptions<T extends KubeObject> {
  context: ControllerContext
  owner: ResourceType<T>
  expectations: Expectations
  /** Delays the look at big owners. */
  gathering?: Gathering
  /** Selects the pods that an owner would adopt. */
  selectorOf(owner: T): Selector
}

/**
 * Wakes the controller of a pod, keeps its expectations, and wakes everybody who might adopt a pod that has no controller.
 */
export function podTrigger<T extends KubeObject>(options: PodTriggerOptions<T>): Trigger {
  const { context, owner, expectations } = options
  const informer = context.informers.informer(owner)
  const resolve = (pod: Pod): string | undefined => {
    const key = ownerKey(pod, owner)
    if (key === undefined) return undefined
    const found = informer.lister.get(controllerOf(pod)!.name, pod.metadata.namespace)
    // A namesake made anew is another owner.
    return found && found.metadata.uid !== controllerOf(pod)!.uid ? undefined : key
  }
  const wakeAdopters = (pod: Pod, enqueue: Enqueue): void => {
    for (const candidate of informer.lister.list(pod.metadata.namespace)) {
      if (matches(options.selectorOf(candidate), pod.metadata.labels)) enqueue(keyOf(candidate))
    }
  }
  return on(Pods, ({ object: pod, old, deleted }, enqueue) => {
    const key = resolve(pod)
    const former = old && resolve(old)
    if (former !== undefined && former !== key) enqueue(former)
    if (key === undefined) {
      if (!deleted && !pod.metadata.deletionTimestamp && !controllerOf(pod)) wakeAdopters(pod, enqueue)
      return
    }
    const wasSettled = expectations.satisfied(key)
    if (deleted || pod.metadata.deletionTimestamp) expectations.deletionObserved(key, pod.metadata.uid)
    if (!deleted && !old) expectations.creationObserved(key)
    // Counting may wait. Whoever waits for what was asked for to be there may go on with the next pods.
    const isSettledNow = !wasSettled && expectations.satisfied(key)
    enqueue(key, isSettledNow ? 0 : options.gathering?.delay(key))
  })
}

/**
 * The owners themselves. Where nothing but the status changed it was mostly written by who is woken here: looking at all pods of a
 * big owner again for that would never end while they come and go, so that it is gathered with what they report.
 */
export function ownerTrigger<T extends KubeObject>(type: ResourceType<T>, gathering: Gathering): Trigger {
  return on(type, ({ object, old, deleted }, enqueue) => {
    const key = keyOf(object)
    enqueue(key, !deleted && old !== undefined && isSameButStatus(old, object) ? gathering.delay(key) : 0)
  })
}

/** The generation tells of every change of a spec. */
function isSameButStatus({ metadata: old }: KubeObject, { metadata }: KubeObject): boolean {
  return (
    old.generation !== undefined &&
    old.generation === metadata.generation &&
    old.deletionTimestamp === metadata.deletionTimestamp &&
    semanticEqual(old.labels, metadata.labels) &&
    semanticEqual(old.annotations, metadata.annotations)
  )
}
