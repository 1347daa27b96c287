/**
 * Who owns the claims of a stateful set's pods, by its retention policy (KEP-1847).
 * Behaviour: kubernetes pkg/controller/statefulset/stateful_set_utils.go.
 */
import { Pods, StatefulSets } from '@canopus/api'
import type { StatefulSet } from '@canopus/api/apps/v1'
import type { PersistentVolumeClaim } from '@canopus/api/core/v1'
import {
  apiVersionOf,
  controllerReference,
  type KubeObject,
  type OwnerReference,
  type ResourceType,
} from '@canopus/apimachinery'

/** A pod of the set; one that is yet to be made has no uid. */
type Member = Pick<KubeObject, 'metadata'>

export interface ClaimOwners {
  /** As they should be; nothing where they may stay as they are. */
  wanted: readonly OwnerReference[] | undefined
  /** Somebody else controls the claim, so that the policy cannot be kept. */
  hasConflict: boolean
}

const names = (reference: OwnerReference, { metadata }: Member, type: ResourceType): boolean =>
  reference.apiVersion === apiVersionOf(type) && reference.kind === type.kind && reference.name === metadata.name

const policyOf = ({ spec }: StatefulSet): { onScale: boolean; onDelete: boolean } => ({
  onScale: spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete',
  onDelete: spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete',
})

/**
 * Whether the claim belongs to a former pod of that name and goes with it: where claims go when the set shrinks, the next pod waits
 * for a claim of its own.
 */
export function isStale(set: StatefulSet, pod: Member, { metadata }: PersistentVolumeClaim): boolean {
  return policyOf(set).onScale && namesFormer(metadata.ownerReferences, pod, Pods)
}

function namesFormer(references: readonly OwnerReference[] = [], object: Member, type: ResourceType): boolean {
  const named = references.find(each => names(each, object, type))
  return named !== undefined && named.uid !== object.metadata.uid
}

/** Whose the claim should be. `isSurplus`: the pod's ordinal is beyond what the set should have. */
export function claimOwners(
  set: StatefulSet,
  pod: Member,
  isSurplus: boolean,
  { metadata }: PersistentVolumeClaim,
): ClaimOwners {
  const { ownerReferences: references = [] } = metadata
  const hasConflict = isControlledByOthers(set, pod, references)
  // Of a former set or pod: the garbage collector will see to it.
  if (namesFormer(references, set, StatefulSets) || namesFormer(references, pod, Pods)) {
    return { wanted: undefined, hasConflict }
  }
  const others = references.filter(each => !names(each, set, StatefulSets) && !names(each, pod, Pods))
  const owner = hasConflict ? undefined : ownerOf(set, pod, isSurplus)
  const wanted = owner ? [...others, owner] : others
  const isSame =
    wanted.length === references.length &&
    wanted.every(each => references.some(old => old.uid === each.uid && old.controller === each.controller))
  return { wanted: isSame ? undefined : wanted, hasConflict }
}

function ownerOf(set: StatefulSet, pod: Member, isSurplus: boolean): OwnerReference | undefined {
  const { onScale, onDelete } = policyOf(set)
  if (onScale && isSurplus) return controllerReference(pod, Pods)
  return onDelete ? controllerReference(set, StatefulSets) : undefined
}

function isControlledByOthers(set: StatefulSet, pod: Member, references: readonly OwnerReference[]): boolean {
  const { onScale, onDelete } = policyOf(set)
  if (!onScale && !onDelete) return false
  return references.some(each => {
    if (names(each, set, StatefulSets)) return each.uid !== set.metadata.uid
    if (names(each, pod, Pods)) return each.uid !== pod.metadata.uid
    return each.controller === true
  })
}
