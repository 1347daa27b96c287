/** Claims and volumes (validation.go: ValidatePersistentVolumeClaimUpdate, ValidatePersistentVolumeSpec). */
import {
  checkDns1123Subdomain,
  checkQualifiedName,
  compareQuantities,
  type FieldError,
  forbidden,
  givenField,
  IMMUTABLE_MESSAGE,
  invalid,
  isFeatureOn,
  notSupported,
  quantityValue,
  required,
} from '@canopus/apimachinery'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  VolumeNodeAffinity,
} from '../../generated/core.v1.ts'
import { checkImmutable, checkOptionalChoice, checkText, type Errors, NOT_POSITIVE_MESSAGE } from '../shared/check.ts'
import { describeDifference } from '../shared/difference.ts'
import { sameAs } from '../shared/equality.ts'
import { copyField } from '../shared/strategy.ts'
import { checkAccessModes, checkClaimTemplateSpec, VOLUME_MODES } from './claim-validation.ts'
import { checkNodeSelector } from './pod/validate-affinity.ts'
import { checkMountOptions, checkSource } from './volume-sources.ts'

export function validateClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  const errors: Errors = []
  checkClaimTemplateSpec(errors, 'spec', spec)
  return errors
}

const OLD_CLASS = 'volume.beta.kubernetes.io/storage-class'
const CLAIM_SPEC = 'core.v1.PersistentVolumeClaimSpec'
const CLAIM_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
const INVALID_QUANTITY = 'must be a valid resource quantity'
const SIZE = 'spec.resources.requests.storage'

export function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors = validateClaim(claim)
  const munged = { ...claim.spec }
  const before = { ...old.spec }
  const annotation = old.metadata.annotations?.[OLD_CLASS]
  const nowAnnotation = claim.metadata.annotations?.[OLD_CLASS]
  const isUpgrade = annotation !== undefined && (nowAnnotation ?? annotation) === annotation
  const named = munged.storageClassName
  if (!before.volumeName) copyField(before, munged, 'volumeName')
  if (before.storageClassName === undefined && named !== undefined) {
    if (annotation === undefined || named === annotation) before.storageClassName = named
  }
  // The annotation may only give way to the field that says the same.
  if (!(isUpgrade && old.spec.storageClassName === undefined && named === annotation)) {
    checkImmutable(errors, `metadata.annotations.${OLD_CLASS}`, nowAnnotation ?? '', annotation ?? '')
  }
  const size = munged.resources?.requests?.storage
  const oldSize = before.resources?.requests?.storage
  if (claim.status?.phase === 'Bound') {
    if (munged.resources?.requests && oldSize !== undefined) {
      munged.resources = { ...munged.resources, requests: { ...munged.resources.requests, storage: oldSize } }
    }
    copyField(munged, before, 'volumeAttributesClassName')
  }
  if (!sameAs(CLAIM_SPEC, munged, before)) {
    errors.push(forbidden('spec', `${CLAIM_FIXED}\n${describeDifference(before, munged, CLAIM_SPEC)}`))
  }
  if (compareQuantities(size ?? '0', oldSize ?? '0') < 0) {
    if (compareQuantities(size ?? '0', old.status?.capacity?.storage ?? '0') <= 0) {
      errors.push(forbidden(SIZE, 'field can not be less than status.capacity'))
    }
  }
  checkImmutable(errors, 'volumeMode', claim.spec.volumeMode, old.spec.volumeMode)
  const field = 'spec.volumeAttributesClassName'
  const now = claim.spec.volumeAttributesClassName
  if (now !== old.spec.volumeAttributesClassName && old.status?.currentVolumeAttributesClassName !== undefined) {
    const when = 'is forbidden when status.currentVolumeAttributesClassName is not nil'
    if (now === undefined) errors.push(forbidden(field, `update to nil ${when}`))
    else if (now === '') errors.push(forbidden(field, `update to empty string ${when}`))
  }
  return errors
}

const RESIZE_STATES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
]

/** Of resources without a prefix only storage is resized. */
function checkResized(errors: Errors, field: string, name: string): boolean {
  const before = errors.length
  checkText(errors, field, name, checkQualifiedName)
  const isNative = !name.includes('/') || name.includes('kubernetes.io/')
  if (errors.length === before && isNative && name !== 'storage') errors.push(notSupported(field, name, ['storage']))
  return errors.length === before
}

/** Sizes that a claim has got, and is getting (KEP-1790). */
export function validateClaimStatusUpdate({ spec, status }: PersistentVolumeClaim): FieldError[] {
  const errors: Errors = []
  if ((spec.accessModes ?? []).length === 0) errors.push(required('Spec.accessModes'))
  for (const [name, amount] of Object.entries(status?.capacity ?? {})) {
    if (quantityValue(amount) >= 0) continue
    errors.push(invalid(`status.capacity[${name}]`, quantityValue(amount), INVALID_QUANTITY))
  }
  for (const [name, state] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    const field = 'status.allocatedResourceStatuses'
    checkResized(errors, field, name)
    if (!RESIZE_STATES.includes(state)) errors.push(notSupported(field, name, [...RESIZE_STATES].sort()))
  }
  for (const [name, amount] of Object.entries(status?.allocatedResources ?? {})) {
    const field = 'status.allocatedResources'
    if (!checkResized(errors, field, name) || quantityValue(amount) >= 0) continue
    errors.push(invalid(`${field}[${name}]`, quantityValue(amount), INVALID_QUANTITY))
  }
  return errors
}

const NOT_SOURCES = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
])

const sourceOf = (spec: PersistentVolumeSpec): Record<string, unknown> =>
  Object.fromEntries(Object.entries(spec).filter(([key, value]) => !NOT_SOURCES.has(key) && value !== undefined))

export function validateVolume(volume: PersistentVolume): FieldError[] {
  const errors: Errors = []
  checkVolumeSpec(errors, 'spec', volume.spec, volume.metadata.name)
  checkMountOptions(errors, volume)
  return errors
}

const INLINE = 'in the context of inline volumes'

/** A volume by itself, or one that an attachment describes inline: then it is a CSI volume without a claim. */
export function checkVolumeSpec(
  errors: Errors,
  path: string,
  spec: PersistentVolumeSpec,
  name: string,
  inline = false,
): void {
  const notInline = (field: keyof PersistentVolumeSpec): void => {
    errors.push(forbidden(`${path}.${field}`, `may not be specified ${INLINE}`))
  }
  if (inline && spec.claimRef) notInline('claimRef')
  if (inline && Object.keys(spec.capacity ?? {}).length > 0) notInline('capacity')
  if (inline && !spec.csi) errors.push(required(`${path}.csi`, `has to be specified ${INLINE}`))
  if ((spec.accessModes ?? []).length === 0) errors.push(required(`${path}.accessModes`))
  checkAccessModes(errors, path, spec.accessModes)
  if (!inline) checkCapacity(errors, `${path}.capacity`, givenField(spec, 'capacity'))
  checkReclaimPolicy(errors, `${path}.persistentVolumeReclaimPolicy`, spec.persistentVolumeReclaimPolicy, inline)
  if (spec.nodeAffinity && inline) notInline('nodeAffinity')
  else if (spec.nodeAffinity) {
    const field = `${path}.nodeAffinity.required`
    if (spec.nodeAffinity.required) checkNodeSelector(errors, field, spec.nodeAffinity.required)
    else errors.push(required(field, 'must specify required node constraints'))
  }
  checkSource(errors, path, spec, name)
  const isRoot = spec.hostPath !== undefined && /^\/+(?:\.?\/*)*$/.test(spec.hostPath.path ?? '')
  if (isRoot && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const text = "may not be 'recycle' for a hostPath mount of '/'"
    errors.push(forbidden(`${path}.persistentVolumeReclaimPolicy`, text))
  }
  if (spec.storageClassName && inline) notInline('storageClassName')
  else if (spec.storageClassName) {
    checkText(errors, `${path}.storageClassName`, spec.storageClassName, checkDns1123Subdomain)
  }
  if (!inline) checkOptionalChoice(errors, `${path}.volumeMode`, spec.volumeMode, VOLUME_MODES)
  else if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem') {
    errors.push(forbidden(`${path}.volumeMode`, `may not specify volumeMode other than Filesystem ${INLINE}`))
  }
  const attributes = spec.volumeAttributesClassName
  if (attributes === undefined) return
  const field = `${path}.volumeAttributesClassName`
  if (attributes === '') errors.push(required(field, 'an empty string is disallowed'))
  else checkText(errors, field, attributes, checkDns1123Subdomain)
  if (!spec.csi) errors.push(required(`${path}.csi`, 'has to be specified when using volumeAttributesClassName'))
}

function checkReclaimPolicy(errors: Errors, field: string, policy: string | undefined, inline: boolean): void {
  if (!policy) return
  if (!inline) checkOptionalChoice(errors, field, policy, ['Delete', 'Recycle', 'Retain'])
  else if (policy !== 'Retain') errors.push(forbidden(field, `may only be Retain ${INLINE}`))
}

const inOrder = (amounts: Readonly<Record<string, string>> | undefined): unknown =>
  amounts && Object.fromEntries(Object.entries(amounts).sort(([one], [other]) => (one < other ? -1 : 1)))

function checkCapacity(errors: Errors, path: string, capacity: PersistentVolumeSpec['capacity']): void {
  const names = Object.keys(capacity ?? {})
  if (names.length === 0) errors.push(required(path))
  if (names.length !== 1 || names[0] !== 'storage') errors.push(notSupported(path, inOrder(capacity), ['storage']))
  for (const name of names) {
    const amount = capacity![name]!
    const sign = compareQuantities(amount, '0')
    const value = quantityValue(amount)
    if (value < 0) errors.push(invalid(`${path}[${name}]`, value, INVALID_QUANTITY))
    if (sign <= 0) errors.push(invalid(`${path}[${name}]`, amount, NOT_POSITIVE_MESSAGE))
  }
}

/** The secret for growing may come later; every other word about the source stays. */
function comparedSource(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): Record<string, unknown> {
  const source = sourceOf(spec)
  if (!spec.csi || !old.csi || old.csi.controllerExpandSecretRef) return source
  const { controllerExpandSecretRef: _secret, ...csi } = spec.csi
  return { ...source, csi }
}

/** Labels of nodes by their old names and by those that they have now. */
const RENAMED: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
}

function withNewLabels(affinity: VolumeNodeAffinity | undefined, old: VolumeNodeAffinity): unknown {
  const terms = affinity?.required?.nodeSelectorTerms?.map((term, i) => ({
    ...term,
    ...(term.matchExpressions && {
      matchExpressions: term.matchExpressions.map((expression, j) => {
        const before = old.required?.nodeSelectorTerms?.[i]?.matchExpressions?.[j]?.key
        return before !== undefined && RENAMED[before] === expression.key ? { ...expression, key: before } : expression
      }),
    }),
  }))
  return terms === undefined ? affinity : { ...affinity, required: { ...affinity!.required, nodeSelectorTerms: terms } }
}

export function validateVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  // Upstream looks at the volume twice.
  const found = validateVolume(volume)
  const errors = [...found, ...found]
  const now = comparedSource(volume.spec, old.spec)
  const before = sourceOf(old.spec)
  if (!sameAs('core.v1.PersistentVolumeSource', now, before)) {
    const text = `spec.persistentvolumesource is immutable after creation\n${describeDifference(before, now, 'core.v1.PersistentVolumeSource')}`
    errors.push(forbidden('spec.persistentvolumesource', text))
  }
  checkImmutable(errors, 'volumeMode', volume.spec.volumeMode, old.spec.volumeMode)
  const affinity = volume.spec.nodeAffinity
  const isMutable = isFeatureOn('MutablePVNodeAffinity')
  const wanted = isMutable ? undefined : old.spec.nodeAffinity && withNewLabels(affinity, old.spec.nodeAffinity)
  if (wanted !== undefined && !sameAs('core.v1.VolumeNodeAffinity', wanted, old.spec.nodeAffinity)) {
    errors.push(invalid('nodeAffinity', affinity, `${IMMUTABLE_MESSAGE}, except for updating from beta label to GA`))
  }
  if (old.spec.volumeAttributesClassName !== undefined && volume.spec.volumeAttributesClassName === undefined) {
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'))
  }
  return errors
}
