import type { DeviceClass } from '../../generated/resource.v1.ts'
import { DeviceClasses } from '../../resources.ts'
import { ageColumn, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateDeviceClass } from './validation.ts'

export const DeviceClassKind = defineKind<DeviceClass>({
  type: DeviceClasses,
  message: 'resource.v1.DeviceClass',
  storagePrefix: 'deviceclasses',
  strategy: strategyOf(
    { spec: true, generation: true },
    {
      validate: object => validateDeviceClass(object),
      validateUpdate: (object, old) => validateDeviceClass(object, old),
    },
  ),
  columns: [nameColumn, ageColumn],
})
