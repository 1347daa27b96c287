import { PersistentVolumes, Pods, VolumeAttachments } from '@canopus/api'
import type { PersistentVolume, Pod } from '@canopus/api/core/v1'
import type { ObjectChange, ObjectReader } from '../security.ts'
import { type ReferenceKind, visitPodReferences } from './pod-references.ts'

const MIRROR = 'kubernetes.io/config.mirror'

/** Which node needs which objects, because a pod that needs them is bound to it; kept current from the pods. */
export class NodeGraph {
  readonly #objects: ObjectReader
  /** How many pods of a node refer to an object: node, then `kind/namespace/name`. */
  readonly #needs = new Map<string, Map<string, number>>()

  constructor(objects: ObjectReader) {
    this.#objects = objects
    objects.onChange(Pods, change => this.#changed(change), { mentioning: '"nodeName":' })
  }

  /** Whether a pod bound to `node` refers to the object, also through the volume that its claim is bound to. */
  needs(node: string, kind: ReferenceKind, namespace: string, name: string): boolean {
    const needed = this.#needs.get(node)
    if (needed === undefined) return false
    if (needed.has(`${kind}/${namespace}/${name}`)) return true
    return kind === 'secrets' && this.#needsThroughVolume(needed, namespace, name)
  }

  runs(node: string, namespace: string, name: string): boolean {
    return this.#objects.get(Pods, name, namespace)?.spec?.nodeName === node
  }

  /** Whether the volume is bound to a claim that a pod on the node uses. */
  usesVolume(node: string, name: string): boolean {
    const claim = this.#objects.get(PersistentVolumes, name)?.spec?.claimRef
    return claim !== undefined && this.needs(node, 'persistentvolumeclaims', claim.namespace ?? '', claim.name ?? '')
  }

  attachesHere(node: string, name: string): boolean {
    return this.#objects.get(VolumeAttachments, name)?.spec.nodeName === node
  }

  #needsThroughVolume(needed: ReadonlyMap<string, number>, namespace: string, name: string): boolean {
    for (const volume of this.#objects.list(PersistentVolumes)) {
      const claim = volume.spec?.claimRef
      if (claim === undefined || !needed.has(`persistentvolumeclaims/${claim.namespace}/${claim.name}`)) continue
      if (volumeSecrets(volume).some(secret => secret === `${namespace}/${name}`)) return true
    }
    return false
  }

  #changed(change: ObjectChange<Pod>): void {
    if (change.old !== undefined) this.#count(change.old, -1)
    if (change.type !== 'deleted') this.#count(change.object, 1)
    else if (change.old === undefined) this.#count(change.object, -1)
  }

  #count(pod: Pod, by: 1 | -1): void {
    const node = pod.spec?.nodeName
    // A mirror pod stands for one that the node runs by itself: it must not open anything to the node.
    if (!node || pod.metadata.annotations?.[MIRROR] !== undefined) return
    const needed = this.#needs.get(node) ?? new Map<string, number>()
    this.#needs.set(node, needed)
    visitPodReferences(pod, (kind, name) => {
      const key = `${kind}/${pod.metadata.namespace}/${name}`
      const count = (needed.get(key) ?? 0) + by
      if (count > 0) needed.set(key, count)
      else needed.delete(key)
    })
    if (needed.size === 0) this.#needs.delete(node)
  }
}

/** Secrets that a kubelet reads to mount a volume, as `namespace/name`. */
function volumeSecrets(volume: PersistentVolume): string[] {
  const spec = volume.spec
  const home = spec?.claimRef?.namespace
  const refs = [
    spec?.csi?.nodePublishSecretRef,
    spec?.csi?.nodeStageSecretRef,
    spec?.csi?.nodeExpandSecretRef,
    spec?.cephfs?.secretRef,
    spec?.cinder?.secretRef,
    spec?.flexVolume?.secretRef,
    spec?.rbd?.secretRef,
    spec?.scaleIO?.secretRef,
    spec?.iscsi?.secretRef,
    spec?.azureFile && { name: spec.azureFile.secretName, namespace: spec.azureFile.secretNamespace },
  ]
  return refs.filter(ref => ref?.name).map(ref => `${ref?.namespace || home}/${ref?.name}`)
}
