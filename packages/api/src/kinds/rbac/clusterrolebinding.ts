import { checkPathSegmentName } from '@canopus/apimachinery'
import type { ClusterRoleBinding } from '../../generated/rbac.v1.ts'
import { ClusterRoleBindings } from '../../resources.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultBinding } from './binding.ts'
import { bindingColumns } from './binding-columns.ts'
import { validateClusterRoleBinding, validateClusterRoleBindingUpdate } from './validation.ts'

export const ClusterRoleBindingKind = defineKind<ClusterRoleBinding>({
  type: ClusterRoleBindings,
  message: 'rbac.v1.ClusterRoleBinding',
  storagePrefix: 'clusterrolebindings',
  strategy: strategyOf(
    {},
    {
      default: defaultBinding,
      validate: validateClusterRoleBinding,
      validateUpdate: validateClusterRoleBindingUpdate,
      validateName: checkPathSegmentName,
      allowCreateOnUpdate: true,
    },
  ),
  columns: bindingColumns('only reference a ClusterRole in the global namespace', 'clusterRoleBinding'),
})
