/** `/scale`: the number of replicas, in one shape for every kind that has one. */
import { newMetadataErrors, ScaleKind, schemas } from '@canopus/api'
import type { Scale } from '@canopus/api/autoscaling/v1'
import {
  badRequestError,
  clone,
  conflictError,
  DecodeError,
  decodeValue,
  type ErrorTarget,
  formatSelector,
  hasReason,
  invalid,
  invalidError,
  type KubeObject,
  type LabelSelector,
  labelSelector,
  labelSetSelector,
  StatusError,
} from '@canopus/apimachinery'
import { notePatch } from '../audit/note-patch.ts'
import { serveCustomScale } from '../custom-resources/scale.ts'
import { decodeBody } from '../encoding/body.ts'
import type { ApiResponse } from '../http/message.ts'
import { type ApplyTarget, applyTo, isApplyPatch, readConfig } from '../registry/apply.ts'
import type { Call } from '../registry/call.ts'
import { matchNamespace } from '../registry/create.ts'
import { type Endpoint, writeCallOf } from '../registry/endpoint.ts'
import { readBytes } from '../registry/handler-events.ts'
import type { KindStore } from '../registry/kind-store.ts'
import { dropDuplicateOwners } from '../registry/owner-references.ts'
import { kindText } from '../registry/owners.ts'
import { readPatch } from '../registry/patch.ts'
import { type Update, unnamedError, updateObject } from '../registry/update.ts'
import { scaleResponse } from './scale-response.ts'
import type { SubresourceContext } from './subresource.ts'

interface Scalable extends KubeObject {
  spec?: { replicas?: number; selector?: LabelSelector | Record<string, string> }
  status?: { replicas?: number }
}

const SCALE = { apiVersion: 'autoscaling/v1', kind: 'Scale', message: 'autoscaling.v1.Scale' }

export async function serveScale(_context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  if (endpoint.kind.custom?.scale !== undefined) return serveCustomScale(endpoint, call, endpoint.kind.custom.scale)
  const { store } = endpoint
  const { namespace, name, verb } = call.info
  const { headers } = call.request
  const respond = (object: KubeObject): ApiResponse => scaleResponse(endpoint, call, scaleOf(object))
  if (verb === 'get') return respond(store.view(await store.get(namespace, name)))
  const { options, write } = writeCallOf(call, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions')
  const body = await readBytes(call.request)
  if (verb === 'patch') notePatch(call, body, SCALE)
  if (verb === 'patch' && isApplyPatch(headers)) {
    const config = readConfig(body, options, call.warnings)
    const { version } = await updateObject(store, write, namespace, name, {
      ...AS_SCALE,
      unconditional: true,
      tracked: true,
      produce: old => appliedScale({ store, kind: parentOf(store), write, options }, config as Partial<Scale>, old!),
    })
    return respond(store.view(version))
  }
  if (verb === 'patch') {
    const wanted = readPatch(body, headers, SCALE, options.fieldValidation, call.warnings)
    const { version } = await updateObject(store, write, namespace, name, {
      ...AS_SCALE,
      unconditional: true,
      produce: old => scaled(old as Scalable, wanted(scaleOf(old!)) as Scale, store.target(name)),
    })
    return respond(store.view(version))
  }
  const scale = decodeBody<Scale>(body, headers, SCALE, options.fieldValidation, call.warnings)
  call.audit?.requestObject(scale, SCALE)
  matchNamespace(store, namespace, scale.metadata)
  dropDuplicateOwners(scale, call.warnings, false)
  const { uid } = scale.metadata
  const { version } = await updateObject(store, write, namespace, name, {
    ...AS_SCALE,
    unconditional: true,
    ...(uid && { preconditions: { uid } }),
    produce: old => scaled(old as Scalable, scale, store.target(name)),
  })
  return respond(store.view(version))
}

/** Admission sees the Scale, and may change the number in it. */
const AS_SCALE: Pick<Update, 'objectKind' | 'shown'> = {
  objectKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  shown: {
    of: scaleOf,
    back: (object, shown) => {
      const { spec } = object as Scalable
      if (spec !== undefined) spec.replicas = (shown as Scale).spec?.replicas ?? 0
    },
  },
}

const parentOf = ({ apiVersion, kind }: KindStore): ApplyTarget['kind'] => ({
  apiVersion,
  kind: kind.type.kind,
  message: kind.message,
})

/** A Scale applies to the number of replicas of the object that it is a view of. */
async function appliedScale(target: ApplyTarget, config: Partial<Scale>, old: KubeObject): Promise<KubeObject> {
  const { apiVersion = '', kind = '', metadata, spec } = config
  if (apiVersion !== SCALE.apiVersion || kind !== SCALE.kind) {
    throw badRequestError(`invalid object type: ${kindText(apiVersion, kind)}`)
  }
  const name = metadata?.name ?? old.metadata.name
  const replicas = spec?.replicas
  const own = {
    apiVersion: target.kind.apiVersion,
    kind: target.kind.kind,
    metadata: { name },
    ...(replicas === undefined ? {} : { spec: { replicas } }),
  }
  const applied = await asScale(target, () => applyTo(target, own, old))
  const view = scaleOf(applied)
  const scale: Scale = { ...view, metadata: { ...view.metadata, ...metadataOf(config), name } }
  return scaled(applied as Scalable, scale, target.store.target(old.metadata.name))
}

/** Those who own the number own it in a Scale, as far as the client is told. Throws what `apply` throws, in these words. */
async function asScale<T>({ kind }: ApplyTarget, apply: () => Promise<T> | T): Promise<T> {
  try {
    return await apply()
  } catch (error) {
    if (!(error instanceof StatusError) || !hasReason(error, 'Conflict')) throw error
    const { code, reason, status } = error
    const renamed = (text = ''): string => text.replaceAll(` using ${kind.apiVersion}`, ` using ${SCALE.apiVersion}`)
    const causes = status.details?.causes?.map(each => ({ ...each, message: renamed(each.message) }))
    const details = { ...status.details, ...(causes && { causes }) }
    throw new StatusError({ code, reason, message: renamed(status.message), details })
  }
}

/** What a configuration says of the metadata, which is looked at and goes no further. */
function metadataOf(config: Partial<Scale>): Partial<Scale['metadata']> {
  try {
    const { object } = decodeValue(schemas.schemaOf(SCALE.message), clone(config))
    return (object as unknown as Scale).metadata
  } catch (error) {
    if (error instanceof DecodeError) return {}
    throw error
  }
}

function scaleOf(object: KubeObject): Scale {
  const { metadata, spec, status } = object as Scalable
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: spec?.replicas ? { replicas: spec.replicas } : {},
    status: { replicas: status?.replicas ?? 0, ...selectorText(object as Scalable) },
  }
}

function selectorText({ kind, spec }: Scalable): { selector?: string } {
  const selector = spec?.selector
  if (selector === undefined) return {}
  const parsed =
    kind === 'ReplicationController'
      ? labelSetSelector(selector as Record<string, string>)
      : labelSelector(selector as LabelSelector)
  const text = formatSelector(parsed)
  return text === '' ? {} : { selector: text }
}

function scaled(old: Scalable, scale: Scale, target: ErrorTarget): KubeObject {
  const { metadata } = scale
  const { name = '' } = target
  if (!metadata.name) throw unnamedError(name)
  if (metadata.name !== name) {
    throw badRequestError(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  }
  const replicas = scale.spec?.replicas ?? 0
  const errors = newMetadataErrors(ScaleKind, metadata)
  if (replicas < 0) errors.push(invalid('spec.replicas', replicas, 'must be greater than or equal to 0'))
  if (errors.length > 0) throw invalidError({ group: 'autoscaling', resource: 'Scale', name }, errors)
  const { uid } = old.metadata
  if (metadata.uid && metadata.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`
    throw conflictError({ ...target, resource: `${target.resource}/scale` }, why)
  }
  const { resourceVersion } = metadata.resourceVersion ? metadata : old.metadata
  return { ...old, metadata: { ...old.metadata, resourceVersion }, spec: { ...old.spec, replicas } } as KubeObject
}
