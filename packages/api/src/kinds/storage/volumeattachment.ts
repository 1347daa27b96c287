import type { VolumeAttachment } from '../../generated/storage.v1.ts'
import { VolumeAttachments } from '../../resources.ts'
import { ageColumn, column, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateVolumeAttachment, validateVolumeAttachmentUpdate } from './validation.ts'

export const VolumeAttachmentKind = defineKind<VolumeAttachment>({
  type: VolumeAttachments,
  message: 'storage.v1.VolumeAttachment',
  storagePrefix: 'volumeattachments',
  strategy: strategyOf(
    { spec: true, status: () => ({ attached: false }), statusLeavesMetadata: true },
    {
      validate: validateVolumeAttachment,
      validateUpdate: validateVolumeAttachmentUpdate,
      validateStatusUpdate: validateVolumeAttachmentUpdate,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [
    nameColumn,
    { ...text('Attacher', of('storage.v1.VolumeAttachmentSpec.attacher'), each => each.spec.attacher), format: 'name' },
    text(
      'PV',
      of('storage.v1.VolumeAttachmentSource.persistentVolumeName'),
      each => each.spec.source?.persistentVolumeName ?? '',
    ),
    text('Node', of('storage.v1.VolumeAttachmentSpec.nodeName'), each => each.spec.nodeName),
    column(
      'Attached',
      'boolean',
      of('storage.v1.VolumeAttachmentStatus.attached'),
      each => each.status?.attached ?? false,
    ),
    ageColumn,
  ],
})
