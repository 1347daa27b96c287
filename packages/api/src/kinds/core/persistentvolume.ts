import type { PersistentVolume } from '../../generated/core.v1.ts'
import { PersistentVolumes } from '../../resources.ts'
import { ageColumn, nameColumn, text, wide } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { accessModesText, storageClassOf } from './storage-columns.ts'
import { validateVolume, validateVolumeUpdate } from './volume-validation.ts'

const claimText = ({ spec }: PersistentVolume): string =>
  spec.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : ''

function defaultVolume(volume: PersistentVolume): void {
  volume.spec ??= {}
  const { spec } = volume
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  if (spec.hostPath) spec.hostPath.type ??= ''
  if (spec.iscsi) spec.iscsi.iscsiInterface ||= 'default'
  volume.status ??= {}
  volume.status.phase ||= 'Pending'
}

export const PersistentVolumeKind = defineKind<PersistentVolume>({
  type: PersistentVolumes,
  message: 'core.v1.PersistentVolume',
  storagePrefix: 'persistentvolumes',
  strategy: strategyOf(
    { status: () => ({ phase: 'Pending' }) },
    {
      validate: validateVolume,
      validateUpdate: validateVolumeUpdate,
      default: defaultVolume,
      prepareForCreate(volume, { now }) {
        volume.status!.lastPhaseTransitionTime = now
      },
      prepareForStatusUpdate({ status }, old, { now }) {
        if (!status || status.phase === old.status?.phase) return
        const told = status.lastPhaseTransitionTime
        if (told === undefined || told === old.status?.lastPhaseTransitionTime) status.lastPhaseTransitionTime = now
      },
    },
  ),
  columns: [
    nameColumn,
    text('Capacity', 'Size of the volume.', volume => volume.spec.capacity?.storage ?? ''),
    text('Access Modes', 'How it can be mounted.', volume => accessModesText(volume.spec.accessModes)),
    text(
      'Reclaim Policy',
      'What happens to it when its claim goes.',
      volume => volume.spec.persistentVolumeReclaimPolicy ?? '',
    ),
    text('Status', 'Its phase.', volume =>
      volume.metadata.deletionTimestamp !== undefined ? 'Terminating' : (volume.status?.phase ?? ''),
    ),
    text('Claim', 'The claim that it is bound to.', claimText),
    text('StorageClass', 'Its storage class.', storageClassOf),
    text(
      'VolumeAttributesClass',
      'Its volume attributes class.',
      volume => volume.spec.volumeAttributesClassName ?? '<unset>',
    ),
    text('Reason', 'Why it failed.', volume => volume.status?.reason ?? ''),
    ageColumn,
    wide('VolumeMode', 'File system or raw block device.', volume => volume.spec.volumeMode ?? '<unset>'),
  ],
})
