/**
 * PUT, PATCH and every subresource that changes the stored object: read, change, write where nobody else wrote in between,
 * else once more (k8s.io/apiserver/pkg/registry/generic/registry/store.go, Update).
 */
import { changedMetadataErrors, type Kind } from '@canopus/api'
import {
  badRequestError,
  carryOverMetadata,
  conflictError,
  deepEqual,
  type FieldError,
  type GroupVersionKind,
  goQuote,
  invalid,
  invalidError,
  type KubeObject,
  type Preconditions,
  plainError,
  StatusError,
} from '@canopus/apimachinery'
import { KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'
import { type ObjectVersion, sourceOf } from '../cache/object-version.ts'
import { transforms } from '../storage/encryption/encrypted-store.ts'
import type { AdmissionTarget } from './admission.ts'
import { inStore, type WriteCall } from './call.ts'
import { createNew, matchKind, matchNamespace } from './create.ts'
import type { KindStore } from './kind-store.ts'
import { dropDuplicateOwners } from './owner-references.ts'
import { repairOwners, sameOwners, setOwners, trackUpdate } from './owners.ts'
import { anotherUid, checkStoredPreconditions } from './preconditions.ts'
import { writeFitting } from './size-limit.ts'

const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

/** How one endpoint changes an object. */
export interface Update {
  /** The object as it is to be: the caller's own. Called again where somebody else wrote first. */
  produce(current: KubeObject | undefined): Promise<KubeObject> | KubeObject
  /** Whether `produce` may be asked for an object that does not exist yet. */
  readonly mayCreate?: boolean
  /** Whether the object may come without a resourceVersion: the server's own changes and patches always may. */
  readonly unconditional?: boolean
  /** Whether the object has the resourceVersion of the one that it was made of, unless the patch took it away. */
  readonly patched?: boolean
  /** Whether `produce` has already seen to who owns which fields (apply). */
  readonly tracked?: boolean
  readonly preconditions?: Preconditions
  /** Instead of the strategy's treatment of the main resource. */
  prepare?(object: KubeObject, old: KubeObject): void
  validate?(object: KubeObject, old: KubeObject): FieldError[]
  /** Whether nobody looks at the metadata again: upstream writes such changes into the store at once. */
  readonly unchecked?: boolean
  /** Skips admission: changes that admission was asked about in another form (an eviction, a binding). */
  readonly admitted?: boolean
  readonly objectKind?: GroupVersionKind
  /** What admission is shown instead of the whole object (a scale), and how what it changes there gets back. */
  readonly shown?: { of(object: KubeObject): KubeObject; back(object: KubeObject, shown: KubeObject): void }
  /** Whether this is what sets the deletion time, which nobody else may change. */
  readonly marksDeletion?: boolean
}

export interface UpdateResult {
  readonly version: ObjectVersion
  readonly created: boolean
}

export async function updateObject(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  update: Update,
): Promise<UpdateResult> {
  let current = await store.cached(namespace, name)
  let fresh = false
  for (;;) {
    if (current === undefined && !fresh) {
      current = await store.find(namespace, name)
      fresh = true
    }
    try {
      if (current === undefined)
        return { version: await createInstead(store, call, namespace, name, update), created: true }
      const version = await updateOnce(store, call, namespace, name, update, current)
      // That nothing would change counts only with the newest state, too (GuaranteedUpdate in k8s.io/apiserver/pkg/storage/etcd3).
      const before = fresh || version !== current ? undefined : current.revision
      if (before === undefined) return { version, created: false }
      current = await store.find(namespace, name)
      fresh = true
      if (current?.revision === before) return { version, created: false }
    } catch (error) {
      if (error instanceof RevisionMismatchError) {
        current = error.current === undefined ? undefined : await store.taken(error.current)
        fresh = true
        continue
      }
      // Somebody else created it in between: then it is an update.
      if (error instanceof KeyExistsError) {
        current = undefined
        fresh = false
        continue
      }
      // The cache may have been behind: whatever was wrong counts only with the newest state.
      if (fresh || !(error instanceof StatusError)) throw error
      const before = current?.revision
      current = await store.find(namespace, name)
      fresh = true
      if (current?.revision === before) throw error
    }
  }
}

async function createInstead(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  update: Update,
): Promise<ObjectVersion> {
  if (update.mayCreate !== true) throw store.notFound(name)
  if (update.preconditions?.uid !== undefined) {
    throw anotherUid({ store, namespace, name, dryRun: call.dryRun }, update.preconditions.uid, '')
  }
  const object = await update.produce(undefined)
  // Before the name: whoever applies to one object by its uid need not name it (upstream's storage version migrator does not).
  if (update.tracked === true && object.metadata.uid) {
    const { uid } = object.metadata
    throw conflictError(
      store.target(name),
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    )
  }
  matchName(object, name)
  if (object.metadata.resourceVersion) {
    const counts = update.tracked !== true && object.metadata.resourceVersion !== '0'
    if (counts) throw conflictError(store.target(name), MODIFIED)
    delete (object.metadata as Partial<KubeObject['metadata']>).resourceVersion
  }
  return createNew(store, call, namespace, object, update.tracked)
}

async function updateOnce(
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  update: Update,
  current: ObjectVersion,
): Promise<ObjectVersion> {
  const { context, kind } = store
  const old = store.view(current)
  const place = { store, namespace, name, dryRun: call.dryRun }
  checkStoredPreconditions(place, old, update.preconditions)
  const object = await update.produce(old)
  const { managedFields } = object.metadata
  // Those of a patch count once admission is through.
  if (update.unconditional !== true && update.marksDeletion !== true) dropDuplicateOwners(object, call.warnings, false)
  prepareUpdate(place, update, object, old)
  if (isWhole(kind, call)) kind.strategy.default?.(object, update.tracked)
  if (update.tracked === true) setOwners(object, managedFields)
  else if (update.admitted !== true && update.marksDeletion !== true) {
    const tracking = trackUpdate(store, call, object, old, managedFields)
    if (tracking instanceof Promise) await tracking
  }
  if (update.admitted !== true) {
    const admitted = targetOf(store, update, namespace, name, object, old)
    const { managedFields: owners } = object.metadata
    await context.admission.mutate(call, admitted)
    dropDuplicateOwners(object, call.warnings, true)
    repairOwners(call, object, owners)
    update.shown?.back(object, admitted.object!)
    // What no webhook can take away; validation says no to other values.
    carryOverMetadata(object.metadata, old.metadata)
  }
  prepareByStrategy(store, call, update, object, old)
  const pending = store.hooks.allocate?.(object, old, call.dryRun)
  const release = pending instanceof Promise ? await pending : pending
  try {
    const errors = [
      ...(update.marksDeletion === true || update.unchecked === true
        ? []
        : changedMetadataErrors(kind, call.subresource, object.metadata, old.metadata)),
      ...validateByStrategy(store, call, update, object, old),
    ]
    const target = targetOf(store, update, namespace, name, object, old)
    const noted = kind.strategy.noted?.(object)
    if (noted !== undefined) call.warnings.push(...noted)
    if (errors.length > 0) {
      if (update.admitted !== true) errors.unshift(...(await context.admission.fieldErrors(call, target)))
      throw invalidError(store.invalidTarget(name), errors)
    }
    store.warn(call, object, old)
    if (update.admitted !== true) await context.admission.validate(call, target)
    kind.strategy.completeStored?.(object)
    if (call.dryRun) {
      release?.()
      return store.dryRunVersion(object, current.revision)
    }
    return await writeUpdate(store, call, object, old, current, update.tracked === true)
  } catch (error) {
    release?.()
    throw error
  }
}

/** Whether objects of the kind come by this endpoint, and not others that stand for a part of them (a scale). */
const isWhole = ({ strategy: { subresources } }: Kind, { subresource }: WriteCall): boolean =>
  subresource === '' || subresource === 'status' || subresources?.[subresource] !== undefined

function targetOf(
  { kind }: KindStore,
  { shown, objectKind }: Update,
  namespace: string,
  name: string,
  object: KubeObject,
  old: KubeObject,
): AdmissionTarget {
  return {
    kind,
    operation: 'UPDATE',
    namespace,
    name,
    object: shown === undefined ? object : shown.of(object),
    oldObject: shown === undefined ? old : shown.of(old),
    ...(objectKind === undefined ? {} : { objectKind }),
  }
}

async function writeUpdate(
  store: KindStore,
  call: WriteCall,
  object: KubeObject,
  old: KubeObject,
  current: ObjectVersion,
  applies: boolean,
): Promise<ObjectVersion> {
  const { context, kind } = store
  if (vanishes(store, object, old)) {
    const { revision } = await inStore(call, () => context.store.delete(current.key, current.revision))
    await store.hooks.settled?.(undefined, old)
    return store.dryRunVersion(object, revision)
  }
  const same = unchanged(object, old) && store.isCurrent(current) && !(await liesOutdated(context.store, current.key))
  const pending = same && kind.custom === undefined ? undefined : store.toStored(object)
  const stored = pending instanceof Promise ? await pending : pending
  // Of what is stored of a custom object, its schema may know less than it did.
  if (same && (stored === undefined || unchanged(stored, sourceOf(current).object))) {
    await store.hooks.settled?.(object, old)
    return current
  }
  const options = kind.ttlSeconds === undefined ? undefined : { ttlSeconds: kind.ttlSeconds }
  const { result, written } = await writeFitting(stored!, applies, fitting =>
    inStore(call, () => context.store.update(current.key, at => store.stamped(fitting, at), current.revision, options)),
  )
  const settling = store.hooks.settled?.(object, old)
  if (settling instanceof Promise) await settling
  current.forget()
  return store.taken(result, written)
}

/** Whether what is stored is to be written anew though nothing changed: under another key, say. */
const liesOutdated = async (store: Store, key: string): Promise<boolean> => transforms(store) && store.isStale(key)

/** Whether this change takes away the last thing that kept an object marked for deletion. */
function vanishes(store: KindStore, object: KubeObject, old: KubeObject): boolean {
  if (!old.metadata.deletionTimestamp || (object.metadata.finalizers ?? []).length > 0) return false
  if ((old.metadata.deletionGracePeriodSeconds ?? 0) > 0) return false
  return store.hooks.readyToVanish?.(object) ?? true
}

function unchanged(object: KubeObject, old: KubeObject): boolean {
  const { metadata, ...rest } = object
  const { metadata: oldMetadata, ...oldRest } = old
  const { resourceVersion: _, managedFields: owners, ...meta } = metadata
  const { resourceVersion: __, managedFields: oldOwners, ...oldMeta } = oldMetadata
  return deepEqual(meta, oldMeta) && deepEqual(rest, oldRest) && sameOwners(owners, oldOwners)
}

function prepareUpdate(
  place: Parameters<typeof anotherUid>[0],
  update: Update,
  object: KubeObject,
  old: KubeObject,
): void {
  const { store, namespace, name } = place
  const meta: Partial<KubeObject['metadata']> = object.metadata
  matchNamespace(store, namespace, meta)
  matchName(object, name)
  // That of a patch is no condition: validation says that it cannot be changed.
  if (update.unconditional !== true && meta.uid && meta.uid !== old.metadata.uid) {
    throw anotherUid(place, meta.uid, old.metadata.uid)
  }
  const stored = old.metadata.resourceVersion
  const version = meta.resourceVersion === stored ? undefined : sentVersion(meta.resourceVersion)
  if (version === 0n) {
    const isOwn = update.unconditional === true && update.patched !== true
    const allowed = isOwn || store.kind.strategy.allowUnconditionalUpdate !== false
    if (!allowed) {
      const missing = invalid('metadata.resourceVersion', 0, 'must be specified for an update')
      throw invalidError(store.target(name), [missing])
    }
    meta.resourceVersion = stored
  } else if (version !== undefined) {
    if (version !== BigInt(stored)) throw conflictError(store.target(name), MODIFIED)
    meta.resourceVersion = stored
  }
  matchKind(store, object)
  object.kind = store.kind.type.kind
  object.apiVersion = store.apiVersion
  delete meta.selfLink
  carryOverMetadata(object.metadata, old.metadata)
  if (old.metadata.generation === undefined) delete meta.generation
  else meta.generation = old.metadata.generation
  if (old.metadata.managedFields === undefined) delete meta.managedFields
  else meta.managedFields = old.metadata.managedFields
}

function prepareByStrategy(
  store: KindStore,
  call: WriteCall,
  update: Update,
  object: KubeObject,
  old: KubeObject,
): void {
  const { strategy } = store.kind
  if (update.prepare !== undefined) update.prepare(object, old)
  else if (call.subresource === 'status') strategy.prepareForStatusUpdate?.(object, old, store.now())
  else strategy.prepareForUpdate?.(object, old, store.now())
}

function validateByStrategy(
  store: KindStore,
  call: WriteCall,
  update: Update,
  object: KubeObject,
  old: KubeObject,
): FieldError[] {
  const { strategy } = store.kind
  if (update.validate !== undefined) return update.validate(object, old)
  if (update.prepare !== undefined) return []
  if (call.subresource === 'status') return strategy.validateStatusUpdate?.(object, old) ?? []
  return strategy.validateUpdate?.(object, old) ?? []
}

/** 0 where nothing is said. Throws StatusError 500 as upstream's store does (pkg/storage/api_object_versioner.go). */
function sentVersion(text: string | undefined): bigint {
  if (!text) return 0n
  const isNumber = /^\d+$/.test(text)
  const version = isNumber ? BigInt(text) : 0n
  if (isNumber && version < 2n ** 64n) return version
  const why = isNumber ? 'value out of range' : 'invalid syntax'
  throw plainError(`strconv.ParseUint: parsing ${goQuote(text)}: ${why}`)
}

/** What is sent for an object must say which it is. */
export const unnamedError = (name: string): StatusError =>
  badRequestError(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)

/** Throws StatusError 400 where an object is not the one that the path names. */
export function matchName(object: KubeObject, name: string): void {
  if (!object.metadata.name) throw unnamedError(name)
  if (object.metadata.name !== name) {
    throw badRequestError(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
    )
  }
}
