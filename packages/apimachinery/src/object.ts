import type { GroupVersionKind, ListMeta, ObjectMeta } from './generated/meta.ts'

/** What every API object has. Objects that came out of a client or cache are shared: never change them in place. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
}

/** A list as the API server answers it. */
export interface KubeList<T extends KubeObject> {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  items: T[]
}

/** What a client sends to create an object: the server fills in the rest of the metadata. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata' | 'apiVersion' | 'kind'> & {
  apiVersion?: string
  kind?: string
  metadata: Partial<ObjectMeta>
}

/** A subresource as discovery lists it. */
export interface SubresourceFacts {
  /** Group, version, kind where it is not the parent's (for example `autoscaling/v1` `Scale`). */
  type?: GroupVersionKind
  verbs: readonly string[]
}

/**
 * The address of a kind in the API: what a client needs to reach it and what discovery says of it. The type parameter
 * carries the object's shape, so `client.resource(Pods)` is typed. Custom resources make their own at run time.
 */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly group: string
  readonly version: string
  /** In which version objects are stored, where that is another one. */
  readonly storageVersion?: string
  /** Lower-case plural, as in the path. */
  readonly plural: string
  readonly singular: string
  readonly kind: string
  readonly listKind: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly string[]
  readonly subresources: Readonly<Record<string, SubresourceFacts>>
  /** Never present; ties the object's type to the value. */
  readonly _object?: T
}

/** `v1` for the core group, else `group/version`. */
export function apiVersionOf(type: { group: string; version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`
}

/** `pods` for the core group, else `deployments.apps`: how error messages and RBAC name a resource. */
export function groupResourceOf(type: { group: string; plural: string }): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`
}

/** The collection's path, for example `/apis/apps/v1/namespaces/default/deployments`. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`
  const scope = type.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${namespace}` : ''
  return `${root}${scope}/${type.plural}`
}
