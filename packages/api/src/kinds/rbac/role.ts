import { checkPathSegmentName } from '@canopus/apimachinery'
import type { Role } from '../../generated/rbac.v1.ts'
import { Roles } from '../../resources.ts'
import { defaultColumns } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateRole } from './validation.ts'

export const RoleKind = defineKind<Role>({
  type: Roles,
  message: 'rbac.v1.Role',
  storagePrefix: 'roles',
  strategy: strategyOf(
    {},
    {
      validate: validateRole,
      validateUpdate: validateRole,
      validateName: checkPathSegmentName,
      allowCreateOnUpdate: true,
    },
  ),
  columns: defaultColumns,
})
