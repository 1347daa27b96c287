/** ConfigMaps and Secrets: keys, size, and being immutable (validation.go: ValidateConfigMap, ValidateSecret). */
import {
  byteLength,
  checkConfigMapKey,
  type FieldError,
  forbidden,
  invalid,
  required,
  semanticEqual,
  tooLong,
} from '@canopus/apimachinery'
import type { ConfigMap, Secret } from '../../generated/core.v1.ts'
import { checkImmutable, checkText, type Errors, push } from '../shared/check.ts'

const LARGEST = 1024 * 1024
const FIXED = 'field is immutable when `immutable` is set'

/** Bytes that a base64 text stands for. */
function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return (text.length / 4) * 3 - padding
}

export function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: Errors = []
  let size = 0
  for (const [key, value] of Object.entries(data)) {
    checkText(errors, `data[${key}]`, key, checkConfigMapKey)
    if (Object.hasOwn(binaryData, key)) {
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'))
    }
    size += byteLength(value)
  }
  for (const [key, value] of Object.entries(binaryData)) {
    checkText(errors, `binaryData[${key}]`, key, checkConfigMapKey)
    size += decodedLength(value)
  }
  if (size > LARGEST) errors.push(tooLong('[]', LARGEST))
  return errors
}

export function validateConfigMapUpdate(object: ConfigMap, old: ConfigMap): FieldError[] {
  const errors: Errors = []
  if (old.immutable) {
    if (!object.immutable) errors.push(forbidden('immutable', FIXED))
    for (const field of ['data', 'binaryData'] as const) {
      if (!semanticEqual(object[field], old[field])) errors.push(forbidden(field, FIXED))
    }
  }
  push(errors, validateConfigMap(object))
  return errors
}

export function validateSecret(secret: Secret): FieldError[] {
  const errors: Errors = []
  const data = secret.data ?? {}
  let size = 0
  for (const [key, value] of Object.entries(data)) {
    checkText(errors, `data[${key}]`, key, checkConfigMapKey)
    size += decodedLength(value)
  }
  if (size > LARGEST) errors.push(tooLong('data', LARGEST))
  checkType(errors, secret, data)
  return errors
}

const ACCOUNT_NAME = 'kubernetes.io/service-account.name'

function checkType(errors: Errors, { type, metadata }: Secret, data: Readonly<Record<string, string>>): void {
  const needs = (key: string): void => {
    if (data[key] === undefined) errors.push(required(`data[${key}]`))
  }
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.[ACCOUNT_NAME]) errors.push(required(`metadata.annotations[${ACCOUNT_NAME}]`))
      break
    case 'kubernetes.io/dockercfg':
      checkJson(errors, '.dockercfg', data)
      break
    case 'kubernetes.io/dockerconfigjson':
      checkJson(errors, '.dockerconfigjson', data)
      break
    case 'kubernetes.io/basic-auth':
      if (data.username === undefined && data.password === undefined) {
        needs('username')
        needs('password')
      }
      break
    case 'kubernetes.io/ssh-auth':
      if (!data['ssh-privatekey']) errors.push(required('data[ssh-privatekey]'))
      break
    case 'kubernetes.io/tls':
      needs('tls.crt')
      needs('tls.key')
      break
  }
}

function checkJson(errors: Errors, key: string, data: Readonly<Record<string, string>>): void {
  const field = `data[${key}]`
  if (data[key] === undefined) {
    errors.push(required(field))
    return
  }
  let problem: string | undefined
  try {
    const value: unknown = JSON.parse(atob(data[key]))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problem = 'json: cannot unmarshal into Go value of type map[string]interface {}'
    }
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error)
  }
  if (problem !== undefined) errors.push(invalid(field, '<secret contents redacted>', problem))
}

export function validateSecretUpdate(object: Secret, old: Secret): FieldError[] {
  const errors: Errors = []
  checkImmutable(errors, 'type', object.type ?? '', old.type ?? '')
  if (old.immutable) {
    if (!object.immutable) errors.push(forbidden('immutable', FIXED))
    if (!semanticEqual(object.data, old.data)) errors.push(forbidden('data', FIXED))
  }
  push(errors, validateSecret(object))
  return errors
}
