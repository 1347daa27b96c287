import {
  CSIDrivers,
  CSINodes,
  CSIStorageCapacities,
  DeviceClasses,
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  ResourceClaims,
  ResourceSlices,
  StorageClasses,
  VolumeAttachments,
} from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import { deepEqual, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { ClusterCache } from './cache.ts'
import type { ClusterEvent } from './framework.ts'
import type { NotingInformers } from './informed.ts'
import { nodeChanges, sameForScheduling } from './node-events.ts'
import { isTerminal, type PodInfo, podInfo } from './pod-info.ts'
import type { SchedulingQueue } from './queue.ts'

export interface EventTargets {
  readonly informers: NotingInformers
  readonly cache: ClusterCache
  readonly queue: SchedulingQueue
  /** Whether this scheduler is the pod's. */
  isOurs(pod: Pod): boolean
  /** A pod that was to be tried is not, because it is being deleted. */
  skipped(pod: PodInfo): void
}

/** Kinds that only some plugins look at. */
const OTHERS: readonly (readonly [ResourceType<KubeObject>, ClusterEvent])[] = [
  [PersistentVolumes as ResourceType<KubeObject>, 'PersistentVolume'],
  [PersistentVolumeClaims as ResourceType<KubeObject>, 'PersistentVolumeClaim'],
  [StorageClasses as ResourceType<KubeObject>, 'StorageClass'],
  [CSINodes as ResourceType<KubeObject>, 'CSINode'],
  [CSIDrivers as ResourceType<KubeObject>, 'CSIDriver'],
  [CSIStorageCapacities as ResourceType<KubeObject>, 'CSIStorageCapacity'],
  [ResourceClaims as ResourceType<KubeObject>, 'ResourceClaim'],
  [ResourceSlices as ResourceType<KubeObject>, 'ResourceSlice'],
  [DeviceClasses as ResourceType<KubeObject>, 'DeviceClass'],
]

/** Keeps cache and queue current with what the informers tell. Answers how to stop that. */
export function connectSources(targets: EventTargets): () => void {
  const { informers, cache, queue } = targets
  const pods = new PodSource(targets)
  const stops = [
    informers.informer(Nodes).addHandler({
      added(node) {
        cache.setNode(node)
        queue.move({ event: 'NodeAdd', node })
      },
      updated: (old, node) => nodeUpdated(targets, old, node),
      deleted(node) {
        cache.removeNode(node.metadata.name)
        queue.move({ event: 'NodeDelete', node })
      },
    }),
    informers.informer(Namespaces).addHandler({
      updated(old, namespace) {
        if (!deepEqual(old.metadata.labels, namespace.metadata.labels)) {
          queue.move({ event: 'NamespaceUpdate', object: namespace, oldObject: old })
        }
      },
    }),
    informers.informer(Pods).addHandler({
      added: pod => pods.seen(pod),
      updated: (old, pod) => pods.seen(pod, old),
      deleted: pod => pods.gone(pod),
    }),
  ]
  for (const [type, event] of OTHERS) {
    if (!informers.has(type)) continue
    const handler = {
      added: (object: KubeObject) => queue.move({ event, object }),
      updated: (oldObject: KubeObject, object: KubeObject) => queue.move({ event, oldObject, object }),
      deleted: (oldObject: KubeObject) => queue.move({ event, oldObject }),
    }
    stops.push(informers.informer(type).addHandler(handler))
  }
  if (informers.has(VolumeAttachments)) {
    const deleted = (oldObject: KubeObject): void => queue.move({ event: 'VolumeAttachmentDelete', oldObject })
    stops.push(informers.informer(VolumeAttachments).addHandler({ deleted }))
  }
  return () => {
    for (const stop of stops) stop()
  }
}

function nodeUpdated({ cache, queue }: EventTargets, oldNode: Node, node: Node): void {
  if (sameForScheduling(oldNode, node)) return
  cache.setNode(node)
  for (const event of nodeChanges(oldNode, node)) queue.move({ event, node, oldNode })
}

class PodSource {
  readonly #targets: EventTargets

  constructor(targets: EventTargets) {
    this.#targets = targets
  }

  seen(pod: Pod, old?: Pod): void {
    const { cache, queue } = this.#targets
    if (isTerminal(pod)) this.gone(pod)
    else if (pod.spec?.nodeName) {
      const info = podInfo(pod, old && podInfo(old))
      cache.setPod(pod)
      queue.remove(info.key)
      if (!old?.spec?.nodeName) queue.move({ event: 'AssignedPodAdd', pod: info })
      else if (countsDifferently(old, pod)) queue.move({ event: 'AssignedPodUpdate', pod: info, oldPod: podInfo(old) })
    } else if (this.#targets.isOurs(pod)) this.#pending(pod, old)
  }

  #pending(pod: Pod, old: Pod | undefined): void {
    const { cache, queue } = this.#targets
    const info = podInfo(pod)
    if (pod.metadata.deletionTimestamp !== undefined) {
      const state = queue.get(info.key)?.state
      if (state === undefined || state === 'active' || state === 'backoff') this.#targets.skipped(info)
      queue.remove(info.key)
      if (cache.nominatedNode(info.key) !== undefined) this.#nominationEnds(pod)
      return
    }
    // A pod that has been bound a moment ago is settled, whatever its older versions say.
    if (cache.isAssumed(info.key) && queue.get(info.key) === undefined) return
    const nominated = pod.status?.nominatedNodeName
    // What is decided here is known before the API server says it; that somebody takes it back is not.
    // A pod whose binding is under way counts on its node already.
    const matters = nominated || old?.status?.nominatedNodeName
    if (matters && !cache.isAssumed(info.key)) cache.nominate(info, nominated)
    queue.set(info)
    // Whoever the pod kept room from, where it was nominated before, may have it now.
    const before = old?.status?.nominatedNodeName
    if (before && before !== nominated) queue.move({ event: 'AssignedPodDelete', pod: podInfo(old) })
  }

  gone(pod: Pod): void {
    const { cache, queue } = this.#targets
    const info = podInfo(pod)
    const known = cache.has(info.key)
    const nominated = cache.nominatedNode(info.key) !== undefined
    cache.removePod(info.key)
    queue.remove(info.key)
    if (known) queue.move({ event: 'AssignedPodDelete', pod: info })
    else if (nominated) this.#nominationEnds(pod)
  }

  /** The room that was kept for the pod is there for others. */
  #nominationEnds(pod: Pod): void {
    const info = podInfo(pod)
    this.#targets.cache.nominate(info, undefined)
    this.#targets.queue.move({ event: 'AssignedPodDelete', pod: info })
  }
}

/** Whether a pod on a node takes other room than before, or is another one to selectors. Its status changes all the time. */
function countsDifferently(old: Pod, pod: Pod): boolean {
  return (
    !deepEqual(podInfo(old).requests, podInfo(pod).requests) ||
    !deepEqual(old.metadata.labels, pod.metadata.labels) ||
    (old.metadata.deletionTimestamp === undefined) !== (pod.metadata.deletionTimestamp === undefined)
  )
}
