/** The group storage.k8s.io (pkg/apis/storage/validation/validation.go). */
import {
  checkDns1123Subdomain,
  checkQualifiedName,
  compareQuantities,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  semanticEqual,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../../generated/storage.v1.ts'
import { checkDriverName } from '../core/pod/validate-volume.ts'
import { checkChoice, checkImmutable, checkText, type Errors, NEGATIVE_MESSAGE, push } from '../shared/check.ts'

const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer']
const MOST_PARAMETERS = 512
const PARAMETERS_BYTES = 256 * 1024

function checkParameters(errors: Errors, parameters: Readonly<Record<string, string>> | undefined): void {
  let size = 0
  const entries = Object.entries(parameters ?? {})
  if (entries.length > MOST_PARAMETERS) {
    const body = `Too long: may not be more than ${MOST_PARAMETERS} bytes`
    errors.push({ type: 'FieldValueTooLong', field: 'parameters', body })
  }
  for (const [key, value] of entries) {
    if (key === '') errors.push(invalid('parameters', key, 'field can not be empty.'))
    size += key.length + value.length
  }
  if (size > PARAMETERS_BYTES) {
    const body = `Too long: may not be more than ${PARAMETERS_BYTES} bytes`
    errors.push({ type: 'FieldValueTooLong', field: 'parameters', body })
  }
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
  checkChoice(errors, 'volumeBindingMode', object.volumeBindingMode, BINDING_MODES)
  return errors
}

export function validateStorageClassUpdate(object: StorageClass, old: StorageClass): FieldError[] {
  const errors = validateStorageClass(object)
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    if (!semanticEqual(object[field], old[field])) {
      errors.push(forbidden(field, `updates to ${field} are forbidden.`))
    }
  }
  checkImmutable(errors, 'volumeBindingMode', object.volumeBindingMode, old.volumeBindingMode)
  return errors
}

export function validateVolumeAttachment({ spec }: VolumeAttachment): FieldError[] {
  const errors: Errors = []
  checkDriverName(errors, 'spec.attacher', spec?.attacher)
  const { persistentVolumeName, inlineVolumeSpec } = spec?.source ?? {}
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) {
    errors.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'))
  } else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) {
    const text = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
    errors.push(forbidden('spec.source', text))
  } else if (persistentVolumeName === '') {
    errors.push(required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'))
  }
  checkText(errors, 'spec.nodeName', spec?.nodeName ?? '', checkDns1123Subdomain)
  return errors
}

export function validateVolumeAttachmentUpdate(object: VolumeAttachment, old: VolumeAttachment): FieldError[] {
  const errors = validateVolumeAttachment(object)
  checkImmutable(errors, 'spec', object.spec, old.spec)
  return errors
}

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType']
const LIFECYCLES = ['Ephemeral', 'Persistent']

export function validateCSIDriver({ spec }: CSIDriver): FieldError[] {
  const errors: Errors = []
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const) {
    if (spec[field] === undefined) errors.push(required(`spec.${field}`))
  }
  checkChoice(errors, 'spec.fsGroupPolicy', spec.fsGroupPolicy, FS_GROUP_POLICIES)
  for (const [index, mode] of (spec.volumeLifecycleModes ?? []).entries()) {
    if (!LIFECYCLES.includes(mode)) {
      errors.push(notSupported(`spec.volumeLifecycleModes[${index}]`, mode, LIFECYCLES))
    }
  }
  const audiences = new Set<string>()
  for (const [index, { audience, expirationSeconds }] of (spec.tokenRequests ?? []).entries()) {
    const path = `spec.tokenRequests[${index}]`
    if (audiences.has(audience)) errors.push(duplicate(`${path}.audience`, audience))
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
  return errors
}

export function validateCSIDriverUpdate(object: CSIDriver, old: CSIDriver): FieldError[] {
  const errors = validateCSIDriver(object)
  for (const field of ['attachRequired', 'volumeLifecycleModes'] as const) {
    checkImmutable(errors, `spec.${field}`, object.spec[field], old.spec[field])
  }
  return errors
}

export function validateCSINode({ spec }: CSINode): FieldError[] {
  const errors: Errors = []
  const names = new Set<string>()
  for (const [index, driver] of (spec?.drivers ?? []).entries()) {
    const path = `spec.drivers[${index}]`
    checkDriverName(errors, `${path}.name`, driver.name)
    if (names.has(driver.name)) errors.push(duplicate(`${path}.name`, driver.name))
    names.add(driver.name)
    if (!driver.nodeID) errors.push(required(`${path}.nodeID`))
    else if (driver.nodeID.length > 256) {
      errors.push(invalid(`${path}.nodeID`, driver.nodeID, 'must be 256 characters or less'))
    }
    for (const key of driver.topologyKeys ?? []) checkText(errors, path, key, checkQualifiedName)
    const count = driver.allocatable?.count
    if (count !== undefined && count < 0) {
      errors.push(invalid(`${path}.allocatable.count`, count, NEGATIVE_MESSAGE))
    }
  }
  return errors
}

export function validateCSIStorageCapacity(object: CSIStorageCapacity): FieldError[] {
  const errors: Errors = []
  push(errors, validateLabelSelector(object.nodeTopology, 'nodeTopology'))
  if (!object.storageClassName) errors.push(required('storageClassName'))
  else checkText(errors, 'storageClassName', object.storageClassName, checkDns1123Subdomain)
  for (const field of ['capacity', 'maximumVolumeSize'] as const) {
    const amount = object[field]
    if (amount !== undefined && compareQuantities(amount, '0') < 0) {
      errors.push(invalid(field, amount, NEGATIVE_MESSAGE))
    }
  }
  return errors
}

export function validateCSIStorageCapacityUpdate(object: CSIStorageCapacity, old: CSIStorageCapacity): FieldError[] {
  const errors = validateCSIStorageCapacity(object)
  for (const field of ['nodeTopology', 'storageClassName'] as const) {
    checkImmutable(errors, field, object[field], old[field])
  }
  return errors
}

export function validateVolumeAttributesClass(object: VolumeAttributesClass): FieldError[] {
  const errors: Errors = []
  checkProvisioner(errors, 'driverName', object.driverName)
  if (Object.keys(object.parameters ?? {}).length === 0) {
    errors.push(required('parameters', 'must contain at least one key/value pair'))
  }
  checkParameters(errors, object.parameters)
  return errors
}

export function validateVolumeAttributesClassUpdate(
  object: VolumeAttributesClass,
  old: VolumeAttributesClass,
): FieldError[] {
  const errors: Errors = []
  for (const field of ['driverName', 'parameters'] as const) {
    if (!semanticEqual(object[field], old[field])) {
      errors.push(forbidden(field, `updates to ${field} are forbidden.`))
    }
  }
  return errors
}
