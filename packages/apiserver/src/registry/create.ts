/** POST: from a decoded object to a stored one (k8s.io/apiserver/pkg/registry/rest/create.go). */
import { newMetadataErrors } from '@canopus/api'
import {
  alreadyExistsError,
  badRequestError,
  generateName,
  invalid,
  invalidError,
  type KubeObject,
  type ObjectMeta,
  parseApiVersion,
  plainError,
  StatusError,
} from '@canopus/apimachinery'
import { uuid } from '@canopus/base'
import { KeyExistsError, type WriteOptions } from '@canopus/store'
import type { ObjectVersion } from '../cache/object-version.ts'
import type { AdmissionTarget } from './admission.ts'
import { inStore, type WriteCall } from './call.ts'
import type { KindStore } from './kind-store.ts'
import { dropDuplicateOwners } from './owner-references.ts'
import { repairOwners, setOwners, trackCreate } from './owners.ts'
import { writeFitting } from './size-limit.ts'

const GENERATE_ATTEMPTS = 8

/**
 * Stores a new object. `object` is the request's own and is changed. Throws StatusError: 409 for a name that exists, 422 for
 * an invalid object, whatever admission refuses.
 */
export async function createObject(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  object: KubeObject,
): Promise<ObjectVersion> {
  try {
    return await createNew(store, call, namespace, object)
  } catch (error) {
    throw error instanceof KeyExistsError ? await existsError(store, namespace, object) : error
  }
}

/**
 * As `createObject`, but throws KeyExistsError for a name that exists: who may update the object does so then. `tracked` says
 * that the object's owners are in it already (apply).
 */
export async function createNew(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  object: KubeObject,
  tracked = false,
): Promise<ObjectVersion> {
  const owners = object.metadata.managedFields
  prepareMetadata(store, namespace, object)
  store.kind.strategy.default?.(object, tracked)
  if (tracked) setOwners(object, owners)
  else {
    dropDuplicateOwners(object, call.warnings, false)
    const tracking = trackCreate(store, call, object, owners)
    if (tracking instanceof Promise) await tracking
  }
  const generated = !object.metadata.name && Boolean(object.metadata.generateName)
  const { managedFields } = object.metadata
  await store.context.admission.mutate(call, targetOf(store, namespace, object))
  dropDuplicateOwners(object, call.warnings, true)
  repairOwners(call, object, managedFields)
  identify(store, namespace, object)
  for (let attempt = 1; ; attempt++) {
    if (generated) object.metadata.name = generateName(store.context.random, object.metadata.generateName!)
    try {
      return await createOnce(store, call, namespace, object, tracked)
    } catch (error) {
      if (!(error instanceof KeyExistsError) || !generated || attempt >= GENERATE_ATTEMPTS) throw error
    }
  }
}

/** Why a name cannot be had: upstream's registry/generic/registry/store.go (create) and registry/rest/create.go. */
async function existsError(store: KindStore, namespace: string, { metadata }: KubeObject): Promise<StatusError> {
  const { code, reason, status } = alreadyExistsError(store.target(metadata.name))
  const generated = Boolean(metadata.generateName)
  const suffix = generated ? ', the server was not able to generate a unique name for the object' : ''
  // The name is taken also where its object cannot be read.
  const existing = await store.find(namespace, metadata.name).catch(() => undefined)
  const prefix = existing?.object.metadata.deletionTimestamp ? 'object is being deleted: ' : ''
  const details = { ...status.details, ...(generated ? { retryAfterSeconds: 1 } : {}) }
  return new StatusError({ code, reason, details, message: `${prefix}${status.message}${suffix}` })
}

async function createOnce(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  object: KubeObject,
  applies: boolean,
): Promise<ObjectVersion> {
  const { kind, context, cache } = store
  const warn = (text: string): void => void call.warnings.push(text)
  kind.strategy.prepareForCreate?.(object, { ...store.now(), user: call.user, warn })
  const pending = store.hooks.allocate?.(object, undefined, call.dryRun)
  const release = pending instanceof Promise ? await pending : pending
  try {
    const { name } = object.metadata
    const errors = [...newMetadataErrors(kind, object.metadata), ...(kind.strategy.validate?.(object) ?? [])]
    const target = targetOf(store, namespace, object)
    if (errors.length > 0) {
      errors.unshift(...(await context.admission.fieldErrors(call, target)))
      throw invalidError(store.invalidTarget(name), errors)
    }
    store.warn(call, object, undefined)
    await context.admission.validate(call, target)
    kind.strategy.completeStored?.(object)
    const key = cache.keyOf(namespace, name)
    if (!call.dryRun) refuseRevision(object)
    if (call.dryRun) {
      if ((await store.find(namespace, name)) !== undefined) throw new KeyExistsError(key)
      release?.()
      return store.dryRunVersion(object, undefined)
    }
    const pending = store.toStored(object)
    const stored = pending instanceof Promise ? await pending : pending
    const { decided } = call
    const options: WriteOptions = {
      ...(kind.ttlSeconds === undefined ? {} : { ttlSeconds: kind.ttlSeconds }),
      ...(decided === undefined ? {} : { decided }),
    }
    const { result, written } = await writeFitting(stored, applies, fitting =>
      inStore(call, () => context.store.create(key, revision => store.stamped(fitting, revision), options)),
    )
    return store.taken(result, written)
  } catch (error) {
    release?.()
    throw error
  }
}

/** The store refuses what it has stored before (ErrResourceVersionSetOnCreate); a text that is no number it does not understand. */
function refuseRevision({ metadata: { resourceVersion } }: KubeObject): void {
  if (!/^0*[1-9]\d*$/.test(resourceVersion ?? '')) return
  throw plainError('resourceVersion should not be set on objects to be created')
}

/** What only the server decides: no marks of deletion or identity, the namespace of the request. */
function prepareMetadata(store: KindStore, namespace: string, object: KubeObject): void {
  const meta: Partial<ObjectMeta> = object.metadata
  matchNamespace(store, namespace, meta)
  matchKind(store, object)
  object.kind = store.kind.type.kind
  object.apiVersion = store.apiVersion
  delete meta.selfLink
  delete meta.deletionTimestamp
  delete meta.deletionGracePeriodSeconds
  delete meta.managedFields
  delete meta.uid
  delete meta.creationTimestamp
}

/** What the server gives every new object, after admission, which can neither see nor change it. */
function identify(store: KindStore, namespace: string, object: KubeObject): void {
  object.kind = store.kind.type.kind
  object.apiVersion = store.apiVersion
  matchNamespace(store, namespace, object.metadata)
  object.metadata.uid = uuid(store.context.random)
  object.metadata.creationTimestamp = store.now().now
}

/** A custom object is invalid where it says to be of another kind; bodies of built-in kinds were held to theirs. Throws StatusError 422. */
export function matchKind({ kind }: KindStore, { kind: said, apiVersion, metadata }: KubeObject): void {
  if (kind.custom === undefined || !said || said === kind.type.kind) return
  const { group } = parseApiVersion(apiVersion ?? '')
  throw invalidError({ group, resource: said, name: metadata.name ?? '' }, [
    invalid('kind', said, `must be ${kind.type.kind}`),
  ])
}

/** The object's namespace must be the request's; it may be left out. Cluster-scoped objects have none. */
export function matchNamespace(store: KindStore, namespace: string, meta: Partial<ObjectMeta>): void {
  if (!store.kind.type.namespaced) {
    delete meta.namespace
    return
  }
  if (meta.namespace && meta.namespace !== namespace) {
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request')
  }
  meta.namespace = namespace
}

function targetOf(store: KindStore, namespace: string, object: KubeObject): AdmissionTarget {
  return {
    kind: store.kind,
    operation: 'CREATE',
    namespace,
    name: object.metadata.name ?? '',
    object,
    oldObject: undefined,
  }
}
