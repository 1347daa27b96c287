import type { Secret } from '../../generated/core.v1.ts'
import { Secrets } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

export const SecretKind = defineKind<Secret>({
  type: Secrets,
  message: 'core.v1.Secret',
  storagePrefix: 'secrets',
  strategy: strategyOf({}),
  columns: [
    nameColumn,
    text('Type', 'What the secret is for.', secret => secret.type ?? ''),
    text('Data', 'Number of entries.', secret => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
  selectableFields: { type: secret => secret.type ?? '' },
})
