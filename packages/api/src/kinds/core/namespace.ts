import {
  checkDns1123Label,
  checkQualifiedName,
  type FieldError,
  invalid,
  STANDARD_FINALIZERS,
} from '@canopus/apimachinery'
import type { Namespace } from '../../generated/core.v1.ts'
import { Namespaces } from '../../resources.ts'
import { checkText, type Errors } from '../shared/check.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { copyField, defineKind, strategyOf } from '../shared/strategy.ts'

/** Holds a namespace until everything in it is gone. */
const FINALIZER = 'kubernetes'
const NAME_LABEL = 'kubernetes.io/metadata.name'

/** Of phases there is always one. */
function defaultNamespace(namespace: Namespace): void {
  namespace.spec ??= {}
  if (!namespace.status?.phase) namespace.status = { ...namespace.status, phase: 'Active' }
  labelName(namespace)
}

/** The namespace's name is also a label, so that selectors find it; a generated one is so once it has been found in order. */
function labelName(namespace: Namespace): void {
  const { name } = namespace.metadata
  if (!name) return
  // Written only where it differs: the server's own changes leave the stored labels in place, which are shared.
  if (namespace.metadata.labels?.[NAME_LABEL] === name) return
  namespace.metadata.labels ??= {}
  namespace.metadata.labels[NAME_LABEL] = name
}

function checkFinalizers(errors: Errors, { spec }: Namespace, fieldOf: (index: number) => string): void {
  for (const [index, finalizer] of (spec.finalizers ?? []).entries()) {
    checkText(errors, fieldOf(index), finalizer, checkQualifiedName)
    if (finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)) continue
    const why = 'name is neither a standard finalizer name nor is it fully qualified'
    errors.push(invalid(fieldOf(index), finalizer, why))
  }
}

function validate(namespace: Namespace): FieldError[] {
  const errors: Errors = []
  checkFinalizers(errors, namespace, () => 'spec.finalizers')
  return errors
}

function validateStatusUpdate({ metadata, status }: Namespace): FieldError[] {
  const [wanted, when] = metadata.deletionTimestamp === undefined ? ['Active', 'empty'] : ['Terminating', 'not empty']
  if (status?.phase === wanted) return []
  return [invalid('status.Phase', status?.phase ?? '', `may only be '${wanted}' if \`deletionTimestamp\` is ${when}`)]
}

export const NamespaceKind = defineKind<Namespace>({
  type: Namespaces,
  message: 'core.v1.Namespace',
  storagePrefix: 'namespaces',
  strategy: strategyOf(
    { status: () => ({ phase: 'Active' }) },
    {
      default: defaultNamespace,
      completeStored: labelName,
      prepareForCreate(namespace) {
        const finalizers = namespace.spec.finalizers ?? []
        namespace.spec.finalizers = finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER]
      },
      prepareForUpdate(namespace, old) {
        copyField(namespace.spec, old.spec, 'finalizers')
      },
      validate,
      validateStatusUpdate,
      validateName: checkDns1123Label,
      unowned: { finalize: [['status']] },
      subresources: {
        finalize: {
          prepareForUpdate(namespace, old) {
            copyField(namespace, old, 'status')
          },
          validateUpdate(namespace) {
            const errors: Errors = []
            checkFinalizers(errors, namespace, index => `spec.finalizers[${index}]`)
            return errors
          },
        },
      },
    },
  ),
  columns: [
    nameColumn,
    text('Status', 'The status of the namespace', namespace => namespace.status?.phase ?? ''),
    ageColumn,
  ],
  selectableFields: {
    'status.phase': namespace => namespace.status?.phase ?? '',
  },
})
