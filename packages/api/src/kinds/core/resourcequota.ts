import { compareQuantities } from '@canopus/apimachinery'
import type { ResourceQuota } from '../../generated/core.v1.ts'
import { ResourceQuotas } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import {
  validateResourceQuota,
  validateResourceQuotaStatusUpdate,
  validateResourceQuotaUpdate,
} from './quota-validation.ts'

/** `pods: 1/10, ...` of the resources for which `wanted` holds, sorted. */
function usage({ status }: ResourceQuota, wanted: (resource: string) => boolean): string {
  return Object.keys(status?.hard ?? {})
    .sort()
    .filter(wanted)
    .map(resource => `${resource}: ${status?.used?.[resource] ?? '0'}/${status!.hard![resource]}`)
    .join(', ')
}

const isLimit = (resource: string): boolean => resource.startsWith('limits.')

/** Where requests may reach higher than limits, the limits never count. */
function warnings({ spec }: ResourceQuota, old: ResourceQuota | undefined): string[] {
  if (old !== undefined) return []
  const hard = spec?.hard ?? {}
  return ['cpu', 'memory', 'storage', 'ephemeral-storage'].flatMap(resource => {
    const bare = resource === 'cpu' || resource === 'memory' ? resource : undefined
    const name = hard[`requests.${resource}`] === undefined && bare !== undefined ? bare : `requests.${resource}`
    const [request, limit] = [hard[name], hard[`limits.${resource}`]]
    if (request === undefined || limit === undefined || compareQuantities(request, limit) <= 0) return []
    return [`ResourceQuota ${name} (${request}) should be less than limits.${resource} (${limit})`]
  })
}

export const ResourceQuotaKind = defineKind<ResourceQuota>({
  type: ResourceQuotas,
  message: 'core.v1.ResourceQuota',
  storagePrefix: 'resourcequotas',
  strategy: strategyOf(
    { spec: true, status: () => ({}) },
    {
      validate: validateResourceQuota,
      warnings,
      validateUpdate: validateResourceQuotaUpdate,
      validateStatusUpdate: validateResourceQuotaStatusUpdate,
    },
  ),
  columns: [
    nameColumn,
    text('Request', 'Request represents a minimum amount of cpu/memory that a container may consume.', quota =>
      usage(quota, resource => !isLimit(resource)),
    ),
    text(
      'Limit',
      'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
      quota => usage(quota, isLimit),
    ),
    ageColumn,
  ],
})
