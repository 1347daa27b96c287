/** What claims for volumes must be, alone and inside pods and StatefulSets (validation.go, ValidatePersistentVolumeClaimSpec). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  compareQuantities,
  forbidden,
  invalid,
  notSupported,
  required,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type { PersistentVolumeClaimSpec } from '../../generated/core.v1.ts'
import { checkText, type Errors, NOT_POSITIVE_MESSAGE, push } from '../shared/check.ts'

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
export const VOLUME_MODES = ['Block', 'Filesystem']

export function checkAccessModes(errors: Errors, path: string, modes: readonly string[] | undefined): void {
  for (const mode of modes ?? []) {
    if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(`${path}.accessModes`, mode, ACCESS_MODES))
  }
  if (modes?.includes('ReadWriteOncePod') && modes.length > 1) {
    const text = 'may not use ReadWriteOncePod with other access modes'
    errors.push(forbidden(`${path}.accessModes`, text))
  }
}

export function checkClaimTemplateSpec(errors: Errors, path: string, spec: PersistentVolumeClaimSpec): void {
  if ((spec.accessModes ?? []).length === 0) {
    errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'))
  }
  push(errors, validateLabelSelector(spec.selector, `${path}.selector`))
  checkAccessModes(errors, path, spec.accessModes)
  const size = spec.resources?.requests?.storage
  if (size === undefined) errors.push(required(`${path}.resources[storage]`))
  else if (compareQuantities(size, '0') <= 0) {
    errors.push(invalid(`${path}.resources[storage]`, size, NOT_POSITIVE_MESSAGE))
  }
  if (spec.storageClassName) {
    checkText(errors, `${path}.storageClassName`, spec.storageClassName, checkDns1123Subdomain)
  }
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode)) {
    errors.push(notSupported(`${path}.volumeMode`, spec.volumeMode, VOLUME_MODES))
  }
  checkDataSources(errors, path, spec)
  const attributes = spec.volumeAttributesClassName
  if (attributes) checkText(errors, `${path}.volumeAttributesClassName`, attributes, checkDns1123Subdomain)
}

function checkDataSources(errors: Errors, path: string, spec: PersistentVolumeClaimSpec): void {
  for (const field of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[field]
    if (source === undefined) continue
    if (!source.name) errors.push(required(`${path}.${field}.name`))
    if (!source.kind) errors.push(required(`${path}.${field}.kind`))
    if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
      const text = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
      errors.push(invalid(`${path}.${field}`, source.kind, text))
    }
    if (source.apiGroup) checkText(errors, `${path}.${field}.apiGroup`, source.apiGroup, checkDns1123Subdomain)
  }
  const { dataSource, dataSourceRef } = spec
  if (dataSourceRef?.namespace) {
    checkText(errors, `${path}.dataSourceRef.namespace`, dataSourceRef.namespace, checkDns1123Label)
  }
  if (!dataSource || !dataSourceRef) return
  const same = (['apiGroup', 'kind', 'name'] as const).every(
    field => (dataSource[field] ?? '') === (dataSourceRef[field] ?? ''),
  )
  // The value that upstream shows here is a path, which has no fields to show.
  if (dataSourceRef.namespace) {
    errors.push(invalid(path, {}, 'may not be specified when dataSourceRef.namespace is specified'))
  } else if (!same) errors.push(invalid(path, {}, 'must match dataSourceRef'))
}
