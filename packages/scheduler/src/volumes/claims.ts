import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'
import { controllerOf } from '@canopus/apimachinery'

const CLASS = 'volume.beta.kubernetes.io/storage-class'
const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'
const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller'
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner'

/** A claim that a pod mounts. */
export interface ClaimReference {
  readonly name: string
  /** Made for this very pod: a claim of that name that belongs to somebody else does not do. */
  readonly ephemeral: boolean
}

/** Names of the claims of the pod, in the order of its volumes. */
export function claimsOf(pod: Pod): readonly ClaimReference[] {
  const claims = (pod.spec?.volumes ?? []).flatMap((volume): ClaimReference[] => {
    if (volume.persistentVolumeClaim) return [{ name: volume.persistentVolumeClaim.claimName, ephemeral: false }]
    return volume.ephemeral ? [{ name: `${pod.metadata.name}-${volume.name}`, ephemeral: true }] : []
  })
  return claims.length > 0 ? claims : NO_CLAIMS
}

const NO_CLAIMS: readonly ClaimReference[] = Object.freeze([])

/** What is wrong with a claim that was to be made for the pod (k8s.io/component-helpers/storage/ephemeral). */
export function ownershipProblem(pod: Pod, claim: PersistentVolumeClaim): string | undefined {
  if (controllerOf(claim)?.uid === pod.metadata.uid) return undefined
  const { name, namespace } = pod.metadata
  return `PVC ${namespace}/${claim.metadata.name} was not created for pod ${namespace}/${name} (pod is not owner)`
}

export const claimClass = (claim: PersistentVolumeClaim): string =>
  claim.metadata.annotations?.[CLASS] ?? claim.spec?.storageClassName ?? ''

export const volumeClass = (volume: PersistentVolume): string =>
  volume.metadata.annotations?.[CLASS] ?? volume.spec?.storageClassName ?? ''

export const isDelayed = (storageClass: StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer'

/** Whether claim and volume are joined and the controller has said so. */
export const isFullyBound = (claim: PersistentVolumeClaim): boolean =>
  Boolean(claim.spec?.volumeName) && claim.metadata.annotations?.[BIND_COMPLETED] !== undefined

/** Whether the volume is meant for the claim, bound or not. */
export function isMeantFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec?.claimRef
  if (!reference || reference.name !== claim.metadata.name || reference.namespace !== claim.metadata.namespace)
    return false
  return !reference.uid || reference.uid === claim.metadata.uid
}

/** The volume with the claim entered, as the binder controller would do it; the same object where nothing is missing. */
export function boundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { name, namespace, uid, resourceVersion } = claim.metadata
  const byController = !isMeantFor(volume, claim)
  if (!byController && volume.spec?.claimRef?.uid === uid) return volume
  const claimRef = {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    name,
    uid,
    ...(namespace ? { namespace } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  }
  const annotations = { ...volume.metadata.annotations, ...(byController ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}) }
  return { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } }
}

/** The claim with the node for which a volume is to be made. */
export function selectedFor(claim: PersistentVolumeClaim, node: string): PersistentVolumeClaim {
  const annotations = { ...claim.metadata.annotations, [SELECTED_NODE]: node }
  return { ...claim, metadata: { ...claim.metadata, annotations } }
}
