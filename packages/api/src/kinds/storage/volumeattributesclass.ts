import type { VolumeAttributesClass } from '../../generated/storage.v1.ts'
import { VolumeAttributesClasses } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateVolumeAttributesClass, validateVolumeAttributesClassUpdate } from './validation.ts'

export const VolumeAttributesClassKind = defineKind<VolumeAttributesClass>({
  type: VolumeAttributesClasses,
  message: 'storage.v1.VolumeAttributesClass',
  storagePrefix: 'volumeattributesclasses',
  strategy: strategyOf(
    {},
    {
      validate: validateVolumeAttributesClass,
      validateUpdate: validateVolumeAttributesClassUpdate,
    },
  ),
  columns: [
    nameColumn,
    text('DriverName', of('storage.v1.VolumeAttributesClass.driverName'), each => each.driverName),
    ageColumn,
  ],
})
