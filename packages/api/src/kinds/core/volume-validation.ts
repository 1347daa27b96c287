/** Claims and volumes (validation.go: ValidatePersistentVolumeClaimUpdate, ValidatePersistentVolumeSpec). */
import {
  checkDns1123Subdomain,
  compareQuantities,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  semanticEqual,
} from '@canopus/apimachinery'
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec } from '../../generated/core.v1.ts'
import { checkImmutable, checkOptionalChoice, checkText, type Errors, NOT_POSITIVE_MESSAGE } from '../shared/check.ts'
import { describeDifference } from '../shared/difference.ts'
import { copyField } from '../shared/strategy.ts'
import { checkAccessModes, checkClaimTemplateSpec, VOLUME_MODES } from './claim-validation.ts'
import { checkNodeSelector } from './pod/validate-affinity.ts'
import { checkHostPath } from './pod/validate-volume.ts'

export function validateClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  const errors: Errors = []
  checkClaimTemplateSpec(errors, 'spec', spec)
  return errors
}

const CLAIM_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
const SIZE = 'spec.resources.requests.storage'

export function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors = validateClaim(claim)
  const munged = { ...claim.spec }
  const before = { ...old.spec }
  if (!before.volumeName) copyField(before, munged, 'volumeName')
  if (before.storageClassName === undefined && munged.storageClassName !== undefined) {
    before.storageClassName = munged.storageClassName
  }
  const size = munged.resources?.requests?.storage
  const oldSize = before.resources?.requests?.storage
  if (claim.status?.phase === 'Bound') {
    if (munged.resources?.requests && oldSize !== undefined) {
      munged.resources = { ...munged.resources, requests: { ...munged.resources.requests, storage: oldSize } }
    }
    if (munged.volumeAttributesClassName !== undefined) {
      copyField(munged, before, 'volumeAttributesClassName')
    }
  }
  if (!semanticEqual(munged, before)) {
    errors.push(forbidden('spec', `${CLAIM_FIXED}\n${describeDifference(before, munged)}`))
  }
  if (size !== undefined && oldSize !== undefined && compareQuantities(size, oldSize) < 0) {
    const capacity = old.status?.capacity?.storage
    if (capacity === undefined || compareQuantities(size, capacity) <= 0) {
      errors.push(forbidden(SIZE, 'field can not be less than status.capacity'))
    }
  }
  checkImmutable(errors, 'volumeMode', claim.spec.volumeMode, old.spec.volumeMode)
  const field = 'spec.volumeAttributesClassName'
  if (old.spec.volumeAttributesClassName !== undefined) {
    const now = claim.spec.volumeAttributesClassName
    if (now === undefined) errors.push(forbidden(field, 'update from non-nil value to nil is forbidden'))
    else if (now === '') errors.push(forbidden(field, 'update from non-nil value to an empty string is forbidden'))
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

export function validateVolume({ spec }: PersistentVolume): FieldError[] {
  const errors: Errors = []
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes'))
  checkAccessModes(errors, 'spec', spec.accessModes)
  checkCapacity(errors, spec.capacity)
  checkOptionalChoice(errors, 'spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
    'Delete',
    'Recycle',
    'Retain',
  ])
  if (spec.nodeAffinity) {
    const path = 'spec.nodeAffinity.required'
    if (spec.nodeAffinity.required) checkNodeSelector(errors, path, spec.nodeAffinity.required)
    else errors.push(required(path, 'must specify required node constraints'))
  }
  checkSource(errors, spec)
  if (spec.storageClassName) checkText(errors, 'spec.storageClassName', spec.storageClassName, checkDns1123Subdomain)
  checkOptionalChoice(errors, 'spec.volumeMode', spec.volumeMode, VOLUME_MODES)
  return errors
}

function checkCapacity(errors: Errors, capacity: PersistentVolumeSpec['capacity']): void {
  const names = Object.keys(capacity ?? {})
  if (names.length === 0) errors.push(required('spec.capacity'))
  else if (names.length > 1 || names[0] !== 'storage') {
    errors.push(notSupported('spec.capacity', capacity, ['storage']))
  }
  for (const name of names) {
    const amount = capacity![name]!
    if (compareQuantities(amount, '0') <= 0) {
      errors.push(invalid(`spec.capacity[${name}]`, amount, NOT_POSITIVE_MESSAGE))
    }
  }
}

function checkSource(errors: Errors, spec: PersistentVolumeSpec): void {
  const [first, ...more] = Object.keys(sourceOf(spec))
  if (first === undefined) errors.push(required('spec', 'must specify a volume type'))
  for (const source of more) errors.push(forbidden(`spec.${source}`, 'may not specify more than 1 volume type'))
  if (spec.hostPath) {
    checkHostPath(errors, 'spec.hostPath', spec.hostPath)
    if (spec.hostPath.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
      const text = "may not be 'recycle' for a hostPath mount of '/'"
      errors.push(forbidden('spec.persistentVolumeReclaimPolicy', text))
    }
  }
  if (spec.nfs) {
    if (!spec.nfs.server) errors.push(required('spec.nfs.server'))
    if (!spec.nfs.path) errors.push(required('spec.nfs.path'))
  }
  if (spec.local) {
    if (!spec.local.path) errors.push(required('spec.local.path'))
    if (!spec.nodeAffinity) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'))
  }
  if (spec.csi) {
    if (!spec.csi.driver) errors.push(required('spec.csi.driver'))
    if (!spec.csi.volumeHandle) errors.push(required('spec.csi.volumeHandle'))
  }
}

export function validateVolumeUpdate(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const errors = validateVolume(volume)
  const now = sourceOf(volume.spec)
  const before = sourceOf(old.spec)
  if (!semanticEqual(now, before)) {
    const text = `spec.persistentvolumesource is immutable after creation\n${describeDifference(before, now)}`
    errors.push(forbidden('spec.persistentvolumesource', text))
  }
  checkImmutable(errors, 'volumeMode', volume.spec.volumeMode, old.spec.volumeMode)
  if (old.spec.nodeAffinity) checkImmutable(errors, 'nodeAffinity', volume.spec.nodeAffinity, old.spec.nodeAffinity)
  return errors
}
