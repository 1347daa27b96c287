import type { ClusterRoleBinding, RoleBinding, RoleRef } from '../../generated/rbac.v1.ts'

export const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** Roles, users and groups are of RBAC's group where nothing else is said. */
export function defaultBinding(binding: RoleBinding | ClusterRoleBinding): void {
  binding.roleRef ??= {} as RoleRef
  binding.roleRef.apiGroup ||= RBAC_GROUP
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= RBAC_GROUP
  }
}
