/** The group storage.k8s.io (pkg/apis/storage/validation/validation.go). */
import {
  byteLength,
  checkDns1123Subdomain,
  checkQualifiedName,
  compareQuantities,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  rangeMessage,
  required,
  tooLong,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type { TopologySelectorTerm } from '../../generated/core.v1.ts'
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttachmentStatus,
  VolumeAttributesClass,
} from '../../generated/storage.v1.ts'
import { checkDriverName } from '../core/pod/validate-volume.ts'
import { checkVolumeSpec } from '../core/volume-validation.ts'
import {
  checkFixed,
  checkImmutable,
  checkOptionalChoice,
  checkText,
  type Errors,
  NEGATIVE_MESSAGE,
  push,
} from '../shared/check.ts'
import { sameIn } from '../shared/equality.ts'

const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer']
const MOST_PARAMETERS = 512
const PARAMETERS_BYTES = 256 * 1024

function checkParameters(errors: Errors, parameters: Readonly<Record<string, string>> | undefined): void {
  let size = 0
  const entries = Object.entries(parameters ?? {})
  if (entries.length > MOST_PARAMETERS) {
    errors.push(tooLong('parameters', MOST_PARAMETERS))
    return
  }
  for (const [key, value] of entries) {
    if (key === '') errors.push(invalid('parameters', key, 'field can not be empty.'))
    size += byteLength(key) + byteLength(value)
  }
  if (size > PARAMETERS_BYTES) errors.push(tooLong('parameters', PARAMETERS_BYTES))
}

function checkProvisioner(errors: Errors, field: string, name: string | undefined): void {
  if (!name) errors.push(required(field))
  else checkText(errors, field, name.toLowerCase(), checkQualifiedName)
}

export function validateStorageClass(object: StorageClass): FieldError[] {
  const errors: Errors = []
  checkProvisioner(errors, 'provisioner', object.provisioner)
  checkParameters(errors, object.parameters)
  if (object.reclaimPolicy && object.reclaimPolicy !== 'Delete' && object.reclaimPolicy !== 'Retain') {
    errors.push(notSupported('reclaimPolicy', object.reclaimPolicy, ['Delete', 'Retain']))
  }
  const mode = object.volumeBindingMode
  if (mode === undefined) errors.push(required('volumeBindingMode'))
  else if (!BINDING_MODES.includes(mode)) errors.push(notSupported('volumeBindingMode', mode, BINDING_MODES))
  checkTopologies(errors, object.allowedTopologies ?? [])
  return errors
}

/** Terms of labels that volumes may be in, each said once. */
function checkTopologies(errors: Errors, terms: readonly TopologySelectorTerm[]): void {
  // As upstream compares: each term with all that came before, and with as many empty ones as there are terms.
  const seen: string[] = terms.map(() => '[]')
  for (const [index, { matchLabelExpressions = [] }] of terms.entries()) {
    const path = `allowedTopologies[${index}].matchLabelExpressions`
    const keys = new Map<string, readonly string[]>()
    for (const [i, { key = '', values = [] }] of matchLabelExpressions.entries()) {
      if (values.length === 0) errors.push(required(`${path}[${i}].values`))
      for (const [j, value] of values.entries()) {
        if (values.indexOf(value) < j) errors.push(duplicate(`${path}[${i}].values[${j}]`, value))
      }
      checkText(errors, `${path}[${i}].key`, key, checkQualifiedName)
      if (keys.has(key)) errors.push(duplicate(`${path}[${i}].key`, key))
      keys.set(key, [...new Set(values)].sort())
    }
    const term = JSON.stringify([...keys].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const each of seen) if (each === term) errors.push(duplicate(path, ''))
    seen.push(term)
  }
}

export function validateStorageClassUpdate(object: StorageClass, old: StorageClass): FieldError[] {
  const errors = validateStorageClass(object)
  const message = 'storage.v1.StorageClass'
  checkFixed(errors, '', message, [object, old], 'parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode')
  return errors
}

const METADATA_BYTES = 256 * 1024
const LONGEST_MESSAGE = 1024

export function validateVolumeAttachment({ spec, status }: VolumeAttachment): FieldError[] {
  const errors: Errors = []
  checkDriverName(errors, 'spec.attacher', spec?.attacher)
  const { persistentVolumeName, inlineVolumeSpec } = spec?.source ?? {}
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) {
    errors.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'))
  } else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) {
    const text = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
    errors.push(forbidden('spec.source', text))
  } else if (persistentVolumeName !== undefined) {
    if (persistentVolumeName === '') {
      errors.push(required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'))
    }
    checkText(errors, 'spec.source.persistentVolumeName', persistentVolumeName, checkDns1123Subdomain)
  } else if (inlineVolumeSpec) checkVolumeSpec(errors, 'spec.source.inlineVolumeSpec', inlineVolumeSpec, '', true)
  checkText(errors, 'spec.nodeName', spec?.nodeName ?? '', checkDns1123Subdomain)
  checkAttachment(errors, status)
  return errors
}

function checkAttachment(errors: Errors, status: VolumeAttachmentStatus | undefined): void {
  let size = 0
  for (const [key, value] of Object.entries(status?.attachmentMetadata ?? {})) size += byteLength(key + value)
  if (size > METADATA_BYTES) errors.push(tooLong('status.attachmentMetadata', METADATA_BYTES))
  for (const field of ['attachError', 'detachError'] as const) {
    const { message = '', errorCode } = status?.[field] ?? {}
    // Upstream names the other limit here.
    if (byteLength(message) > LONGEST_MESSAGE) errors.push(tooLong(`status.${field}.message`, METADATA_BYTES))
    if (errorCode !== undefined && errorCode < 0) {
      errors.push(invalid(`status.${field}.errorCode`, errorCode, rangeMessage(0, 2 ** 31 - 1)))
    }
  }
}

export function validateVolumeAttachmentUpdate(object: VolumeAttachment, old: VolumeAttachment): FieldError[] {
  const errors = validateVolumeAttachment(object)
  checkImmutable(errors, 'spec', object.spec, old.spec, 'storage.v1.VolumeAttachmentSpec')
  return errors
}

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType']
const LIFECYCLES = ['Persistent', 'Ephemeral']

export function validateCSIDriver({ spec }: CSIDriver): FieldError[] {
  const errors: Errors = []
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const) {
    if (spec[field] === undefined)
      errors.push(required(`spec.${field === 'attachRequired' ? 'attachedRequired' : field}`))
  }
  checkOptionalChoice(errors, 'spec.fsGroupPolicy', spec.fsGroupPolicy, FS_GROUP_POLICIES)
  const audiences = new Set<string>()
  for (const [index, { audience, expirationSeconds }] of (spec.tokenRequests ?? []).entries()) {
    const path = `spec.tokenRequests[${index}]`
    if (audiences.has(audience)) {
      errors.push(duplicate(`${path}.audience`, audience))
      continue
    }
    audiences.add(audience)
    if (expirationSeconds === undefined) continue
    if (expirationSeconds < 600) {
      const text = 'may not specify a duration less than 10 minutes'
      errors.push(invalid(`${path}.expirationSeconds`, expirationSeconds, text))
    } else if (expirationSeconds > 2 ** 32) {
      const text = 'may not specify a duration larger than 2^32 seconds'
      errors.push(invalid(`${path}.expirationSeconds`, expirationSeconds, text))
    }
  }
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!LIFECYCLES.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, LIFECYCLES))
  }
  if (spec.seLinuxMount === undefined) errors.push(required('spec.seLinuxMount'))
  const period = spec.nodeAllocatableUpdatePeriodSeconds
  if (period !== undefined && period < 10) {
    const text = 'must be greater than or equal to 10 seconds'
    errors.push(invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, text))
  }
  const inSecrets = spec.serviceAccountTokenInSecrets
  if (inSecrets !== undefined && (spec.tokenRequests ?? []).length === 0) {
    const text = 'serviceAccountTokenInSecrets is set but no tokenRequests are specified'
    errors.push(invalid('spec.serviceAccountTokenInSecrets', inSecrets, text))
  }
  return errors
}

export function validateCSIDriverUpdate(object: CSIDriver, old: CSIDriver): FieldError[] {
  const errors = validateCSIDriver(object)
  checkImmutable(errors, 'spec.attachedRequired', object.spec.attachRequired, old.spec.attachRequired)
  checkFixed(errors, 'spec', 'storage.v1.CSIDriverSpec', [object.spec, old.spec], 'volumeLifecycleModes')
  return errors
}

export function validateCSINode({ spec }: CSINode): FieldError[] {
  const errors: Errors = []
  const names = new Set<string>()
  for (const [index, driver] of (spec?.drivers ?? []).entries()) {
    const path = `spec.drivers[${index}]`
    checkDriverName(errors, `${path}.name`, driver.name)
    if (!driver.nodeID) errors.push(required(`${path}.nodeID`))
    else if (driver.nodeID.length > 256) {
      errors.push(invalid(`${path}.nodeID`, driver.nodeID, 'must be 256 characters or less'))
    }
    const count = driver.allocatable?.count
    if (count !== undefined && count < 0) {
      errors.push(invalid(`${path}.allocatable.count`, count, NEGATIVE_MESSAGE))
    }
    if (names.has(driver.name)) errors.push(duplicate(`${path}.name`, driver.name))
    names.add(driver.name)
    const keys = driver.topologyKeys ?? []
    for (const [i, key] of keys.entries()) {
      if (key === '') errors.push(required(path))
      if (keys.indexOf(key) < i) errors.push(duplicate(path, key))
      checkText(errors, path, key, checkQualifiedName)
    }
  }
  return errors
}

/** Of a driver on a node only the number of its volumes changes (KEP-4876). */
export function validateCSINodeUpdate(object: CSINode, old: CSINode): FieldError[] {
  const errors = validateCSINode(object)
  for (const { allocatable: _was, ...before } of old.spec?.drivers ?? []) {
    for (const { allocatable: _is, ...now } of object.spec?.drivers ?? []) {
      if (now.name === before.name) checkImmutable(errors, 'spec.drivers', now, before, 'storage.v1.CSINodeDriver')
    }
  }
  return errors
}

export function validateCSIStorageCapacity(object: CSIStorageCapacity): FieldError[] {
  const errors: Errors = []
  push(errors, validateLabelSelector(object.nodeTopology, 'nodeTopology'))
  checkText(errors, 'storageClassName', object.storageClassName, checkDns1123Subdomain)
  const { capacity } = object
  if (capacity !== undefined && compareQuantities(capacity, '0') < 0) {
    errors.push(invalid('capacity', capacity, NEGATIVE_MESSAGE))
  }
  return errors
}

export function validateCSIStorageCapacityUpdate(object: CSIStorageCapacity, old: CSIStorageCapacity): FieldError[] {
  const errors = validateCSIStorageCapacity(object)
  checkFixed(errors, '', 'storage.v1.CSIStorageCapacity', [object, old], 'nodeTopology', 'storageClassName')
  return errors
}

export function validateVolumeAttributesClass(object: VolumeAttributesClass): FieldError[] {
  const errors: Errors = []
  checkProvisioner(errors, 'driverName', object.driverName)
  checkParameters(errors, object.parameters)
  if (Object.keys(object.parameters ?? {}).length === 0) {
    errors.push(required('parameters', 'must contain at least one key/value pair'))
  }
  return errors
}

export function validateVolumeAttributesClassUpdate(
  object: VolumeAttributesClass,
  old: VolumeAttributesClass,
): FieldError[] {
  const errors: Errors = []
  for (const field of ['driverName', 'parameters'] as const) {
    if (!sameIn('storage.v1.VolumeAttributesClass', field, object, old)) {
      errors.push(forbidden(field, `updates to ${field} are forbidden.`))
    }
  }
  push(errors, validateVolumeAttributesClass(object))
  return errors
}
