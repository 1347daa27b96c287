/** Objects of a definition converted by its webhook (k8s.io/apiextensions-apiserver/pkg/apiserver/conversion/webhook_converter.go). */
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { ConvertObjects } from '@canopus/apiextensions'
import {
  deepEqual,
  type FieldError,
  fieldErrorText,
  isObject,
  jsonKind,
  type KubeObject,
  type ObjectMeta,
  parseApiVersion,
  plainError,
  type Status,
  type StatusError,
  validateAnnotations,
  validateLabels,
} from '@canopus/apimachinery'
import { type Random, uuid } from '@canopus/base'
import { kindText } from '../registry/owners.ts'
import { WebhookCallError, type WebhookCaller } from '../webhook/client.ts'

const GROUP = 'apiextensions.k8s.io'

/** Upstream sets no limit of its own; a webhook that takes longer than any of admission may is as good as gone. */
const TIMEOUT_SECONDS = 30

export interface ConversionContext {
  readonly webhooks: WebhookCaller
  readonly random: Random
}

/** Who converts the objects of the definition, or undefined where that is no webhook. */
export function conversionWebhook(
  { spec }: CustomResourceDefinition,
  context: ConversionContext,
): ConvertObjects | undefined {
  const { strategy, webhook } = spec.conversion ?? {}
  if (strategy !== 'Webhook' || webhook?.clientConfig === undefined) return undefined
  const { clientConfig, conversionReviewVersions } = webhook
  const version = conversionReviewVersions.find(each => each === 'v1' || each === 'v1beta1')
  return async (objects, apiVersion) => {
    const others = objects.filter(each => each.apiVersion !== apiVersion)
    const [first] = others
    if (first === undefined) return objects
    if (version === undefined) throw plainError('no supported conversion review versions')
    const from = kindText(first.apiVersion ?? '', first.kind ?? '')
    const uid = uuid(context.random)
    const request = { uid, desiredAPIVersion: apiVersion, objects: others }
    const review = { kind: 'ConversionReview', apiVersion: `${GROUP}/${version}`, request }
    const converted = await answered(from, async () =>
      convertedObjects(version, uid, await context.webhooks.call(clientConfig, review, TIMEOUT_SECONDS)),
    )
    if (converted.length !== others.length) {
      throw plainError(`conversion webhook for ${from} returned ${converted.length} objects, expected ${others.length}`)
    }
    const checked = others.map((object, index) => checkConverted(object, converted[index], apiVersion, from))
    return objects.map(each => (each.apiVersion === apiVersion ? each : checked.shift()!))
  }
}

class ConversionError extends Error {}

async function answered<T>(from: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof WebhookCallError || error instanceof ConversionError)) throw error
    throw plainError(`conversion webhook for ${from} failed: ${error.message}`)
  }
}

interface Response {
  uid?: unknown
  convertedObjects?: unknown[]
  result?: Partial<Status>
}

const REVIEWS: readonly string[] = [`${GROUP}/v1`, `${GROUP}/v1beta1`]

/** The objects of an answer. Throws ConversionError where there is none, or it is a failure. */
function convertedObjects(version: string, uid: string, answer: unknown): readonly unknown[] {
  const { kind, apiVersion, response } = (answer ?? {}) as { kind?: string; apiVersion?: string; response?: Response }
  const expected = `${GROUP}/${version}`
  const isReview = kind === undefined || kind === 'ConversionReview'
  if (apiVersion !== undefined && apiVersion !== expected && isReview && REVIEWS.includes(apiVersion)) {
    const type = (each: string): string => `(${each.replace(/^.*\//, '')}.ConversionReview)`
    throw new ConversionError(`converting ${type(apiVersion)} to ${type(expected)}: unknown conversion`)
  }
  if (kind && apiVersion && (!isReview || !REVIEWS.includes(apiVersion))) {
    const what = `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`
    throw new ConversionError(`${what} in scheme "pkg/runtime/scheme.go:111"`)
  }
  if (version === 'v1' && (kind !== 'ConversionReview' || apiVersion !== expected)) {
    const got = kindText(apiVersion ?? '', kind ?? '')
    throw new ConversionError(`expected webhook response of ${expected}, Kind=ConversionReview, got ${got}`)
  }
  if (typeof response !== 'object' || response === null) throw new ConversionError('no response provided')
  if (version === 'v1' && response.uid !== uid) {
    throw new ConversionError(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(String(response.uid ?? ''))}`,
    )
  }
  const { status, message } = response.result ?? {}
  if (status !== 'Success') {
    throw new ConversionError(message || `response.result.status was '${status ?? ''}', not 'Success'`)
  }
  return response.convertedObjects ?? []
}

/**
 * The converted object with the metadata of the original, of which a webhook may change labels and annotations alone. Throws
 * StatusError 500 where it has become another object.
 */
function checkConverted(original: KubeObject, answer: unknown, apiVersion: string, from: string): KubeObject {
  const invalid = (why: string, at = ''): StatusError =>
    plainError(`conversion webhook for ${from} returned invalid object${at}: ${why}`)
  const first = ' at index 0'
  if (answer === null || answer === undefined) throw plainError('unexpected end of JSON input')
  if (!isObject(answer)) {
    throw plainError(`json: cannot unmarshal ${jsonKind(answer)} into Go value of type map[string]interface {}`)
  }
  const converted = answer as unknown as KubeObject
  if (!converted.kind) throw plainError(`Object 'Kind' is missing in '${JSON.stringify(answer)}'`)
  if (converted.apiVersion !== apiVersion) {
    throw invalid(
      `invalid groupVersion (expected ${apiVersion}, received ${groupVersionText(converted.apiVersion ?? '')})`,
      first,
    )
  }
  if (converted.kind !== original.kind) {
    throw invalid(`invalid kind (expected ${original.kind}, received ${converted.kind})`, first)
  }
  const metadata: unknown = converted.metadata
  for (const [field, name] of IDENTITY) {
    const [is, was] = [(metadata as Partial<ObjectMeta> | undefined)?.[field] ?? '', original.metadata[field] ?? '']
    if (is !== was) throw invalid(`must have the same ${name}: ${was} != ${is}`)
  }
  const wrong = (why: string): StatusError =>
    plainError(`conversion webhook for ${from} returned invalid metadata: ${why}`)
  return { ...converted, metadata: restoredMetadata(original.metadata, metadata, wrong) }
}

const IDENTITY = [
  ['name', 'name'],
  ['namespace', 'namespace'],
  ['uid', 'UID'],
] as const

function groupVersionText(apiVersion: string): string {
  const { group, version } = parseApiVersion(apiVersion)
  return group === '' ? version : `${group}/${version}`
}

function restoredMetadata(original: ObjectMeta, given: unknown, wrong: (why: string) => StatusError): ObjectMeta {
  if (given === undefined) throw wrong('missing metadata in converted object')
  if (!isObject(given)) throw wrong(`invalid metadata of type ${goType(given)} in converted object`)
  const metadata = { ...original }
  for (const [field, validate] of CHANGEABLE) {
    const value = given[field]
    if (value === undefined || value === null) {
      delete metadata[field]
      continue
    }
    if (!isObject(value)) throw wrong(`invalid metadata.${field} of type ${goType(value)} in converted object`)
    for (const [key, each] of Object.entries(value)) {
      if (typeof each === 'string') continue
      throw wrong(`metadata.${field}[${key}] must be a string, but is ${goType(each)} in converted object`)
    }
    const texts = value as Record<string, string>
    if (!deepEqual(texts, original[field] ?? {})) {
      const errors = validate(texts)
      if (errors.length > 0) throw wrong(allOf(errors))
    }
    metadata[field] = texts
  }
  return metadata
}

const CHANGEABLE = [
  ['labels', (value: Record<string, string>) => validateLabels(value, 'metadata.labels')],
  ['annotations', (value: Record<string, string>) => validateAnnotations(value, 'metadata.annotation')],
] as const

function allOf(errors: readonly FieldError[]): string {
  const texts = errors.map(fieldErrorText)
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`
}

/** The type as Go names what it decodes JSON to. */
function goType(value: unknown): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64'
    case 'bigint':
      return 'int64'
    default:
      return 'map[string]interface {}'
  }
}
