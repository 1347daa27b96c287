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

/** How often a kind's own validation checks metadata as a whole, and as a change. */
type Looks = readonly [whole: number, change: number]

const USUAL: Looks = [0, 1]
const BOTH: Looks = [1, 1]
const NONE: Looks = [0, 0]

const LOOKS: Readonly<Record<string, Looks>> = {
  '/configmaps': BOTH,
  '/endpoints': BOTH,
  '/events': NONE,
  '/limitranges': [1, 0],
  '/namespaces': BOTH,
  '/nodes': BOTH,
  '/persistentvolumeclaims': BOTH,
  '/persistentvolumes': BOTH,
  '/pods': BOTH,
  '/secrets': BOTH,
  '/serviceaccounts': BOTH,
  'apps/controllerrevisions': BOTH,
  'batch/cronjobs/status': NONE,
  'batch/jobs': BOTH,
  'discovery.k8s.io/endpointslices': [1, 0],
  'node.k8s.io/runtimeclasses': BOTH,
  'policy/poddisruptionbudgets': NONE,
  'policy/poddisruptionbudgets/status': NONE,
  'rbac.authorization.k8s.io/clusterrolebindings': BOTH,
  'rbac.authorization.k8s.io/clusterroles': BOTH,
  'rbac.authorization.k8s.io/rolebindings': BOTH,
  'rbac.authorization.k8s.io/roles': BOTH,
}

/** What is wrong with the metadata of a new object. */
export function newMetadataErrors(kind: Kind, metadata: ObjectMeta): FieldError[] {
  const { strategy, type } = kind
  const errors = validateObjectMeta(metadata, {
    namespaced: type.namespaced,
    ...(strategy.validateName === undefined ? {} : { validateName: strategy.validateName }),
  })
  errors.push(...finalizerNames(kind, metadata))
  return errors
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
  if (whole.length + change.length + names.length === 0) return []
  const address = subresource === '' ? `${group}/${plural}` : `${group}/${plural}/${subresource}`
  const [wholes, changes] = LOOKS[address] ?? USUAL
  const errors = [...whole, ...change]
  for (let i = 0; i < wholes; i++) errors.push(...whole, ...names)
  for (let i = 0; i < changes; i++) errors.push(...change, ...names)
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
