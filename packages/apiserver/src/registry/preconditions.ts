/** What a write demands of the object that it finds (k8s.io/apiserver/pkg/storage/interfaces.go, pkg/registry/rest/delete.go). */
import { conflictError, type KubeObject, type Preconditions, type StatusError } from '@canopus/apimachinery'
import type { KindStore } from './kind-store.ts'

interface Broken {
  field: 'UID' | 'ResourceVersion'
  wanted: string
  is: string
}

function brokenOf({ metadata }: KubeObject, wanted: Preconditions | undefined): Broken | undefined {
  if (wanted?.uid !== undefined && wanted.uid !== metadata.uid)
    return { field: 'UID', wanted: wanted.uid, is: metadata.uid }
  const version = metadata.resourceVersion
  if (wanted?.resourceVersion === undefined || wanted.resourceVersion === version) return undefined
  return { field: 'ResourceVersion', wanted: wanted.resourceVersion, is: version }
}

const textOf = ({ field, wanted, is }: Broken): string =>
  `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${is}`

/** As namespaces and definitions of custom resources say it when they are deleted. Throws StatusError 409. */
export function checkPreconditions(
  store: KindStore,
  name: string,
  object: KubeObject,
  preconditions: Preconditions | undefined,
): void {
  const broken = brokenOf(object, preconditions)
  if (broken) throw conflictError(store.target(name), textOf(broken))
}

/** As all other kinds say it. Throws StatusError 409, about the kind rather than the resource. */
export function checkDeletePreconditions(
  { kind }: KindStore,
  name: string,
  object: KubeObject,
  preconditions: Preconditions | undefined,
): void {
  const broken = brokenOf(object, preconditions)
  if (!broken) return
  const { field, wanted, is } = broken
  const why = field === 'UID' ? 'deleted and then recreated' : 'modified'
  throw conflictError(
    { group: kind.type.group, resource: kind.type.kind, name },
    `the ${field} in the precondition (${wanted}) does not match the ${field} in record (${is}). The object might have been ${why}`,
  )
}

/** As the storage says it in an update. Throws StatusError 409. */
export function checkStoredPreconditions(
  place: Place,
  object: KubeObject,
  preconditions: Preconditions | undefined,
): void {
  const broken = brokenOf(object, preconditions)
  if (broken) throw storageConflict(place, textOf(broken))
}

/** An update of an object that has another uid, or is not there any more: then `is` is empty. */
export const anotherUid = (place: Place, wanted: string, is: string): StatusError =>
  storageConflict(place, textOf({ field: 'UID', wanted, is }))

/** Where an object lies that is to be updated. */
interface Place {
  readonly store: KindStore
  readonly namespace: string
  readonly name: string
  readonly dryRun: boolean
}

/** A dry run does not come as far as to the prefix of all keys. */
function storageConflict({ store, namespace, name, dryRun }: Place, why: string): StatusError {
  const stored = store.cache.keyOf(namespace, name)
  const key = dryRun ? stored.replace(/^\/registry(?=\/)/, '') : stored
  return conflictError(
    store.target(name),
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
  )
}
