import type { ServiceCIDR } from '../../generated/networking.v1.ts'
import { ServiceCIDRs } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateRanges, validateRangesUpdate } from './address-validation.ts'

export const ServiceCIDRKind = defineKind<ServiceCIDR>({
  type: ServiceCIDRs,
  message: 'networking.v1.ServiceCIDR',
  storagePrefix: 'servicecidrs',
  strategy: strategyOf(
    { spec: true, status: () => ({}), statusLeavesMetadata: true },
    { validate: validateRanges, validateUpdate: validateRangesUpdate },
  ),
  columns: [
    nameColumn,
    text('CIDRs', of('networking.v1.ServiceCIDRSpec.cidrs'), each => (each.spec?.cidrs ?? []).join(',')),
    ageColumn,
  ],
})
