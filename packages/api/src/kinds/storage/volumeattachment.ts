import type { VolumeAttachment } from '../../generated/storage.v1.ts'
import { VolumeAttachments } from '../../resources.ts'
import { ageColumn, column, nameColumn, text } from '../shared/columns.ts'
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
    text('Attacher', 'Driver that attaches.', each => each.spec.attacher),
    text('PV', 'The volume.', each => each.spec.source?.persistentVolumeName ?? ''),
    text('Node', 'The node.', each => each.spec.nodeName),
    column('Attached', 'boolean', 'Whether it is attached.', each => each.status?.attached ?? false),
    ageColumn,
  ],
})
