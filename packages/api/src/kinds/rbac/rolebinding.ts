import { checkPathSegmentName } from '@canopus/apimachinery'
import type { RoleBinding } from '../../generated/rbac.v1.ts'
import { RoleBindings } from '../../resources.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultBinding } from './binding.ts'
import { bindingColumns } from './binding-columns.ts'
import { validateRoleBinding, validateRoleBindingUpdate } from './validation.ts'

export const RoleBindingKind = defineKind<RoleBinding>({
  type: RoleBindings,
  message: 'rbac.v1.RoleBinding',
  storagePrefix: 'rolebindings',
  strategy: strategyOf(
    {},
    {
      default: defaultBinding,
      validate: validateRoleBinding,
      validateUpdate: validateRoleBindingUpdate,
      validateName: checkPathSegmentName,
      allowCreateOnUpdate: true,
    },
  ),
  columns: bindingColumns(
    'reference a Role in the current namespace or a ClusterRole in the global namespace',
    'roleBinding',
  ),
})
