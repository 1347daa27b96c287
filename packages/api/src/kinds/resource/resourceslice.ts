import type { ResourceSlice } from '../../generated/resource.v1.ts'
import { ResourceSlices } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateSlice, validateSliceUpdate } from './slice-validation.ts'

function warnings({ spec: { driver } }: ResourceSlice): string[] {
  if (driver === driver.toLowerCase()) return []
  return [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`]
}

export const ResourceSliceKind = defineKind<ResourceSlice>({
  type: ResourceSlices,
  message: 'resource.v1.ResourceSlice',
  storagePrefix: 'resourceslices',
  strategy: strategyOf(
    { spec: true, generation: true },
    { validate: slice => validateSlice(slice), validateUpdate: validateSliceUpdate, warnings },
  ),
  columns: [
    nameColumn,
    text('Node', 'Node that has the devices.', each => each.spec.nodeName ?? ''),
    text('Driver', 'Driver of the devices.', each => each.spec.driver),
    text('Pool', 'Pool to which the slice belongs.', each => each.spec.pool?.name ?? ''),
    ageColumn,
  ],
  selectableFields: {
    'spec.nodeName': each => each.spec.nodeName ?? '',
    'spec.driver': each => each.spec.driver ?? '',
  },
})
