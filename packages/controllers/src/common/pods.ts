/** What controllers ask of pods. Behaviour: kubernetes pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go. */

import { Pods } from '@canopus/api'
import type { Pod, PodTemplateSpec } from '@canopus/api/core/v1'
import {
  clone,
  controllerReference,
  findCondition,
  type KubeObject,
  type ObjectMeta,
  parseTime,
  type ResourceType,
} from '@canopus/apimachinery'
import type { Informer, InformerFactory } from '@canopus/client'

/** Pods of a finished run neither serve nor come back. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** Counts for its controller: not finished, not on its way out. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined
}

/** On its way out and still running. */
export function isTerminating(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined
}

/** Which spec of the pod is meant by what is said of it (pkg/api/v1/pod: CalculatePodConditionObservedGeneration). */
export function observedGeneration({ metadata: { generation } }: Pod): { observedGeneration?: number } {
  return generation === undefined ? {} : { observedGeneration: generation }
}

export function isReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True'
}

/** Ready for at least `minReadySeconds`. `now` in milliseconds. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return availableIn(pod, minReadySeconds, now) === 0
}

/** Milliseconds until the pod is available if it stays ready; nothing where it is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const ready = findCondition(pod.status?.conditions, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds === 0) return 0
  const since = parseTime(ready.lastTransitionTime ?? '')
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1000 - now)
}

/** The soonest moment, in milliseconds from now, at which one of the pods becomes available. */
export function nextAvailable(pods: readonly Pod[], minReadySeconds: number, now: number): number | undefined {
  const waits = pods.map(pod => availableIn(pod, minReadySeconds, now)).filter(wait => wait !== undefined && wait > 0)
  return waits.length === 0 ? undefined : Math.min(...(waits as number[]))
}

/** A new pod of `template`, owned by `owner`. */
export function podFromTemplate(
  owner: KubeObject,
  ownerType: ResourceType,
  template: PodTemplateSpec,
  metadata: Partial<ObjectMeta> = {},
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  const draft: Partial<ObjectMeta> = {
    ...(metadata.name ? {} : { generateName: `${owner.metadata.name}-` }),
    ...(owner.metadata.namespace ? { namespace: owner.metadata.namespace } : {}),
    ...(labels ? { labels: { ...labels } } : {}),
    ...(annotations ? { annotations: { ...annotations } } : {}),
    ...(finalizers ? { finalizers: [...finalizers] } : {}),
    ownerReferences: [controllerReference(owner, ownerType)],
    ...metadata,
  }
  return { metadata: draft as ObjectMeta, spec: clone(template.spec) }
}

const BY_CONTROLLER = 'controller'

function controllerOf({ metadata }: Pod): string[] {
  const controller = metadata.ownerReferences?.find(reference => reference.controller === true)
  return [controller?.uid ?? `orphans of ${metadata.namespace}`]
}

/** The pods' informer with the index that `podsOf` reads. */
export function podInformer(informers: InformerFactory): Informer<Pod> {
  const informer = informers.informer(Pods)
  informer.addIndex(BY_CONTROLLER, controllerOf)
  return informer
}

/** The owner's pods and the pods of its namespace that nobody owns: all that it could claim. */
export function claimablePods(informer: Informer<Pod>, owner: KubeObject): readonly Pod[] {
  const { lister } = informer
  const orphans = lister.byIndex(BY_CONTROLLER, `orphans of ${owner.metadata.namespace}`)
  return [...lister.byIndex(BY_CONTROLLER, owner.metadata.uid), ...orphans]
}

/** Only the pods that the owner owns already. */
export function podsOf(informer: Informer<Pod>, owner: KubeObject): readonly Pod[] {
  return informer.lister.byIndex(BY_CONTROLLER, owner.metadata.uid)
}
