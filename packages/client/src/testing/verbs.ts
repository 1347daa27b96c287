/** What the fake server does to objects: creation, update, deletion, as a real one does without defaults and validation. */
import {
  alreadyExistsError,
  apiVersionOf,
  badRequestError,
  conflictError,
  type DeleteOptions,
  forbiddenError,
  type KubeObject,
  notFoundError,
  type ResourceType,
} from '@canopus/apimachinery'
import type { FakeStorage } from './storage.ts'

type Fields = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> }

const target = (type: ResourceType, name?: string) => ({
  group: type.group,
  resource: type.plural,
  ...(name === undefined ? {} : { name }),
})

export function mustGet(storage: FakeStorage, type: ResourceType, name: string, namespace?: string): KubeObject {
  const object = storage.get(type, name, namespace)
  if (!object) throw notFoundError(target(type, name))
  return object
}

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'

/** Fills in what every server sets, and stores. `keepStatus` is for seeding states by hand. */
export function createObject(
  storage: FakeStorage,
  type: ResourceType,
  draft: KubeObject,
  namespace: string | undefined,
  keepStatus: boolean,
): KubeObject {
  const object = structuredClone(draft) as Fields
  const metadata = { ...object.metadata }
  const uid = metadata.uid && keepStatus ? metadata.uid : storage.nextUid()
  if (!metadata.name) metadata.name = `${metadata.generateName ?? ''}${suffixOf(Number(uid.slice(-12)))}`
  if (type.namespaced) metadata.namespace ??= namespace ?? 'default'
  else delete metadata.namespace
  if (storage.get(type, metadata.name, metadata.namespace)) throw alreadyExistsError(target(type, metadata.name))
  if (!keepStatus) checkNamespace(storage, type, metadata.namespace)
  if (!keepStatus && 'status' in type.subresources) {
    delete object.status
    if (type.plural === 'pods') object.status = { phase: 'Pending' }
  }
  if (type.plural === 'namespaces') {
    object.spec ??= { finalizers: ['kubernetes'] }
    object.status ??= { phase: 'Active' }
  }
  return storage.put(type, {
    ...object,
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: {
      ...metadata,
      uid,
      generation: metadata.generation ?? 1,
      creationTimestamp: (keepStatus && metadata.creationTimestamp) || storage.timestamp(),
    },
  })
}

/** A namespace that is going away takes in nothing new. Namespaces that nobody made are fine: tests are brief. */
function checkNamespace(storage: FakeStorage, type: ResourceType, namespace: string | undefined): void {
  if (namespace === undefined) return
  const object = storage.get(NAMESPACES, namespace)
  if (!object?.metadata.deletionTimestamp) return
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`
  const error = forbiddenError(target(type), why)
  error.status.details = {
    ...error.status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  }
  throw error
}

const NAMESPACES = { group: '', version: 'v1', plural: 'namespaces' } as ResourceType

function suffixOf(number: number): string {
  let rest = number
  let text = ''
  for (let i = 0; i < 5; i++) {
    text = SUFFIX_ALPHABET[rest % SUFFIX_ALPHABET.length]! + text
    rest = Math.floor(rest / SUFFIX_ALPHABET.length)
  }
  return text
}

/** Replaces `old` by `object`; `subresource` says which half may change. */
export function updateObject(
  storage: FakeStorage,
  type: ResourceType,
  old: KubeObject,
  object: KubeObject,
  subresource: string | undefined,
): KubeObject {
  const sent = object.metadata.resourceVersion
  if (sent && sent !== old.metadata.resourceVersion) {
    throw conflictError(
      target(type, old.metadata.name),
      'the object has been modified; please apply your changes to the latest version and try again',
    )
  }
  if (object.metadata.uid && object.metadata.uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${object.metadata.uid}, UID in object meta: ${old.metadata.uid}`
    throw conflictError(target(type, old.metadata.name), why)
  }
  const next = merged(type, old as Fields, structuredClone(object) as Fields, subresource)
  if (sameContent(old, next)) return old
  if (isReleased(next)) return storage.remove(type, next)
  return storage.put(type, next)
}

function merged(type: ResourceType, old: Fields, object: Fields, subresource: string | undefined): Fields {
  const fixed = {
    name: old.metadata.name,
    uid: old.metadata.uid,
    creationTimestamp: old.metadata.creationTimestamp,
    resourceVersion: old.metadata.resourceVersion,
    ...(old.metadata.namespace ? { namespace: old.metadata.namespace } : {}),
    ...(old.metadata.generation === undefined ? {} : { generation: old.metadata.generation }),
    ...(old.metadata.deletionTimestamp ? { deletionTimestamp: old.metadata.deletionTimestamp } : {}),
    ...(old.metadata.deletionGracePeriodSeconds === undefined
      ? {}
      : { deletionGracePeriodSeconds: old.metadata.deletionGracePeriodSeconds }),
  }
  const head = { apiVersion: apiVersionOf(type), kind: type.kind }
  if (subresource === 'status') {
    // As on a server: who may write the status may write annotations and finalizers with it.
    const { annotations, finalizers } = object.metadata
    const next: Fields = { ...old, ...head, metadata: { ...old.metadata } }
    if (annotations === undefined) delete next.metadata.annotations
    else next.metadata.annotations = annotations
    if (finalizers === undefined || finalizers.length === 0) delete next.metadata.finalizers
    else next.metadata.finalizers = finalizers
    if (object.status === undefined) delete next.status
    else next.status = object.status
    return next
  }
  if (subresource === 'finalize') return { ...old, ...head, spec: object.spec ?? {} }
  const next: Fields = { ...object, ...head, metadata: { ...object.metadata, ...fixed } }
  if ('status' in type.subresources) {
    if (old.status === undefined) delete next.status
    else next.status = old.status
  }
  if (JSON.stringify(specOf(old)) !== JSON.stringify(specOf(next))) {
    next.metadata.generation = (old.metadata.generation ?? 0) + 1
  }
  return next
}

function specOf(object: Fields): unknown {
  const { metadata: _metadata, status: _status, ...rest } = object
  return rest
}

const sameContent = (a: KubeObject, b: KubeObject): boolean => canonical(a) === canonical(b)

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}

/** Marked for deletion, nothing left to wait for. */
function isReleased(object: Fields): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata
  if (!deletionTimestamp || (deletionGracePeriodSeconds ?? 0) > 0) return false
  const inSpec = object.kind === 'Namespace' ? ((object.spec?.finalizers as string[] | undefined) ?? []) : []
  return (finalizers ?? []).length === 0 && inSpec.length === 0
}

/** Deletes as far as finalizers and grace allow. */
export function deleteObject(
  storage: FakeStorage,
  type: ResourceType,
  old: KubeObject,
  options: DeleteOptions,
): KubeObject {
  const { uid, resourceVersion } = options.preconditions ?? {}
  if (uid && uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`
    throw conflictError(target(type, old.metadata.name), why)
  }
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${old.metadata.resourceVersion}`
    throw conflictError(target(type, old.metadata.name), why)
  }
  const grace = graceOf(type, old as Fields, options)
  const finalizers = new Set(old.metadata.finalizers)
  if (options.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion').delete('orphan')
  if (options.propagationPolicy === 'Orphan') finalizers.add('orphan').delete('foregroundDeletion')
  if (options.propagationPolicy === 'Background') {
    finalizers.delete('orphan')
    finalizers.delete('foregroundDeletion')
  }
  const { finalizers: _old, ...rest } = old.metadata
  const next: Fields = {
    ...old,
    metadata: {
      ...rest,
      ...(finalizers.size > 0 ? { finalizers: [...finalizers] } : {}),
      deletionTimestamp: old.metadata.deletionTimestamp ?? storage.timestamp(grace * 1000),
      deletionGracePeriodSeconds: Math.min(grace, old.metadata.deletionGracePeriodSeconds ?? grace),
    },
  }
  if (type.plural === 'namespaces') next.status = { ...next.status, phase: 'Terminating' }
  if (sameContent(old, next)) return old
  return isReleased(next) ? storage.remove(type, next) : storage.put(type, next)
}

function graceOf(type: ResourceType, old: Fields, options: DeleteOptions): number {
  if (type.plural !== 'pods') return 0
  if (!old.spec?.nodeName || old.status?.phase === 'Succeeded' || old.status?.phase === 'Failed') return 0
  return options.gracePeriodSeconds ?? (old.spec.terminationGracePeriodSeconds as number | undefined) ?? 30
}

/** Puts a pod on a node, as the scheduler's POST to `binding` does. */
export function bindPod(storage: FakeStorage, type: ResourceType, pod: KubeObject, binding: unknown): KubeObject {
  const old = pod as Fields
  const node = (binding as { target?: { name?: string } }).target?.name
  if (!node) throw badRequestError('binding.target.name is required')
  if (old.spec?.nodeName) {
    const why = `pod ${old.metadata.name} is already assigned to node ${JSON.stringify(old.spec.nodeName)}`
    throw conflictError({ group: '', resource: 'pods/binding', name: old.metadata.name }, why)
  }
  const conditions = ((old.status?.conditions as { type: string }[] | undefined) ?? []).filter(
    each => each.type !== 'PodScheduled',
  )
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: storage.timestamp() }
  return storage.put(type, {
    ...old,
    spec: { ...old.spec, nodeName: node },
    status: { ...old.status, conditions: [...conditions, scheduled] },
  } as KubeObject)
}
