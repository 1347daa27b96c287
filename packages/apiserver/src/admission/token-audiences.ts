/** For whom the volumes of a pod ask for tokens (plugin/pkg/admission/noderestriction, podReferencesAudience). */
import { CSIDrivers, inlineDriver, PersistentVolumeClaims, PersistentVolumes, volumeDriver } from '@canopus/api'
import type { Pod, Volume } from '@canopus/api/core/v1'
import { aggregateText } from '@canopus/apimachinery'
import type { ObjectReader } from '../security.ts'

type Objects = Pick<ObjectReader, 'get'>

/**
 * Whether a volume of the pod asks for tokens of this audience, itself or through its CSI driver. Where none does and some cannot be
 * followed, the answer is why not.
 */
export function findAudience(pod: Pod, audience: string, objects: Objects): boolean | string {
  const problems: string[] = []
  for (const volume of pod.spec?.volumes ?? []) {
    const projected = volume.projected?.sources?.some(
      ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
    )
    if (projected) return true
    const found = driverAsks(pod, volume, audience, objects)
    if (found === true) return true
    if (found !== false) problems.push(found)
  }
  return problems.length > 0 && aggregateText(problems)
}

function driverAsks(pod: Pod, volume: Volume, audience: string, objects: Objects): boolean | string {
  let name = volume.csi?.driver ?? inlineDriver(volume)?.driver
  const claimName =
    volume.ephemeral === undefined ? volume.persistentVolumeClaim?.claimName : `${pod.metadata.name}-${volume.name}`
  if (claimName !== undefined) {
    const claim = objects.get(PersistentVolumeClaims, claimName, pod.metadata.namespace)
    if (claim === undefined) return missing('persistentvolumeclaim', claimName)
    const volumeName = claim.spec?.volumeName ?? ''
    const bound = objects.get(PersistentVolumes, volumeName)
    if (bound === undefined) return missing('persistentvolume', volumeName)
    name = volumeDriver(bound)?.driver
  }
  if (!name) return false
  const driver = objects.get(CSIDrivers, name)
  if (driver === undefined) return missing('csidriver.storage.k8s.io', name)
  return driver.spec.tokenRequests?.some(request => request.audience === audience) ?? false
}

const missing = (kind: string, name: string): string => `${kind} ${JSON.stringify(name)} not found`
