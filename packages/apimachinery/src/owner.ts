import type { GroupVersionKind, ObjectMeta, OwnerReference } from './generated/meta.ts'
import { apiVersionOf } from './object.ts'

interface HasMeta {
  readonly metadata: ObjectMeta
}

/** The reference of the one owner that manages the object, if there is one. */
export function controllerOf(object: HasMeta): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(each => each.controller === true)
}

/** Whether `owner` is the controller of `object`. */
export function isControlledBy(object: HasMeta, owner: HasMeta): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid
}

/** The reference that makes `owner` the controller of what carries it, and holds up its foreground deletion. */
export function controllerReference(owner: HasMeta, type: GroupVersionKind): OwnerReference {
  return { ...ownerReference(owner, type), controller: true, blockOwnerDeletion: true }
}

/** A plain reference: the object goes when its last owner is gone. */
export function ownerReference(owner: HasMeta, type: GroupVersionKind): OwnerReference {
  return { apiVersion: apiVersionOf(type), kind: type.kind, name: owner.metadata.name, uid: owner.metadata.uid }
}

/** `group` and `version` of an apiVersion (`v1`, `apps/v1`). */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/')
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) }
}

/** Whether both are the same kind of the same group, whatever the version, and the same object. */
export function sameOwner(a: OwnerReference, b: OwnerReference): boolean {
  const group = (reference: OwnerReference): string => parseApiVersion(reference.apiVersion).group
  return a.uid === b.uid && a.kind === b.kind && a.name === b.name && group(a) === group(b)
}
