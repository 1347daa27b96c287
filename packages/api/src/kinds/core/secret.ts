import { toBase64 } from '@canopus/apimachinery'
import type { Secret } from '../../generated/core.v1.ts'
import { Secrets } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateSecret, validateSecretUpdate } from './data-validation.ts'

const encoder = new TextEncoder()

/** `stringData` is only for writing: it goes into `data`, over what is there. */
function defaultSecret(secret: Secret): void {
  secret.type ||= 'Opaque'
  if (secret.stringData === undefined) return
  secret.data = { ...secret.data }
  for (const [key, value] of Object.entries(secret.stringData ?? {})) secret.data[key] = toBase64(encoder.encode(value))
  delete secret.stringData
}

export const SecretKind = defineKind<Secret>({
  type: Secrets,
  message: 'core.v1.Secret',
  storagePrefix: 'secrets',
  strategy: strategyOf({}, { default: defaultSecret, validate: validateSecret, validateUpdate: validateSecretUpdate }),
  columns: [
    nameColumn,
    text('Type', of('core.v1.Secret.type'), secret => secret.type ?? ''),
    text('Data', of('core.v1.Secret.data'), secret => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
  selectableFields: { type: secret => secret.type ?? '' },
})
