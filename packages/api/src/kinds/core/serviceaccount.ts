import type { ServiceAccount } from '../../generated/core.v1.ts'
import { ServiceAccounts } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Of references to secrets only the name counts. */
function cleanSecrets(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => ({ name: name ?? '' }))
}

export const ServiceAccountKind = defineKind<ServiceAccount>({
  type: ServiceAccounts,
  message: 'core.v1.ServiceAccount',
  storagePrefix: 'serviceaccounts',
  strategy: strategyOf(
    {},
    { prepareForCreate: cleanSecrets, prepareForUpdate: cleanSecrets, allowUnconditionalUpdate: false },
  ),
  columns: [
    nameColumn,
    text('Secrets', 'Number of secrets that pods of the account may use.', account => account.secrets?.length ?? 0),
    ageColumn,
  ],
})
