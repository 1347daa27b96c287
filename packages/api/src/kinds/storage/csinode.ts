import type { CSINode } from '../../generated/storage.v1.ts'
import { CSINodes } from '../../resources.ts'
import { ageColumn, integer, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateCSINode, validateCSINodeUpdate } from './validation.ts'

export const CSINodeKind = defineKind<CSINode>({
  type: CSINodes,
  message: 'storage.v1.CSINode',
  storagePrefix: 'csinodes',
  strategy: strategyOf(
    { spec: true },
    { validate: validateCSINode, validateUpdate: validateCSINodeUpdate, allowUnconditionalUpdate: false },
  ),
  columns: [
    nameColumn,
    integer(
      'Drivers',
      'Drivers indicates the number of CSI drivers registered on the node',
      each => each.spec?.drivers?.length ?? 0,
    ),
    ageColumn,
  ],
})
