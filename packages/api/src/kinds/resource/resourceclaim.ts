import type { ResourceClaim } from '../../generated/resource.v1.ts'
import { ResourceClaims } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultClaimSpec, defaultTolerations } from './defaults.ts'
import { validateClaim, validateClaimStatusUpdate, validateClaimUpdate } from './validation.ts'

function stateText({ metadata, status }: ResourceClaim): string {
  const states: string[] = []
  if (metadata.deletionTimestamp !== undefined) states.push('deleted')
  if (status?.allocation === undefined) {
    if (metadata.deletionTimestamp === undefined) states.push('pending')
  } else {
    states.push('allocated')
    if ((status.reservedFor ?? []).length > 0) states.push('reserved')
  }
  return states.join(',')
}

export const ResourceClaimKind = defineKind<ResourceClaim>({
  type: ResourceClaims,
  message: 'resource.v1.ResourceClaim',
  storagePrefix: 'resourceclaims',
  strategy: strategyOf(
    { spec: true, status: () => ({}), statusLeavesMetadata: true },
    {
      validate: validateClaim,
      validateUpdate: validateClaimUpdate,
      validateStatusUpdate: validateClaimStatusUpdate,
      default(object) {
        defaultClaimSpec(object.spec)
        for (const { tolerations = [] } of object.status?.allocation?.devices?.results ?? [])
          defaultTolerations(tolerations)
      },
    },
  ),
  columns: [
    nameColumn,
    text('State', 'A summary of the current state (allocated, pending, reserved, etc.).', stateText),
    ageColumn,
  ],
})
