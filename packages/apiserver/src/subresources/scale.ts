/** `/scale`: the number of replicas, in one shape for every kind that has one. */
import { newMetadataErrors, ScaleKind } from '@canopus/api'
import type { Scale } from '@canopus/api/autoscaling/v1'
import {
  badRequestError,
  conflictError,
  type ErrorTarget,
  formatSelector,
  invalid,
  invalidError,
  type KubeObject,
  type LabelSelector,
  labelSelector,
  labelSetSelector,
} from '@canopus/apimachinery'
import { notePatch } from '../audit/note-patch.ts'
import { serveCustomScale } from '../custom-resources/scale.ts'
import { decodeBody } from '../encoding/body.ts'
import type { ApiResponse } from '../http/message.ts'
import { isApplyPatch, readConfig } from '../registry/apply.ts'
import type { Call } from '../registry/call.ts'
import { matchNamespace } from '../registry/create.ts'
import { type Endpoint, writeCallOf } from '../registry/endpoint.ts'
import { readBytes } from '../registry/handler-events.ts'
import type { KindStore } from '../registry/kind-store.ts'
import { dropDuplicateOwners } from '../registry/owner-references.ts'
import { readPatch } from '../registry/patch.ts'
import { type Update, unnamedError, updateObject } from '../registry/update.ts'
import { scaleResponse } from './scale-response.ts'
import { appliedByScale, ownedScale, SCALE, type ScaleRules, updatedByScale } from './scale-write.ts'
import type { SubresourceContext } from './subresource.ts'

interface Scalable extends KubeObject {
  spec?: { replicas?: number; selector?: LabelSelector | Record<string, string> }
  status?: { replicas?: number }
}

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
  const rules = rulesOf(store, name)
  const manager = write.manager ?? ''
  if (verb === 'patch' && isApplyPatch(headers)) {
    const config = readConfig(body, options, call.warnings)
    const { version } = await updateObject(store, write, namespace, name, {
      ...AS_SCALE,
      unconditional: true,
      tracked: true,
      produce: old => appliedByScale(old!, config, rules, options),
    })
    return respond(store.view(version))
  }
  if (verb === 'patch') {
    const wanted = readPatch(body, headers, SCALE, options.fieldValidation, call.warnings)
    const { version } = await updateObject(store, write, namespace, name, {
      ...AS_SCALE,
      unconditional: true,
      tracked: true,
      produce: old => updatedByScale(old!, wanted(ownedScale(old!, rules)) as Scale, rules, manager),
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
    tracked: true,
    ...(uid && { preconditions: { uid } }),
    produce: old => updatedByScale(old!, scale, rules, manager),
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

/** Versions that are not served any more, in which somebody may own the number of replicas all the same. */
const FORMER_VERSIONS = ['apps/v1beta1', 'apps/v1beta2']

function rulesOf(store: KindStore, name: string): ScaleRules {
  const { apiVersion } = store
  const versions = [apiVersion, ...(store.kind.type.group === 'apps' ? FORMER_VERSIONS : [])]
  return {
    apiVersion,
    paths: new Map(versions.map(each => [each, ['spec', 'replicas']])),
    of: scaleOf,
    into: (object, scale) => scaled(object as Scalable, scale, store.target(name)),
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
