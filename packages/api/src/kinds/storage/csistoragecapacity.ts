import type { CSIStorageCapacity } from '../../generated/storage.v1.ts'
import { CSIStorageCapacities } from '../../resources.ts'
import { nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateCSIStorageCapacity, validateCSIStorageCapacityUpdate } from './validation.ts'

export const CSIStorageCapacityKind = defineKind<CSIStorageCapacity>({
  type: CSIStorageCapacities,
  message: 'storage.v1.CSIStorageCapacity',
  storagePrefix: 'csistoragecapacities',
  strategy: strategyOf(
    {},
    {
      validate: validateCSIStorageCapacity,
      validateUpdate: validateCSIStorageCapacityUpdate,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [
    nameColumn,
    text('StorageClassName', 'Class to which the figure applies.', each => each.storageClassName),
    text('Capacity', 'Room that is left.', each => each.capacity ?? '<unset>'),
  ],
})
