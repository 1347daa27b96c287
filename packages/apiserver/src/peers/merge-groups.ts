/**
 * Merges what several API servers say that they serve into one document (k8s.io/apiserver/pkg/endpoints/discovery/aggregated,
 * peer_aggregated_handler.go). Whoever comes first is taken as it is; others add to it.
 */
import { mergeOrder } from './merge-order.ts'

/** A resource in an APIGroupDiscoveryList; what else is said of it is passed on. */
export interface ResourceDocument {
  readonly resource: string
  readonly verbs?: readonly string[]
  readonly subresources?: readonly { readonly subresource: string }[]
}

export interface VersionDocument {
  readonly version: string
  readonly resources?: readonly ResourceDocument[]
}

export interface GroupDocument {
  readonly metadata: { readonly name?: string }
  readonly versions: readonly VersionDocument[]
}

/** The groups of all servers, whose lists stand in the order in which they are to be taken. */
export function mergeGroups(servers: readonly (readonly GroupDocument[])[]): GroupDocument[] {
  return merged(servers, nameOf, (a, b) => ({
    ...a,
    versions: merged([a.versions, b.versions], ({ version }) => version, mergeVersions),
  }))
}

const nameOf = ({ metadata }: GroupDocument): string => metadata.name ?? ''

function mergeVersions(a: VersionDocument, b: VersionDocument): VersionDocument {
  return { ...a, resources: merged([a.resources ?? [], b.resources ?? []], ({ resource }) => resource, mergeResources) }
}

function mergeResources(a: ResourceDocument, b: ResourceDocument): ResourceDocument {
  if (JSON.stringify(a) === JSON.stringify(b)) return a
  const verbs = [...new Set([...(a.verbs ?? []), ...(b.verbs ?? [])])].sort()
  const below = new Map([...(a.subresources ?? []), ...(b.subresources ?? [])].map(each => [each.subresource, each]))
  const subresources = [...below.keys()].sort().map(name => below.get(name)!)
  return { ...a, verbs, ...(subresources.length > 0 ? { subresources } : {}) }
}

function merged<T>(lists: readonly (readonly T[])[], keyOf: (item: T) => string, both: (a: T, b: T) => T): T[] {
  const found = new Map<string, T>()
  for (const item of lists.flat()) {
    const known = found.get(keyOf(item))
    found.set(keyOf(item), known === undefined ? item : both(known, item))
  }
  return mergeOrder(lists.map(list => list.map(keyOf))).map(key => found.get(key)!)
}
