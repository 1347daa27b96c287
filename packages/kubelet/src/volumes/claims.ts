import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@canopus/api/core/v1'
import { hasReason, isControlledBy, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { VolumeError } from './payload.ts'

/** A claim that the pod has to wait for, or cannot use: its volume is not known yet. */
export class ClaimError extends VolumeError {}

/** The claim that a volume stands for: named, or made for the pod from a template (`<pod>-<volume>`). */
export function claimName(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName
  return volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined
}

/** Volumes that containers may read only, whatever their own mounts say. */
export function readOnlyVolumes(pod: Pod): ReadonlySet<string> {
  const volumes = (pod.spec.volumes ?? []).filter(volume => volume.persistentVolumeClaim?.readOnly)
  return new Set(volumes.map(volume => volume.name))
}

/** How the pod's containers use a volume. */
export function usesOf({ spec }: Pod, volume: string): { files: boolean; device: boolean } {
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
  return {
    files: containers.some(each => each.volumeMounts?.some(mount => mount.name === volume)),
    device: containers.some(each => each.volumeDevices?.some(device => device.name === volume)),
  }
}

/**
 * The volume that is bound to a claim of the pod. Throws `ClaimError` while there is none, or where the pod cannot have it
 * (upstream pkg/kubelet/volumemanager/populator).
 */
export async function volumeOfClaim(client: Client, pod: Pod, volume: Volume): Promise<PersistentVolume> {
  const namespace = pod.metadata.namespace ?? ''
  const name = claimName(pod, volume) ?? ''
  try {
    const claim = await fetch('PVC', client, PersistentVolumeClaims, name, namespace)
    requireUsable(claim, pod, volume)
    const found = await fetch('PV', client, PersistentVolumes, claim.spec.volumeName!)
    requireBound(found, claim)
    requireMode(found, pod, volume.name)
    return found
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error
    throw new ClaimError(`error processing PVC ${namespace}/${name}: ${error.message}`)
  }
}

function requireUsable(claim: PersistentVolumeClaim, pod: Pod, volume: Volume): void {
  const { name, namespace = '', deletionTimestamp } = claim.metadata
  if (volume.ephemeral && !isControlledBy(claim, pod)) {
    const why = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name}`
    throw new ClaimError(`${why} (pod is not owner)`)
  }
  // A pod that runs goes on with it; nobody may begin.
  if (deletionTimestamp) throw new ClaimError('PVC is being deleted')
  if (claim.status?.phase !== 'Bound' || !claim.spec.volumeName) throw new ClaimError('PVC is not bound')
}

function requireBound({ metadata, spec }: PersistentVolume, claim: PersistentVolumeClaim): void {
  const { claimRef } = spec
  if (!claimRef) {
    const why = 'with nil pv.Spec.ClaimRef indicating it is not yet bound to the claim'
    throw new ClaimError(`found PV object ${metadata.name} ${why}`)
  }
  if (claimRef.uid !== claim.metadata.uid) {
    const why = `with a pv.Spec.ClaimRef.UID ${claimRef.uid ?? ''} that does not point to claim.UID ${claim.metadata.uid}`
    throw new ClaimError(`found PV object ${metadata.name} ${why}`)
  }
}

function requireMode({ spec }: PersistentVolume, pod: Pod, name: string): void {
  const { files, device } = usesOf(pod, name)
  const mode = spec.volumeMode ?? 'Filesystem'
  if (mode === 'Block' && files)
    throw new ClaimError(`volume ${name} has volumeMode Block, but is specified in volumeMounts`)
  if (mode === 'Filesystem' && device)
    throw new ClaimError(`volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`)
  if (mode === 'Block') throw new ClaimError(`volume ${name} has volumeMode Block, which this node does not support`)
}

async function fetch<T extends KubeObject>(
  what: string,
  client: Client,
  type: ResourceType<T>,
  name: string,
  namespace?: string,
): Promise<T> {
  try {
    return await client.resource(type).get(name, namespace === undefined ? {} : { namespace })
  } catch (error) {
    // A node sees claims only once the server knows that a pod of its own uses them.
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Forbidden')) throw error
    const which = what === 'PV' ? `PV ${name}` : what
    throw new ClaimError(`failed to fetch ${which} from API server: ${(error as Error).message}`)
  }
}
