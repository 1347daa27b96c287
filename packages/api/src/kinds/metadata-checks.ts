/**
 * How often upstream looks at an object's metadata: its common code does on every write, and the validation of most kinds does so
 * again, once or twice on updates (pkg/apis/<group>/validation). Each look tells the same findings once more.
 */
import {
  checkPathSegmentName,
  type FieldError,
  invalid,
  type ObjectMeta,
  STANDARD_FINALIZERS,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'

/** Groups and kinds whose finalizers need no domain: their validation calls that of apimachinery, or looks at no metadata. */
const ANY_FINALIZER: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  '/events',
  'policy/poddisruptionbudgets',
])

/** A kind's own looks at changed metadata, in their order: as a whole (`w`), with the kind's rule for names, or as a change (`c`). */
const LOOKS: Readonly<Record<string, string>> = {
  '/configmaps': 'cw',
  '/endpoints': 'cw',
  '/events': '',
  '/limitranges': 'w',
  '/namespaces': 'wc',
  '/nodes': 'wc',
  '/persistentvolumeclaims': 'cw',
  '/persistentvolumes': 'ww',
  '/pods': 'cw',
  '/secrets': 'cw',
  '/serviceaccounts': 'cw',
  'apps/controllerrevisions': 'cw',
  'batch/cronjobs/status': '',
  'batch/jobs': 'wc',
  'discovery.k8s.io/endpointslices': 'w',
  'node.k8s.io/runtimeclasses': 'wc',
  'policy/poddisruptionbudgets': '',
  'policy/poddisruptionbudgets/status': '',
  'rbac.authorization.k8s.io/clusterrolebindings': 'wc',
  'rbac.authorization.k8s.io/clusterroles': 'wc',
  'rbac.authorization.k8s.io/rolebindings': 'wc',
  'rbac.authorization.k8s.io/roles': 'wc',
}
const USUAL = 'c'

/** What is wrong with the metadata of a new object. */
export function newMetadataErrors(kind: Kind, metadata: ObjectMeta): FieldError[] {
  return [...wholeErrors(kind, metadata), ...finalizerNames(kind, metadata)]
}

function wholeErrors({ type: { namespaced }, strategy }: Kind, metadata: ObjectMeta): FieldError[] {
  const { validateName, validateGenerateName } = strategy
  return validateObjectMeta(metadata, {
    namespaced,
    ...(validateName !== undefined && { validateName }),
    ...(validateGenerateName !== undefined && { validateGenerateName }),
  })
}

/** What is wrong with changed metadata, by the main resource or a subresource. */
export function changedMetadataErrors(
  kind: Kind,
  subresource: string,
  metadata: ObjectMeta,
  old: ObjectMeta,
): FieldError[] {
  const { group, plural, namespaced } = kind.type
  const whole = validateObjectMeta(metadata, { namespaced, validateName: checkPathSegmentName })
  const change = validateObjectMetaUpdate(metadata, old)
  const names = finalizerNames(kind, metadata)
  // Of names only that which others are made of may be wrong, since the object's own is what it was.
  if (whole.length + change.length + names.length === 0 && !metadata.generateName) return []
  const address = subresource === '' ? `${group}/${plural}` : `${group}/${plural}/${subresource}`
  const looks = LOOKS[address] ?? USUAL
  const errors = [...whole, ...change]
  for (const look of looks) errors.push(...(look === 'w' ? wholeErrors(kind, metadata) : change), ...names)
  return errors
}

/** Names without a domain are Kubernetes' own. */
function finalizerNames({ type, custom }: Kind, { finalizers }: ObjectMeta): FieldError[] {
  if (finalizers === undefined || finalizers === null || finalizers.length === 0) return []
  if (custom !== undefined || ANY_FINALIZER.has(type.group) || ANY_FINALIZER.has(`${type.group}/${type.plural}`))
    return []
  return finalizers.flatMap((name, index) => {
    if (name.includes('/') || STANDARD_FINALIZERS.includes(name)) return []
    const why = 'name is neither a standard finalizer name nor is it fully qualified'
    return [invalid(`metadata.finalizers[${index}]`, name, why)]
  })
}
