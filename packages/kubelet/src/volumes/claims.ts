import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolume, Pod, Volume } from '@canopus/api/core/v1'
import { hasReason, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { prepareHostPath } from './host-path.ts'
import { VolumeError } from './payload.ts'

/** The claim that a volume stands for: named, or made for the pod from a template (`<pod>-<volume>`). */
export function claimName(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName
  return volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined
}

/** Where the volume behind a claim is on this node. Only directories of the node itself are supported: hostPath and local. */
export async function prepareClaim(client: Client, pod: Pod, name: string): Promise<string> {
  const namespace = pod.metadata.namespace ?? ''
  const claim = await find(client, PersistentVolumeClaims, name, namespace)
  if (claim === undefined) throw new VolumeError(`persistentvolumeclaim ${JSON.stringify(name)} not found`)
  const { volumeName } = claim.spec
  if (claim.status?.phase !== 'Bound' || !volumeName)
    throw new VolumeError(`error processing PVC ${namespace}/${name}: PVC is not bound`)
  const volume = await find(client, PersistentVolumes, volumeName)
  if (volume === undefined) throw new VolumeError(`persistentvolume ${JSON.stringify(volumeName)} not found`)
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid)
    throw new VolumeError(`persistentvolume ${JSON.stringify(volumeName)} is bound to another claim`)
  return prepareVolume(volume)
}

function prepareVolume({ metadata, spec }: PersistentVolume): string {
  if (spec?.hostPath) {
    prepareHostPath(spec.hostPath)
    return spec.hostPath.path
  }
  if (spec?.local) {
    prepareHostPath({ path: spec.local.path, type: 'Directory' })
    return spec.local.path
  }
  throw new VolumeError(`no volume plugin matched persistentvolume ${JSON.stringify(metadata.name)}`)
}

async function find<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  name: string,
  namespace?: string,
): Promise<T | undefined> {
  try {
    return await client.resource(type).get(name, namespace === undefined ? {} : { namespace })
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}
