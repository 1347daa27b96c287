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

export const ResourceQuotaKind = defineKind<ResourceQuota>({
  type: ResourceQuotas,
  message: 'core.v1.ResourceQuota',
  storagePrefix: 'resourcequotas',
  strategy: strategyOf(
    { spec: true, status: () => ({}) },
    {
      validate: validateResourceQuota,
      validateUpdate: validateResourceQuotaUpdate,
      validateStatusUpdate: validateResourceQuotaStatusUpdate,
    },
  ),
  columns: [
    nameColumn,
    text('Request', 'What is used of what may be used.', quota => usage(quota, resource => !isLimit(resource))),
    text('Limit', 'Limits that are taken of those that may be.', quota => usage(quota, isLimit)),
    ageColumn,
  ],
})
