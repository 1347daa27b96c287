import type { ClusterRoleBinding, RoleBinding, Subject } from '../../generated/rbac.v1.ts'
import type { PrinterColumn } from '../../kind.ts'
import { ageColumn, nameColumn, text, wide } from '../shared/columns.ts'

type Binding = RoleBinding | ClusterRoleBinding

const named = (kind: string, name: (subject: Subject) => string) => (binding: Binding) =>
  (binding.subjects ?? [])
    .filter(subject => subject.kind === kind)
    .map(name)
    .join(', ')

/** `role` says which roles are meant, `word` what the bindings are called. */
export const bindingColumns = (role: string, word: string): readonly PrinterColumn<Binding>[] => [
  nameColumn,
  text(
    'Role',
    `RoleRef can ${role}. If the RoleRef cannot be resolved, the Authorizer must return an error.`,
    each => `${each.roleRef.kind}/${each.roleRef.name}`,
  ),
  ageColumn,
  wide(
    'Users',
    `Users in the ${word}`,
    named('User', subject => subject.name),
  ),
  wide(
    'Groups',
    `Groups in the ${word}`,
    named('Group', subject => subject.name),
  ),
  wide(
    'ServiceAccounts',
    `ServiceAccounts in the ${word}`,
    named('ServiceAccount', subject => `${subject.namespace ?? ''}/${subject.name}`),
  ),
]
