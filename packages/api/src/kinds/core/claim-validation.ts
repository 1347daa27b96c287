/** What claims for volumes must be, alone and inside pods and StatefulSets (validation.go, ValidatePersistentVolumeClaimSpec). */
import {
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
}

function checkDataSources(errors: Errors, path: string, spec: PersistentVolumeClaimSpec): void {
  for (const field of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[field]
    if (source === undefined) continue
    if (!source.name) errors.push(required(`${path}.${field}.name`))
    if (!source.kind) errors.push(required(`${path}.${field}.kind`))
    if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
      const text = 'apiGroup is required when referencing a kind other than PersistentVolumeClaim'
      errors.push(invalid(`${path}.${field}`, source.kind, text))
    }
  }
  const { dataSource, dataSourceRef } = spec
  if (dataSource && dataSourceRef && !dataSourceRef.namespace) {
    const same = dataSource.kind === dataSourceRef.kind && dataSource.name === dataSourceRef.name
    if (!same) errors.push(invalid(path, spec, 'must match dataSourceRef'))
  }
}
