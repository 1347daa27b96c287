import type { PersistentVolume, Volume } from '@canopus/api/core/v1'

/** Which driver attaches a volume, what it calls it, and the plugin that did so before drivers (k8s.io/csi-translation-lib). */
export interface AttachedBy {
  readonly driver: string
  readonly handle: string
  /** Set for volumes that are described the old way: the driver has them where the node says that it has moved. */
  readonly plugin?: string
}

type Sources = Pick<
  Volume,
  | 'awsElasticBlockStore'
  | 'gcePersistentDisk'
  | 'azureDisk'
  | 'azureFile'
  | 'cinder'
  | 'vsphereVolume'
  | 'portworxVolume'
>

function migrated(source: Sources): AttachedBy | undefined {
  if (source.awsElasticBlockStore) {
    return by('ebs.csi.aws.com', 'kubernetes.io/aws-ebs', source.awsElasticBlockStore.volumeID)
  }
  if (source.gcePersistentDisk) {
    return by('pd.csi.storage.gke.io', 'kubernetes.io/gce-pd', source.gcePersistentDisk.pdName)
  }
  if (source.azureDisk) return by('disk.csi.azure.com', 'kubernetes.io/azure-disk', source.azureDisk.diskURI)
  if (source.azureFile) return by('file.csi.azure.com', 'kubernetes.io/azure-file', source.azureFile.shareName)
  if (source.cinder) return by('cinder.csi.openstack.org', 'kubernetes.io/cinder', source.cinder.volumeID)
  if (source.vsphereVolume) {
    return by('csi.vsphere.vmware.com', 'kubernetes.io/vsphere-volume', source.vsphereVolume.volumePath)
  }
  if (source.portworxVolume) {
    return by('pxd.portworx.com', 'kubernetes.io/portworx-volume', source.portworxVolume.volumeID)
  }
  return undefined
}

const by = (driver: string, plugin: string, handle: string): AttachedBy => ({ driver, plugin, handle })

/** The driver of a volume that a pod names without a claim. */
export function inlineDriver(volume: Volume): (AttachedBy & { plugin: string }) | undefined {
  const found = migrated(volume)
  return found?.plugin === undefined ? undefined : { ...found, plugin: found.plugin }
}

/** The driver of a persistent volume, in whichever way that is described. */
export function volumeDriver({ spec }: PersistentVolume): AttachedBy | undefined {
  if (spec?.csi) return { driver: spec.csi.driver, handle: spec.csi.volumeHandle }
  return spec === undefined ? undefined : migrated(spec as Sources)
}
