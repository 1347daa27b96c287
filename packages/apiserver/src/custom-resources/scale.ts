/** `/scale` of custom objects: the numbers are where the definition says (pkg/registry/customresource/etcd.go, ScaleREST). */
import type { CustomKindFacts } from '@canopus/api'
import type { Scale } from '@canopus/api/autoscaling/v1'
import { scalePath } from '@canopus/apiextensions'
import {
  badRequestError,
  clone,
  conflictError,
  type ErrorTarget,
  internalError,
  type KubeObject,
  setField,
} from '@canopus/apimachinery'
import { notePatch } from '../audit/note-patch.ts'
import { decodeBody } from '../encoding/body.ts'
import type { WriteOptions } from '../filters/options.ts'
import type { ApiResponse } from '../http/message.ts'
import { isApplyPatch, readConfig } from '../registry/apply.ts'
import type { Call } from '../registry/call.ts'
import { matchNamespace } from '../registry/create.ts'
import { type Endpoint, writeCallOf } from '../registry/endpoint.ts'
import { readBytes } from '../registry/handler-events.ts'
import type { KindStore } from '../registry/kind-store.ts'
import { readPatch } from '../registry/patch.ts'
import { type Update, unnamedError, updateObject } from '../registry/update.ts'
import { scaleResponse } from '../subresources/scale-response.ts'
import { appliedByScale, ownedScale, SCALE, type ScaleRules, updatedByScale } from '../subresources/scale-write.ts'

type Paths = NonNullable<CustomKindFacts['scale']>

const PATCHED_SCALE = { ...SCALE, scheme: 'k8s.io/client-go/scale/util.go:146' }
const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

export async function serveCustomScale(endpoint: Endpoint, call: Call, paths: Paths): Promise<ApiResponse> {
  const { store } = endpoint
  const { name, verb } = call.info
  const namespace = endpoint.scope(call.info.namespace)
  const respond = (object: KubeObject): ApiResponse => scaleResponse(endpoint, call, scaleOf(object, paths))
  if (verb === 'get') return respond(store.view(await store.get(namespace, name)))
  const { options, write } = writeCallOf(call, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions')
  const body = await readBytes(call.request)
  const rules = rulesOf(store, name, paths)
  const change = changeOf({ store, call, body, options, rules, manager: write.manager ?? '' })
  const { version } = await updateObject(store, write, namespace, name, {
    unconditional: true,
    tracked: true,
    objectKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    shown: {
      of: object => scaleOf(object, paths, 0),
      back: (object, shown) => setReplicas(object, (shown as Scale).spec?.replicas ?? 0, paths),
    },
    ...change,
  })
  return respond(store.view(version))
}

interface ScaleRequest {
  readonly store: KindStore
  readonly call: Call
  readonly body: Uint8Array
  readonly options: WriteOptions
  readonly rules: ScaleRules
  readonly manager: string
}

/** What the request makes of an object. */
function changeOf(request: ScaleRequest): Pick<Update, 'produce' | 'preconditions'> {
  const { store, call, body, options, rules, manager } = request
  const { headers } = call.request
  if (call.info.verb !== 'patch') {
    const given = decodeBody<Scale>(body, headers, SCALE, options.fieldValidation, call.warnings)
    call.audit?.requestObject(given, SCALE)
    matchNamespace(store, call.info.namespace, given.metadata)
    if (!given.metadata.name) throw unnamedError(call.info.name)
    const { uid } = given.metadata
    return { ...(uid && { preconditions: { uid } }), produce: old => updatedByScale(old!, given, rules, manager) }
  }
  notePatch(call, body, PATCHED_SCALE)
  if (isApplyPatch(headers)) {
    const config = readConfig(body, options, call.warnings)
    return { produce: old => appliedByScale(old!, config, rules, options) }
  }
  const patch = readPatch(body, headers, PATCHED_SCALE, options.fieldValidation, call.warnings)
  return { produce: old => updatedByScale(old!, patch(ownedScale(old!, rules)) as Scale, rules, manager) }
}

/** Stands for no number, which a Scale cannot say (the smallest of 32 bits). */
const UNSET = -2147483648

function rulesOf(store: KindStore, name: string, paths: Paths): ScaleRules {
  const { replicasPaths } = store.kind.custom!
  return {
    apiVersion: store.apiVersion,
    paths: new Map([...replicasPaths].map(([version, path]) => [version, path === undefined ? path : scalePath(path)])),
    of: object => scaleOf(object, paths, UNSET),
    into: (object, scale) => scaled(object, scale, store.target(name), paths),
    isCustom: true,
  }
}

/** `unset` stands for the number where there is none. Throws StatusError 500 where nothing does. */
function scaleOf(object: KubeObject, paths: Paths, unset?: number): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const replicas = numberAt(object, paths.specReplicasPath) ?? unset
  if (replicas === undefined)
    throw internalError(`the spec replicas field ${JSON.stringify(paths.specReplicasPath)} does not exist`)
  const selector = paths.labelSelectorPath === undefined ? undefined : valueAt(object, paths.labelSelectorPath)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberAt(object, paths.statusReplicasPath) ?? 0,
      ...(typeof selector === 'string' && selector !== '' ? { selector } : {}),
    },
  }
}

function scaled(old: KubeObject, scale: Scale, target: ErrorTarget, paths: Paths): KubeObject {
  const { metadata } = scale
  const { name } = target
  if (metadata.name && metadata.name !== name) {
    throw badRequestError(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  }
  if (metadata.resourceVersion && metadata.resourceVersion !== old.metadata.resourceVersion) {
    throw conflictError(target, MODIFIED)
  }
  if (scale.spec?.replicas === UNSET) {
    throw badRequestError(`the spec replicas field ${JSON.stringify(paths.specReplicasPath)} cannot be empty`)
  }
  // Validation of the object says which numbers there may be.
  const object = clone(old)
  setReplicas(object, scale.spec?.replicas ?? 0, paths)
  return object
}

function setReplicas(object: KubeObject, replicas: number, paths: Paths): void {
  const names = scalePath(paths.specReplicasPath)
  let at = object as unknown as Record<string, unknown>
  for (const each of names.slice(0, -1)) {
    if (typeof at[each] !== 'object' || at[each] === null) setField(at, each, {})
    at = at[each] as Record<string, unknown>
  }
  setField(at, names.at(-1)!, replicas)
}

function valueAt(object: KubeObject, path: string): unknown {
  let value: unknown = object
  for (const name of scalePath(path)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

function numberAt(object: KubeObject, path: string): number | undefined {
  const value = valueAt(object, path)
  return typeof value === 'number' ? value : undefined
}
