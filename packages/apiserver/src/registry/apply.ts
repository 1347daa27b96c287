/** PATCH with `application/apply-patch+yaml`: server-side apply (k8s.io/apiserver/pkg/endpoints/handlers/patch.go, applyPatcher). */
import { schemas } from '@canopus/api'
import {
  type ApplyRequest,
  applyConfig,
  badRequestError,
  checkDepth,
  clone,
  DecodeError,
  decodeValue,
  ElementError,
  forbidden,
  invalidError,
  isObject,
  jsonKind,
  type KubeObject,
  parseJson,
  plainError,
  required,
  StatusError,
  surveyJson,
  YamlSyntaxError,
} from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { parseMediaType } from '../encoding/media-type.ts'
import { yamlToJson, yamlWarnings } from '../encoding/yaml.ts'
import type { WriteOptions } from '../filters/options.ts'
import { type Headers, header } from '../http/message.ts'
import type { Maybe } from '../security.ts'
import { addEvent } from '../tracing/span.ts'
import type { Call, WriteCall } from './call.ts'
import type { KindStore } from './kind-store.ts'
import { kindText, setOwners, withConversions } from './owners.ts'
import { type PatchedKind, withoutOwners } from './patch.ts'
import { membersOf } from './patch-findings.ts'
import type { Update } from './update.ts'

export const APPLY_PATCH = 'application/apply-patch+yaml'

type Plain = Readonly<Record<string, unknown>>

export function isApplyPatch(headers: Headers): boolean {
  return parseMediaType(header(headers, 'content-type') ?? '')?.type === APPLY_PATCH
}

/** Throws StatusError 422 where options and kind of patch do not fit together. */
export function checkPatchOptions(headers: Headers, options: WriteOptions): void {
  const errors = []
  if (isApplyPatch(headers)) {
    if (options.fieldManager === '') errors.push(required('fieldManager', 'is required for apply patch'))
  } else if (options.force !== undefined) errors.push(forbidden('force', 'may not be specified for non-apply patch'))
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', resource: 'PatchOptions', name: '' }, errors)
}

/** Where a configuration is laid over an object. */
export interface ApplyTarget {
  readonly store: KindStore
  readonly kind: PatchedKind
  readonly write: WriteCall
  readonly options: WriteOptions
}

/** What a request to apply does to the object; creates it where it does not exist. Throws StatusError 400 for unreadable bodies. */
export function applyUpdate(target: ApplyTarget, call: Call, body: Uint8Array): Update {
  const config = readConfig(body, target.options, call.warnings)
  return {
    unconditional: true,
    tracked: true,
    mayCreate: target.write.subresource === '',
    produce: async current => {
      if (current === undefined) await call.authorize('create')
      addEvent('About to apply patch')
      const applied = await applyTo(target, config, current)
      addEvent('About to check admission control')
      return applied
    },
  }
}

/** Reads the configuration; duplicate keys count as findings of strict validation. */
export function readConfig(body: Uint8Array, options: WriteOptions, warnings: string[]): Plain {
  let config: unknown
  let findings: readonly string[]
  // An empty body is a configuration of nothing.
  if (body.byteLength === 0) throw badRequestError('invalid object type: /, Kind=')
  try {
    config = readJson(body)
    findings = []
    if (config === undefined) {
      const { json, strictErrors } = yamlToJson(body)
      config = parseJson(json)
      findings = strictErrors
    }
  } catch (error) {
    const converting = error instanceof YamlSyntaxError ? 'error converting YAML to JSON: ' : ''
    throw badRequestError(`error decoding YAML: ${converting}${messageOf(error)}`)
  }
  if (config === null) throw badRequestError('invalid object type: /, Kind=')
  if (!isObject(config)) {
    const type = `json: cannot unmarshal ${jsonKind(config)} into Go value of type map[string]interface {}`
    throw badRequestError(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${type}`)
  }
  if (findings.length > 0 && options.fieldValidation === 'Strict') {
    throw badRequestError(`error strict decoding YAML: error converting YAML to JSON: ${findings.join(', ')}`)
  }
  if (options.fieldValidation === 'Warn') warnings.push(...yamlWarnings(findings))
  return config as Plain
}

/** Most configurations are JSON, which is read faster. Undefined for YAML, and where a key comes twice. */
function readJson(body: Uint8Array): unknown {
  if (body[0] !== 0x7b) return undefined
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  checkDepth(text)
  try {
    const config = parseJson(text)
    return membersOf(config) === surveyJson(text).members ? config : undefined
  } catch {
    return undefined
  }
}

export type ApplyRequestOptions = Pick<WriteOptions, 'fieldManager' | 'force'>

/** What a request asks to be done to an object that is there or not. */
export function applyRequest(
  config: Plain,
  current: KubeObject | undefined,
  options: ApplyRequestOptions,
): ApplyRequest {
  const { namespace, name } = (config.metadata ?? {}) as { namespace?: unknown; name?: unknown }
  const type = kindText(textOf(config.apiVersion), textOf(config.kind))
  return {
    live: current === undefined ? {} : withoutOwners(current),
    stored: current?.metadata.managedFields,
    config,
    manager: options.fieldManager,
    force: options.force === true,
    objectText: `${textOf(namespace)}/${textOf(name)}; ${type}`,
  }
}

/** The object with the configuration laid over it, owners included. */
export function applyTo(
  { store, kind, write, options }: ApplyTarget,
  config: Plain,
  current: KubeObject | undefined,
): Maybe<KubeObject> {
  const [apiVersion, name] = [textOf(config.apiVersion), textOf(config.kind)]
  // Go reads a version with two slashes as nothing, and the kind with it.
  const type = apiVersion.split('/').length > 2 ? '/, Kind=' : kindText(apiVersion, name)
  if (apiVersion !== kind.apiVersion || name !== kind.kind) throw badRequestError(`invalid object type: ${type}`)
  const request = applyRequest(config, current, options)
  return withConversions(store, write, scope => {
    try {
      const { object, managedFields } = applyConfig(scope, request)
      const decoded = decodeMerged(object, kind, request.objectText, hasNulls(config))
      setOwners(decoded, managedFields)
      return decoded
    } catch (error) {
      if (error instanceof ElementError) throw plainError(error.message)
      throw error
    }
  })
}

/** The merged object as one of its kind. What a configuration of a custom object says is null, validation gets to see. */
export function decodeMerged(object: Plain, kind: PatchedKind, objectText: string, keepsNulls: boolean): KubeObject {
  const { schema, message, apiVersion } = kind
  try {
    const options = schema === undefined ? { converting: true } : { keepsNulls }
    const decoded = decodeValue(schema ?? schemas.schemaOf(message), clone(object), options)
    return decoded.object as unknown as KubeObject
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    const type = kindText(apiVersion, kind.kind)
    const why = `unable to convert unstructured object to ${type}: ${error.message}`
    throw new StatusError({
      code: 500,
      message: `failed to convert new object (${objectText}) to proper version: ${why}`,
    })
  }
}

const hasNulls = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value as object).some(hasNulls))

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
