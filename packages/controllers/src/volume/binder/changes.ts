/** Claims and volumes as they are to be written; nothing where they are so already. */

import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { clone, semanticEqual } from '@canopus/apimachinery'
import { BETA_STORAGE_PROVISIONER, BIND_COMPLETED, BOUND_BY_CONTROLLER, STORAGE_PROVISIONER } from '../annotations.ts'
import { isBoundTo } from './matching.ts'
import { wasBoundByController } from './volume-plan.ts'

/** The volume, bound to the claim. */
export function volumeBoundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume | undefined {
  const { name, namespace, uid, resourceVersion } = claim.metadata
  const reference = volume.spec.claimRef
  const same = reference?.name === name && reference?.namespace === namespace && reference?.uid === uid
  const marked = isBoundTo(volume, claim) || wasBoundByController(volume)
  if (same && marked) return undefined
  const next = clone(volume)
  if (!same)
    next.spec.claimRef = {
      kind: 'PersistentVolumeClaim',
      apiVersion: 'v1',
      name,
      uid,
      ...(namespace === undefined ? {} : { namespace }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    }
  if (!marked) annotate(next, BOUND_BY_CONTROLLER, 'yes')
  return next
}

/** The claim, bound to the volume. */
export function claimBoundTo(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
): PersistentVolumeClaim | undefined {
  const { name } = volume.metadata
  const chosen = claim.spec.volumeName === name
  if (chosen && claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return undefined
  const next = clone(claim)
  if (!chosen) {
    next.spec.volumeName = name
    if (claim.metadata.annotations?.[BOUND_BY_CONTROLLER] === undefined) annotate(next, BOUND_BY_CONTROLLER, 'yes')
  }
  if (claim.metadata.annotations?.[BIND_COMPLETED] === undefined) annotate(next, BIND_COMPLETED, 'yes')
  return next
}

/** The claim in another phase; bound ones tell what their volume offers. */
export function claimInPhase(
  claim: PersistentVolumeClaim,
  phase: 'Pending' | 'Bound' | 'Lost',
  volume?: PersistentVolume,
): PersistentVolumeClaim | undefined {
  const { accessModes, capacity, currentVolumeAttributesClassName, ...rest } = claim.status ?? {}
  // A bound claim's capacity changes with its expansion alone.
  const becomes = claim.status?.phase !== phase
  const attributes = volume?.spec.volumeAttributesClassName
  const status = {
    ...rest,
    phase,
    ...(volume?.spec.accessModes && { accessModes: [...volume.spec.accessModes] }),
    ...(volume && (becomes || !capacity) && volume.spec.capacity && { capacity: { ...volume.spec.capacity } }),
    ...(volume && !becomes && capacity && { capacity }),
    ...(volume && becomes && attributes && { currentVolumeAttributesClassName: attributes }),
    ...(volume && !becomes && currentVolumeAttributesClassName && { currentVolumeAttributesClassName }),
  }
  return semanticEqual(status, claim.status ?? {}) ? undefined : { ...clone(claim), status }
}

export function volumeInPhase(volume: PersistentVolume, phase: string, message = ''): PersistentVolume | undefined {
  if (volume.status?.phase === phase) return undefined
  const { message: _, ...status } = volume.status ?? {}
  return { ...clone(volume), status: { ...status, phase, ...(message === '' ? {} : { message }) } }
}

/** The volume, free again; one that a user reserved stays reserved. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const next = clone(volume)
  if (!wasBoundByController(volume)) {
    delete next.spec.claimRef?.uid
    return next
  }
  delete next.spec.claimRef
  delete next.metadata.annotations?.[BOUND_BY_CONTROLLER]
  return next
}

/** The claim, which tells a provisioner to make its volume. */
export function claimForProvisioner(
  claim: PersistentVolumeClaim,
  provisioner: string,
): PersistentVolumeClaim | undefined {
  if (claim.metadata.annotations?.[STORAGE_PROVISIONER] === provisioner) return undefined
  const next = clone(claim)
  // The older name is set too: there are provisioners that know no other.
  annotate(next, BETA_STORAGE_PROVISIONER, provisioner)
  annotate(next, STORAGE_PROVISIONER, provisioner)
  return next
}

function annotate(object: PersistentVolume | PersistentVolumeClaim, name: string, value: string): void {
  object.metadata.annotations = { ...object.metadata.annotations, [name]: value }
}
