import { checkPathSegmentName } from '@canopus/apimachinery'
import type { ClusterRole } from '../../generated/rbac.v1.ts'
import { ClusterRoles } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateClusterRole } from './validation.ts'

export const ClusterRoleKind = defineKind<ClusterRole>({
  type: ClusterRoles,
  message: 'rbac.v1.ClusterRole',
  storagePrefix: 'clusterroles',
  strategy: strategyOf(
    {},
    {
      validate: validateClusterRole,
      validateUpdate: validateClusterRole,
      validateName: checkPathSegmentName,
      allowCreateOnUpdate: true,
    },
  ),
  columns: defaultColumns,
})
