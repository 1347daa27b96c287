import type { ServiceAccount } from '../../generated/core.v1.ts'
import { ServiceAccounts } from '../../resources.ts'
import { ageColumn, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

/** Of references to secrets only the name counts. */
function cleanSecrets(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name ? { name } : {}))
}

const MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets'

function warnings({ metadata }: ServiceAccount, old: ServiceAccount | undefined): string[] {
  if (metadata.annotations?.[MOUNTABLE] === undefined || old?.metadata.annotations?.[MOUNTABLE] !== undefined) return []
  const advice = 'prefer separate namespaces to isolate access to mounted secrets'
  return [`metadata.annotations[${MOUNTABLE}]: deprecated in v1.32+; ${advice}`]
}

export const ServiceAccountKind = defineKind<ServiceAccount>({
  type: ServiceAccounts,
  message: 'core.v1.ServiceAccount',
  storagePrefix: 'serviceaccounts',
  strategy: strategyOf({}, { prepareForCreate: cleanSecrets, prepareForUpdate: cleanSecrets, warnings }),
  columns: [nameColumn, ageColumn],
})
