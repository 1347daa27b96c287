/** Claims, volumes and classes for tests, with what every one has. */
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import type { StorageClass } from '@canopus/api/storage/v1'

interface Marks {
  annotations?: Record<string, string>
  labels?: Record<string, string>
  deletionTimestamp?: string
}

/** A claim `default/data` for 1Gi with the uid `c1`, of no class. */
export function claimOf(
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  marks: Marks & { phase?: string; name?: string } = {},
): PersistentVolumeClaim {
  const { phase = 'Pending', name = 'data', ...metadata } = marks
  return {
    metadata: { name, namespace: 'default', uid: 'c1', ...metadata } as PersistentVolumeClaim['metadata'],
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
    status: { phase },
  }
}

/** A free volume of 1Gi, of no class. */
export function volumeOf(
  name: string,
  spec: Partial<PersistentVolume['spec']> = {},
  marks: Marks & { phase?: string } = {},
): PersistentVolume {
  const { phase = 'Available', ...metadata } = marks
  return {
    metadata: { name, uid: `uid-${name}`, ...metadata } as PersistentVolume['metadata'],
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: '/data' },
      ...spec,
    },
    status: { phase },
  }
}

export function classNamed(name: string, more: Partial<StorageClass> & Marks = {}): StorageClass {
  const { annotations, ...rest } = more
  return {
    metadata: { name, uid: name, ...(annotations ? { annotations } : {}) } as StorageClass['metadata'],
    provisioner: 'example.com/disks',
    volumeBindingMode: 'Immediate',
    reclaimPolicy: 'Delete',
    ...rest,
  }
}
