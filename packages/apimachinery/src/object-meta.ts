import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from './field-error.ts'
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from './generated/meta.ts'
import { checked, validateAnnotations, validateLabels } from './labels.ts'
import {
  byteLength,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkQualifiedName,
  maskTrailingDash,
  type NameCheck,
} from './names.ts'

export const ORPHAN_FINALIZER = 'orphan'
export const FOREGROUND_FINALIZER = 'foregroundDeletion'
export const IMMUTABLE_MESSAGE = 'field is immutable'
const longestManager = 128

export interface ObjectMetaRules {
  namespaced: boolean
  /** The rule for names; default is the DNS subdomain. */
  validateName?: NameCheck
  /** The rule for what names are made of; default is that for names. */
  validateGenerateName?: NameCheck
  /** Where the metadata lies; default `metadata`. */
  path?: string
}

/**
 * Checks the metadata of a new object, after its name was generated
 * (k8s.io/apimachinery/pkg/api/validation/objectmeta.go).
 */
export function validateObjectMeta(meta: ObjectMeta, rules: ObjectMetaRules): FieldError[] {
  const { namespaced, validateName = checkDns1123Subdomain, path = 'metadata' } = rules
  const { validateGenerateName = validateName } = rules
  const errors: FieldError[] = []
  if (meta.generateName) {
    const { generateName } = meta
    errors.push(...checked(`${path}.generateName`, generateName, text => validateGenerateName(maskTrailingDash(text))))
  }
  if (!meta.name) errors.push(required(`${path}.name`, 'name or generateName is required'))
  else errors.push(...checked(`${path}.name`, meta.name, validateName))
  errors.push(...validateNamespace(meta.namespace, namespaced, `${path}.namespace`))
  errors.push(...validateGeneration(meta, path), ...validateCommon(meta, path))
  errors.push(...validateFinalizers(meta.finalizers, `${path}.finalizers`))
  return errors
}

function validateNamespace(namespace: string | undefined, namespaced: boolean, field: string): FieldError[] {
  if (!namespaced) return namespace ? [forbidden(field, 'not allowed on this type')] : []
  return namespace ? checked(field, namespace, checkDns1123Label) : [required(field)]
}

function validateGeneration(meta: ObjectMeta, path: string): FieldError[] {
  const generation = meta.generation ?? 0
  return generation < 0 ? [invalid(`${path}.generation`, generation, 'must be greater than or equal to 0')] : []
}

function validateCommon(meta: ObjectMeta, path: string): FieldError[] {
  return [
    ...validateLabels(meta.labels, `${path}.labels`),
    ...validateAnnotations(meta.annotations, `${path}.annotations`),
    ...validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`),
    ...validateManagedFields(meta.managedFields, `${path}.managedFields`),
  ]
}

/** Checks changed metadata against what it was. Call it after `carryOverMetadata`. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = []
  if (old.deletionTimestamp) errors.push(...validateNoNewFinalizers(meta, old, `${path}.finalizers`))
  if (!meta.resourceVersion) {
    errors.push(invalid(`${path}.resourceVersion`, '', 'must be specified for an update'))
  }
  errors.push(...validateGeneration(meta, path))
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(`${path}.generation`, meta.generation ?? 0, 'must not be decremented'))
  }
  for (const field of ['name', 'namespace', 'uid'] as const) {
    errors.push(...validateImmutable(meta[field] ?? '', old[field] ?? '', `${path}.${field}`))
  }
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    errors.push(...validateImmutable(meta[field], old[field], `${path}.${field}`))
  }
  return [...errors, ...validateCommon(meta, path)]
}

/** `field is immutable` where two plain values differ. */
export function validateImmutable(
  value: string | number | undefined,
  old: string | number | undefined,
  field: string,
): FieldError[] {
  return value === old ? [] : [invalid(field, value, IMMUTABLE_MESSAGE)]
}

/**
 * Takes over from `old` what a client may leave out or cannot change: uid, creation and deletion times, the grace period.
 * Changes `meta` in place.
 */
export function carryOverMetadata(meta: ObjectMeta, old: ObjectMeta): void {
  if (!meta.uid) meta.uid = old.uid
  if (old.creationTimestamp) meta.creationTimestamp = old.creationTimestamp
  if (old.deletionTimestamp) meta.deletionTimestamp = old.deletionTimestamp
  if (old.deletionGracePeriodSeconds !== undefined && meta.deletionGracePeriodSeconds === undefined) {
    meta.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
  }
}

function validateNoNewFinalizers(meta: ObjectMeta, old: ObjectMeta, field: string): FieldError[] {
  const before = new Set(old.finalizers)
  const added = [...new Set(meta.finalizers)].filter(each => !before.has(each)).sort()
  if (added.length === 0) return []
  const list = added.map(each => JSON.stringify(each)).join(', ')
  return [
    forbidden(
      field,
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    ),
  ]
}

/** Names of finalizers are qualified names; the two that steer propagation exclude each other. */
export function validateFinalizers(finalizers: readonly string[] | undefined, field: string): FieldError[] {
  const errors = (finalizers ?? []).flatMap(each => checked(field, each, checkQualifiedName))
  if (finalizers?.includes(ORPHAN_FINALIZER) && finalizers.includes(FOREGROUND_FINALIZER)) {
    const both = `finalizer ${ORPHAN_FINALIZER} and ${FOREGROUND_FINALIZER} cannot be both set`
    errors.push(invalid(field, finalizers, both))
  }
  return errors
}

export function validateOwnerReferences(
  references: readonly OwnerReference[] | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  let controller: string | undefined
  for (const reference of references ?? []) {
    errors.push(...validateOwnerReference(reference, field))
    if (reference.controller !== true) continue
    const name = `${reference.kind}/${reference.name}`
    if (controller === undefined) controller = name
    else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`
      errors.push(invalid(field, references, detail))
    }
  }
  return errors
}

/** Findings name no index, as upstream's (k8s.io/apimachinery/pkg/api/validation/objectmeta.go). */
function validateOwnerReference(reference: OwnerReference, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (!/^([^/]*\/)?[^/]+$/.test(reference.apiVersion ?? '')) {
    errors.push(invalid(`${field}.apiVersion`, reference.apiVersion ?? '', 'version must not be empty'))
  }
  for (const name of ['kind', 'name', 'uid'] as const) {
    if (!reference[name]) errors.push(invalid(`${field}.${name}`, '', 'must not be empty'))
  }
  if (reference.apiVersion === 'v1' && reference.kind === 'Event') {
    errors.push(invalid(field, reference, '/v1, Kind=Event is disallowed from being an owner'))
  }
  return errors
}

/** Whether who owns which fields can be read. */
export function validateManagedFields(entries: readonly ManagedFieldsEntry[] | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, entry] of (entries ?? []).entries()) {
    const path = `${field}[${index}]`
    if (!entry.operation) errors.push(required(`${path}.operation`, 'must not be empty'))
    else if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      errors.push(notSupported(`${path}.operation`, entry.operation, ['Apply', 'Update']))
    }
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') {
      errors.push(invalid(`${path}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`'))
    }
    errors.push(...validateFieldManager(entry.manager, `${path}.manager`))
    if (byteLength(entry.subresource ?? '') > 256) errors.push(tooLong(`${path}.subresource`, 256))
  }
  return errors
}

/** Of these nothing is refused, and they are what managers are called. */
const PRINTABLE_ASCII = /^[ -~]*$/

/** The name of who writes: at most 128 bytes, printable. */
export function validateFieldManager(manager: string | undefined, field = 'fieldManager'): FieldError[] {
  if (!manager) return []
  const errors = byteLength(manager) > longestManager ? [tooLong(field, longestManager)] : []
  if (PRINTABLE_ASCII.test(manager)) return errors
  let position = 0
  for (const character of manager) {
    if (/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(character)) {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
      errors.push(invalid(field, manager, `invalid character U+${code} (at position ${position})`))
    }
    position += byteLength(character)
  }
  return errors
}
