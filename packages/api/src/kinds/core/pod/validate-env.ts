import {
  checkConfigMapKey,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkEnvVarName,
  checkQualifiedName,
  invalid,
  isFeatureOn,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from '../../../generated/core.v1.ts'
import { checkNoBacksteps, checkText, type Errors } from '../../shared/check.ts'

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** Names that need no closer look. */
const USUAL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

export function checkEnv(errors: Errors, path: string, variables: readonly EnvVar[]): void {
  for (let i = 0; i < variables.length; i++) {
    const variable = variables[i]!
    if (!variable.name) errors.push(required(`${path}[${i}].name`))
    else if (!USUAL_NAME.test(variable.name)) {
      checkText(errors, `${path}[${i}].name`, variable.name, checkEnvVarName)
    }
    if (variable.valueFrom) checkValueFrom(errors, `${path}[${i}].valueFrom`, variable)
  }
}

function checkValueFrom(errors: Errors, path: string, { value, valueFrom }: EnvVar): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom!
  let sources = 0
  if (fieldRef) {
    sources++
    checkFieldRef(errors, `${path}.fieldRef`, fieldRef, ENV_FIELDS)
  }
  if (resourceFieldRef) {
    sources++
    checkResourceFieldRef(errors, `${path}.resourceFieldRef`, resourceFieldRef, false)
  }
  if (configMapKeyRef) {
    sources++
    checkKeyRef(errors, `${path}.configMapKeyRef`, configMapKeyRef)
  }
  if (secretKeyRef) {
    sources++
    checkKeyRef(errors, `${path}.secretKeyRef`, secretKeyRef)
  }
  if (fileKeyRef) {
    sources++
    if (!fileKeyRef.key) errors.push(required(`${path}.fileKeyRef.key`))
    else checkText(errors, `${path}.fileKeyRef.key`, fileKeyRef.key, checkEnvVarName)
    if (!fileKeyRef.volumeName) errors.push(required(`${path}.fileKeyRef.volumeName`))
    else checkText(errors, `${path}.fileKeyRef.volumeName`, fileKeyRef.volumeName, checkDns1123Label)
    if (!fileKeyRef.path) errors.push(required(`${path}.fileKeyRef.path`))
    else checkNoBacksteps(errors, `${path}.fileKeyRef.path`, fileKeyRef.path)
  }
  if (sources === 0) {
    const text = isFeatureOn('EnvFiles')
      ? 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'
      : 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
    errors.push(invalid(path, '', text))
  } else if (value) errors.push(invalid(path, '', 'may not be specified when `value` is not empty'))
  else if (sources > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'))
}

function checkKeyRef(errors: Errors, path: string, reference: { name?: string; key: string }): void {
  checkText(errors, `${path}.name`, reference.name ?? '', checkDns1123Subdomain)
  if (!reference.key) errors.push(required(`${path}.key`))
  else checkText(errors, `${path}.key`, reference.key, checkConfigMapKey)
}

const SUBSCRIPTED = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/
const ANY_SUBSCRIPT = /^(.*)\['.*'\]$/
/** What pods offer at all; `expressions` says which of it may be used in this place. */
const POD_FIELDS = [...ENV_FIELDS, 'metadata.labels', 'metadata.annotations', 'status.phase', 'spec.restartPolicy']

export function checkFieldRef(
  errors: Errors,
  path: string,
  { apiVersion, fieldPath }: ObjectFieldSelector,
  expressions: readonly string[],
): void {
  if (!apiVersion) {
    errors.push(required(`${path}.apiVersion`))
    return
  }
  if (!fieldPath) {
    errors.push(required(`${path}.fieldPath`))
    return
  }
  if (apiVersion !== 'v1') {
    const text = `error converting fieldPath: unsupported pod version: ${apiVersion}`
    errors.push(invalid(`${path}.fieldPath`, fieldPath, text))
    return
  }
  if (expressions.includes(fieldPath)) return
  const subscripted = SUBSCRIPTED.exec(fieldPath)
  if (subscripted !== null) {
    const key = subscripted[1] === 'metadata.annotations' ? subscripted[2]!.toLowerCase() : subscripted[2]!
    checkText(errors, path, key, checkQualifiedName)
    return
  }
  const other = ANY_SUBSCRIPT.exec(fieldPath)
  if (other !== null && POD_FIELDS.includes(other[1]!))
    errors.push(invalid(path, other[1], 'does not support subscript'))
  else if (!POD_FIELDS.includes(fieldPath) || other !== null) {
    const text = `error converting fieldPath: field label not supported: ${fieldPath}`
    errors.push(invalid(`${path}.fieldPath`, fieldPath, text))
  } else errors.push(notSupported(`${path}.fieldPath`, fieldPath, [...expressions].sort()))
}

const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
const HUGE_PAGES = /^(?:limits|requests)\.hugepages-/
const SIZES = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

export function checkResourceFieldRef(
  errors: Errors,
  path: string,
  { containerName, resource, divisor }: ResourceFieldSelector,
  inVolume: boolean,
): void {
  if (inVolume && !containerName) errors.push(required(`${path}.containerName`))
  else if (!resource) errors.push(required(`${path}.resource`))
  else if (!RESOURCE_FIELDS.includes(resource) && !HUGE_PAGES.test(resource)) {
    errors.push(notSupported(`${path}.resource`, resource, RESOURCE_FIELDS))
  }
  if (divisor === undefined || divisor === '0' || !resource) return
  const field = `${path}.divisor`
  const bad = (values: readonly string[], of: string): void => {
    if (values.includes(divisor)) return
    errors.push(
      invalid(field, resource, `only divisor's values ${values.join(', ')} are supported with the ${of} resource`),
    )
  }
  if (resource.endsWith('.cpu')) {
    if (divisor !== '1m' && divisor !== '1') {
      errors.push(invalid(field, resource, "only divisor's values 1m and 1 are supported with the cpu resource"))
    }
  } else if (resource.endsWith('.memory')) bad(SIZES, 'memory')
  else if (resource.endsWith('.ephemeral-storage')) bad(SIZES, 'local ephemeral storage')
  else if (HUGE_PAGES.test(resource)) bad(SIZES, 'hugepages')
}

export function checkEnvFrom(errors: Errors, path: string, sources: readonly EnvFromSource[]): void {
  for (const [index, { prefix, configMapRef, secretRef }] of sources.entries()) {
    if (prefix) checkText(errors, `${path}[${index}].prefix`, prefix, checkEnvVarName)
    if (configMapRef) checkName(errors, `${path}[${index}].configMapRef.name`, configMapRef.name)
    if (secretRef) checkName(errors, `${path}[${index}].secretRef.name`, secretRef.name)
    if (!configMapRef && !secretRef) {
      errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'))
    } else if (configMapRef && secretRef) {
      errors.push(invalid(path, '', 'may not have more than one field specified at a time'))
    }
  }
}

function checkName(errors: Errors, field: string, name: string | undefined): void {
  if (!name) errors.push(required(field))
  else checkText(errors, field, name, checkDns1123Subdomain)
}
