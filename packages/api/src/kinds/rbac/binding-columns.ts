import type { ClusterRoleBinding, RoleBinding, Subject } from '../../generated/rbac.v1.ts'
import type { PrinterColumn } from '../../kind.ts'
import { ageColumn, nameColumn, text, wide } from '../shared/columns.ts'

type Binding = RoleBinding | ClusterRoleBinding

const named = (kind: string, name: (subject: Subject) => string) => (binding: Binding) =>
  (binding.subjects ?? [])
    .filter(subject => subject.kind === kind)
    .map(name)
    .join(', ')

export const bindingColumns: readonly PrinterColumn<Binding>[] = [
  nameColumn,
  text('Role', 'The role that is granted.', each => `${each.roleRef.kind}/${each.roleRef.name}`),
  ageColumn,
  wide(
    'Users',
    'Users to whom it is granted.',
    named('User', subject => subject.name),
  ),
  wide(
    'Groups',
    'Groups to whom it is granted.',
    named('Group', subject => subject.name),
  ),
  wide(
    'ServiceAccounts',
    'Service accounts to whom it is granted.',
    named('ServiceAccount', subject => `${subject.namespace ?? ''}/${subject.name}`),
  ),
]
