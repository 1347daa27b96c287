import type { ResourceSlice } from '../../generated/resource.v1.ts'
import { ResourceSlices } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateSlice, validateSliceUpdate } from './slice-validation.ts'

function warnings({ spec: { driver } }: ResourceSlice): string[] {
  if (driver === driver.toLowerCase()) return []
  return [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`]
}

/** A taint is as old as what first says it (pkg/apis/resource/v1/defaults.go). */
function dateTaints({ spec }: ResourceSlice, now: string): void {
  for (const { taints = [] } of spec.devices ?? []) for (const taint of taints) taint.timeAdded ??= now
}

export const ResourceSliceKind = defineKind<ResourceSlice>({
  type: ResourceSlices,
  message: 'resource.v1.ResourceSlice',
  storagePrefix: 'resourceslices',
  strategy: strategyOf(
    { spec: true, generation: true },
    {
      validate: slice => validateSlice(slice),
      validateUpdate: validateSliceUpdate,
      warnings,
      prepareForCreate: (slice, { now }) => dateTaints(slice, now),
      prepareForUpdate: (slice, _old, { now }) => dateTaints(slice, now),
    },
  ),
  columns: [
    nameColumn,
    text('Node', of('resource.v1.ResourceSliceSpec.nodeName'), each => each.spec.nodeName ?? ''),
    text('Driver', of('resource.v1.ResourceSliceSpec.driver'), each => each.spec.driver),
    text('Pool', of('resource.v1.ResourcePool.name'), each => each.spec.pool?.name ?? ''),
    ageColumn,
  ],
  unknownField: (field, { group, version, kind }) =>
    `field label not supported for ${group}/${version}, Kind=${kind}: ${field}`,
  selectableFields: {
    'spec.nodeName': each => each.spec.nodeName ?? '',
    'spec.driver': each => each.spec.driver ?? '',
  },
})
