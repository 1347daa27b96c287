import type { Lease } from '../../generated/coordination.v1.ts'
import { Leases } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateLease } from './validation.ts'

export const LeaseKind = defineKind<Lease>({
  type: Leases,
  message: 'coordination.v1.Lease',
  storagePrefix: 'leases',
  strategy: strategyOf(
    { spec: true },
    {
      validate: validateLease,
      validateUpdate: validateLease,
      allowCreateOnUpdate: true,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [
    nameColumn,
    text('Holder', of('coordination.v1.LeaseSpec.holderIdentity'), lease => lease.spec?.holderIdentity ?? ''),
    ageColumn,
  ],
})
