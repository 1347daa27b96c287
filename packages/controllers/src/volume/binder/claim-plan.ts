/** What is to be done about a claim (kubernetes pkg/controller/volume/persistentvolume/pv_controller.go, syncClaim). */

import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE } from '../annotations.ts'
import { classOfClaim, defaultClass, isDelayed, namesClass } from '../storage-classes.ts'
import { findMatch, isBoundTo, whyUnsuitable } from './matching.ts'

export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** What a plan looks at. */
export interface ClaimSurroundings {
  volume(name: string): PersistentVolume | undefined
  /** All volumes that could come into question: those reserved for the claim, and free ones of its class. */
  candidates(claim: PersistentVolumeClaim): Iterable<PersistentVolume>
  storageClasses(): readonly StorageClass[]
  /** Names of the pods that use the claim and have no node yet. */
  waitingPods(claim: PersistentVolumeClaim): readonly string[]
}

export type ClaimPlan =
  | { readonly action: 'bind'; readonly volume: PersistentVolume }
  | { readonly action: 'assign-class'; readonly className: string }
  /** Told to an external provisioner by annotation. */
  | { readonly action: 'provision'; readonly provisioner: string }
  | { readonly action: 'pend'; readonly event?: PlannedEvent }
  /** Its data are gone: for good, as far as the controller is concerned. The event is told once. */
  | { readonly action: 'lose'; readonly event: PlannedEvent }
  /** Told, and nothing changed. */
  | { readonly action: 'tell'; readonly event: PlannedEvent }

const normal = (reason: string, message: string): PlannedEvent => ({ type: 'Normal', reason, message })
const warning = (reason: string, message: string): PlannedEvent => ({ type: 'Warning', reason, message })

export function planClaim(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimPlan {
  if (claim.metadata.annotations?.[BIND_COMPLETED] !== undefined) return planBound(claim, around)
  return claim.spec.volumeName ? planRequested(claim, claim.spec.volumeName, around) : planFree(claim, around)
}

/** Any volume will do. */
function planFree(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimPlan {
  const className = classOfClaim(claim)
  const storageClass = around.storageClasses().find(each => each.metadata.name === className)
  const delayed = isDelayed(storageClass)
  const volume = findMatch(claim, around.candidates(claim), delayed)
  if (volume) return { action: 'bind', volume }
  const standard = namesClass(claim) ? undefined : defaultClass(around.storageClasses())
  if (standard) return { action: 'assign-class', className: standard.metadata.name }
  if (delayed && claim.metadata.annotations?.[SELECTED_NODE] === undefined)
    return { action: 'pend', event: waiting(around.waitingPods(claim)) }
  if (className !== '') return planProvisioning(className, storageClass)
  return {
    action: 'pend',
    event: normal('FailedBinding', 'no persistent volumes available for this claim and no storage class is set'),
  }
}

function waiting(pods: readonly string[]): PlannedEvent {
  if (pods.length === 0)
    return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
  const who = pods.length === 1 ? `pod ${pods[0]}` : `pods ${pods.join(',')}`
  return normal('WaitForPodScheduled', `waiting for ${who} to be scheduled`)
}

function planProvisioning(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  if (!storageClass) {
    const message = `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`
    return { action: 'tell', event: warning('ProvisioningFailed', message) }
  }
  const { provisioner } = storageClass
  // What Kubernetes itself once provisioned is not part of this server.
  if (provisioner.startsWith('kubernetes.io/')) {
    const message = `no volume plugin matched name: ${provisioner}`
    return { action: 'tell', event: warning('ProvisioningFailed', message) }
  }
  return { action: 'provision', provisioner }
}

/** Told with every look at a claim whose volume an external provisioner is to make. */
export const externalProvisioning = (provisioner: string): PlannedEvent =>
  normal(
    'ExternalProvisioning',
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
  )

/** The claim asks for this very volume. */
function planRequested(claim: PersistentVolumeClaim, name: string, around: ClaimSurroundings): ClaimPlan {
  const volume = around.volume(name)
  if (!volume) return { action: 'pend' }
  if (!volume.spec.claimRef) {
    const why = whyUnsuitable(volume, claim)
    if (why === undefined) return { action: 'bind', volume }
    const message = `Cannot bind to requested volume ${JSON.stringify(name)}: ${why}`
    return { action: 'pend', event: warning('VolumeMismatch', message) }
  }
  if (isBoundTo(volume, claim)) return { action: 'bind', volume }
  const event = warning('FailedBinding', `volume ${JSON.stringify(name)} already bound to a different claim.`)
  // A user's choice may come true yet. The controller's own cannot have been: somebody has taken the mark of completion away.
  return { action: claim.metadata.annotations?.[BOUND_BY_CONTROLLER] === undefined ? 'pend' : 'tell', event }
}

/** The claim has been bound already. */
function planBound(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimPlan {
  const lost = (reason: string, message: string): ClaimPlan => ({ action: 'lose', event: warning(reason, message) })
  const name = claim.spec.volumeName
  if (!name) return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
  const volume = around.volume(name)
  if (!volume) return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  const reference = volume.spec.claimRef
  if (!reference || reference.uid === claim.metadata.uid) return { action: 'bind', volume }
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}
