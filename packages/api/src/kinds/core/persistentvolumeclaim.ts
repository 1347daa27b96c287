import type { PersistentVolumeClaim } from '../../generated/core.v1.ts'
import { PersistentVolumeClaims } from '../../resources.ts'
import { ageColumn, nameColumn, text, wide } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { accessModesText, storageClassOf } from './storage-columns.ts'

const isBound = (claim: PersistentVolumeClaim): boolean => (claim.spec.volumeName ?? '') !== ''

export const PersistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  type: PersistentVolumeClaims,
  message: 'core.v1.PersistentVolumeClaim',
  storagePrefix: 'persistentvolumeclaims',
  strategy: strategyOf({ status: () => ({ phase: 'Pending' }) }),
  columns: [
    nameColumn,
    text('Status', 'Its phase.', claim =>
      claim.metadata.deletionTimestamp !== undefined ? 'Terminating' : (claim.status?.phase ?? ''),
    ),
    text('Volume', 'The volume that it is bound to.', claim => claim.spec.volumeName ?? ''),
    text('Capacity', 'Size of the bound volume.', claim =>
      isBound(claim) ? (claim.status?.capacity?.storage ?? '0') : '',
    ),
    text('Access Modes', 'How the bound volume can be mounted.', claim =>
      isBound(claim) ? accessModesText(claim.status?.accessModes) : '',
    ),
    text('StorageClass', 'Its storage class.', storageClassOf),
    text(
      'VolumeAttributesClass',
      'Its volume attributes class.',
      claim => claim.spec.volumeAttributesClassName ?? '<unset>',
    ),
    ageColumn,
    wide('VolumeMode', 'File system or raw block device.', claim => claim.spec.volumeMode ?? '<unset>'),
  ],
})
