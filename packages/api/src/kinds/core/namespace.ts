import type { Namespace } from '../../generated/core.v1.ts'
import { Namespaces } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

const FINALIZER = 'kubernetes'

export const NamespaceKind = defineKind<Namespace>({
  type: Namespaces,
  message: 'core.v1.Namespace',
  storagePrefix: 'namespaces',
  strategy: strategyOf(
    { status: () => ({ phase: 'Active' }) },
    {
      default(namespace) {
        namespace.spec ??= {}
        const name = namespace.metadata.name
        if (!name) return
        namespace.metadata.labels ??= {}
        namespace.metadata.labels['kubernetes.io/metadata.name'] = name
      },
      prepareForCreate(namespace) {
        const finalizers = namespace.spec.finalizers ?? []
        namespace.spec.finalizers = finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER]
      },
      prepareForUpdate(namespace, old) {
        if (old.spec?.finalizers === undefined) delete namespace.spec.finalizers
        else namespace.spec.finalizers = old.spec.finalizers
      },
    },
  ),
  columns: [
    nameColumn,
    text('Status', 'Active or Terminating.', namespace => namespace.status?.phase ?? ''),
    ageColumn,
  ],
  selectableFields: {
    name: namespace => namespace.metadata.name,
    'status.phase': namespace => namespace.status?.phase ?? '',
  },
})
