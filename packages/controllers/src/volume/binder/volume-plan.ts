/** What is to be done about a volume (kubernetes pkg/controller/volume/persistentvolume/pv_controller.go, syncVolume). */

import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { BOUND_BY_CONTROLLER, MIGRATED_TO, PROVISIONED_BY } from '../annotations.ts'
import type { PlannedEvent } from './claim-plan.ts'
import { sameVolumeMode } from './matching.ts'

export type VolumePlan =
  | { readonly action: 'available' | 'bound' }
  /** The claim's own turn will finish the binding. */
  | { readonly action: 'await-claim' }
  /** Neither can have the other; both are told. */
  | { readonly action: 'mismatch'; readonly aboutVolume: PlannedEvent; readonly aboutClaim: PlannedEvent }
  /** The claim went elsewhere: the volume is given back. */
  | { readonly action: 'unbind' }
  /** The claim is gone: the reclaim policy says what comes now; with an event it has failed. */
  | { readonly action: 'release'; readonly failure?: PlannedEvent }

const warning = (reason: string, message: string): PlannedEvent => ({ type: 'Warning', reason, message })

/** `claim` is the one that the volume's reference names, by its uid too; nothing where there is none. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef, persistentVolumeReclaimPolicy: policy } = volume.spec
  if (!claimRef?.uid) return { action: 'available' }
  if (!claim) return release(volume)
  const { volumeName } = claim.spec
  if (!volumeName) return sameVolumeMode(volume, claim) ? { action: 'await-claim' } : mismatch(volume, claim)
  if (volumeName === volume.metadata.name) return { action: 'bound' }
  const wasMadeForIt = volume.metadata.annotations?.[PROVISIONED_BY] !== undefined
  return wasMadeForIt && policy === 'Delete' ? release(volume) : { action: 'unbind' }
}

function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): VolumePlan {
  const [own, others] = [JSON.stringify(volume.metadata.name), JSON.stringify(claim.metadata.name)]
  const why = 'due to incompatible volumeMode.'
  return {
    action: 'mismatch',
    aboutVolume: warning(
      'VolumeMismatch',
      `Cannot bind PersistentVolume to requested PersistentVolumeClaim ${others} ${why}`,
    ),
    aboutClaim: warning(
      'VolumeMismatch',
      `Cannot bind PersistentVolume ${own} to requested PersistentVolumeClaim ${why}`,
    ),
  }
}

function release(volume: PersistentVolume): VolumePlan {
  const failure = failureToReclaim(volume)
  return failure ? { action: 'release', failure } : { action: 'release' }
}

/** Whoever made a volume removes it. There are no plugins here that could empty or remove one that an administrator made. */
function failureToReclaim({ metadata, spec }: PersistentVolume): PlannedEvent | undefined {
  if (metadata.annotations?.[MIGRATED_TO]) return undefined
  switch (spec.persistentVolumeReclaimPolicy) {
    case 'Retain':
    case undefined:
      return undefined
    case 'Recycle':
      return warning('VolumeFailedRecycle', 'No recycler plugin found for the volume!')
    case 'Delete': {
      const by = metadata.annotations?.[PROVISIONED_BY] ?? ''
      if (spec.csi || (by !== '' && !by.startsWith('kubernetes.io/'))) return undefined
      const message = `error getting deleter volume plugin for volume ${JSON.stringify(metadata.name)}: no deletable volume plugin matched`
      return warning('VolumeFailedDelete', message)
    }
    default:
      return warning('VolumeUnknownReclaimPolicy', 'Volume has unrecognized PersistentVolumeReclaimPolicy')
  }
}

/** Whether the choice of the claim was the controller's, which it may take back altogether; a user's is only loosened. */
export const wasBoundByController = ({ metadata }: PersistentVolume): boolean =>
  metadata.annotations?.[BOUND_BY_CONTROLLER] !== undefined
