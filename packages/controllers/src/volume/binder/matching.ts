/** Which volume fits which claim (k8s.io/component-helpers storage/volume, pkg/controller/volume/persistentvolume/index.go). */

import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { labelSelector, matches, quantityValue } from '@canopus/apimachinery'
import { classOfClaim, classOfVolume } from '../storage-classes.ts'

/** Whether the volume is reserved for, or bound to, this claim. A namesake made anew is another claim. */
export function isBoundTo(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec.claimRef
  if (!reference) return false
  if (reference.name !== claim.metadata.name || reference.namespace !== claim.metadata.namespace) return false
  return !reference.uid || reference.uid === claim.metadata.uid
}

const modeOf = (spec: { volumeMode?: string } | undefined): string => spec?.volumeMode ?? 'Filesystem'

export const sameVolumeMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  modeOf(volume.spec) === modeOf(claim.spec)

export function hasAccessModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const offered = volume.spec.accessModes ?? []
  return (claim.spec.accessModes ?? []).every(mode => offered.includes(mode))
}

/** A claim may look at thousands of volumes; what their texts say is worked out once. */
const sizes = new WeakMap<PersistentVolume, number>()

/** Bytes. */
function sizeOf(volume: PersistentVolume): number {
  let size = sizes.get(volume)
  if (size === undefined) {
    size = quantityValue(volume.spec.capacity?.storage ?? '0')
    sizes.set(volume, size)
  }
  return size
}

const requestOf = (claim: PersistentVolumeClaim): number =>
  quantityValue(claim.spec.resources?.requests?.storage ?? '0')

/** Why a claim that names the volume cannot have it, or nothing where it can. */
export function whyUnsuitable(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const { name, deletionTimestamp } = volume.metadata
  if (deletionTimestamp) return `the volume is marked for deletion ${JSON.stringify(name)}`
  if (sizeOf(volume) < requestOf(claim)) return 'requested PV is too small'
  if (classOfVolume(volume) !== classOfClaim(claim)) return 'storageClassName does not match'
  if (!sameVolumeMode(volume, claim)) return 'incompatible volumeMode'
  if (!hasAccessModes(volume, claim)) return 'incompatible accessMode'
  return undefined
}

/**
 * The best of the volumes: with the fewest access modes beyond those asked for, then one that is reserved for the claim, then
 * the smallest. With `reservedOnly` the choice among free volumes is left to the scheduler.
 */
export function findMatch(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  reservedOnly: boolean,
): PersistentVolume | undefined {
  const fits = suitability(claim, reservedOnly)
  let best: PersistentVolume | undefined
  for (const volume of volumes) if (fits(volume) && (!best || isBetter(volume, best, claim))) best = volume
  return best
}

function suitability(claim: PersistentVolumeClaim, reservedOnly: boolean): (volume: PersistentVolume) => boolean {
  const selector = claim.spec.selector && labelSelector(claim.spec.selector)
  const wanted = classOfClaim(claim)
  const attributes = claim.spec.volumeAttributesClassName ?? ''
  const least = requestOf(claim)
  return volume => {
    const reserved = isBoundTo(volume, claim)
    if (!reserved && (volume.spec.claimRef || reservedOnly || volume.status?.phase !== 'Available')) return false
    if (volume.metadata.deletionTimestamp || !sameVolumeMode(volume, claim) || !hasAccessModes(volume, claim))
      return false
    if ((volume.spec.volumeAttributesClassName ?? '') !== attributes || sizeOf(volume) < least) return false
    return reserved || (classOfVolume(volume) === wanted && (!selector || matches(selector, volume.metadata.labels)))
  }
}

function isBetter(left: PersistentVolume, right: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const modes = (left.spec.accessModes?.length ?? 0) - (right.spec.accessModes?.length ?? 0)
  if (modes !== 0) return modes < 0
  const [reserved, other] = [isBoundTo(left, claim), isBoundTo(right, claim)]
  if (reserved !== other) return reserved
  const size = sizeOf(left) - sizeOf(right)
  return size !== 0 ? size < 0 : left.metadata.name < right.metadata.name
}
