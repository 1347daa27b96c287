/** What the server serves, as clients ask for it: legacy lists per group and version, and everything at once (KEP-3352). */
import { createHash } from 'node:crypto'
import type {
  APIGroup,
  APIGroupList,
  APIResource,
  APIResourceList,
  APIVersions,
  ResourceType,
  SubresourceFacts,
} from '@canopus/apimachinery'
import { apiVersionOf, compareVersions } from '@canopus/apimachinery'
import { localPriority, type Priority } from '../aggregation/priorities.ts'
import type { GroupDocument, ResourceDocument, VersionDocument } from '../peers/merge-groups.ts'

/** One version of a group in an APIGroupDiscoveryList, as another server says that it serves it. */
export interface ExternalVersion {
  readonly group: string
  readonly document: {
    readonly version: string
    readonly resources: readonly unknown[]
    readonly freshness: 'Current' | 'Stale'
  }
}

interface VersionResources {
  readonly version: string
  readonly types: readonly ResourceType[]
  /** Where another server serves it. */
  readonly external?: ExternalVersion['document']
}

export interface GroupResources {
  readonly group: string
  /** Preferred first. */
  readonly versions: readonly VersionResources[]
}

/**
 * Sorts types, and what others serve, into groups and versions, both best first: by priority, then groups by name and
 * versions as upstream prefers (`v2` before `v1`).
 */
export function groupTypes(
  types: Iterable<ResourceType>,
  external: Iterable<ExternalVersion> = [],
  priorityOf: (group: string, version: string) => Priority = localPriority,
): GroupResources[] {
  const groups = new Map<string, Map<string, ResourceType[]>>()
  const others = new Map<string, ExternalVersion['document']>()
  const place = (group: string, version: string): ResourceType[] => {
    const versions = groups.get(group) ?? new Map<string, ResourceType[]>()
    groups.set(group, versions)
    const list = versions.get(version) ?? []
    versions.set(version, list)
    return list
  }
  for (const type of types) place(type.group, type.version).push(type)
  for (const { group, document } of external) {
    place(group, document.version)
    others.set(`${group}/${document.version}`, document)
  }
  const ranked = [...groups].map(([group, versions]) => {
    const all = [...versions].map(([version, list]) => ({ version, list, priority: priorityOf(group, version) }))
    return { group, rank: Math.max(...all.map(({ priority }) => priority.group)), all }
  })
  return ranked
    .sort((a, b) => b.rank - a.rank || (a.group < b.group ? -1 : 1))
    .map(({ group, all }) => ({
      group,
      versions: all
        .sort((a, b) => b.priority.version - a.priority.version || compareVersions(a.version, b.version))
        .map(({ version, list }) => {
          const document = others.get(`${group}/${version}`)
          const sorted = list.sort((a, b) => (a.plural < b.plural ? -1 : 1))
          return { version, types: sorted, ...(document === undefined ? {} : { external: document }) }
        }),
    }))
}

export function apiVersions(serverAddress: string): APIVersions {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  } as APIVersions
}

export function apiGroup({ group, versions }: GroupResources): APIGroup {
  const all = versions.map(({ version }) => ({ groupVersion: apiVersionOf({ group, version }), version }))
  return { name: group, versions: all, preferredVersion: all[0]! }
}

export function apiGroupList(groups: readonly GroupResources[]): APIGroupList {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.filter(each => each.group !== '').map(apiGroup) }
}

export function apiResourceList(group: string, version: string, types: readonly ResourceType[]): APIResourceList {
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: apiVersionOf({ group, version }),
    resources: types.flatMap(apiResources),
  } as APIResourceList
}

function apiResources(type: ResourceType): APIResource[] {
  const main: APIResource = {
    name: type.plural,
    singularName: type.singular,
    namespaced: type.namespaced,
    kind: type.kind,
    verbs: [...type.verbs],
    ...(type.shortNames.length > 0 ? { shortNames: [...type.shortNames] } : {}),
    ...(type.categories.length > 0 ? { categories: [...type.categories] } : {}),
    // What is stored can be watched; component statuses are listed alone.
    ...(type.verbs.includes('watch') ? { storageVersionHash: storageVersionHash(type) } : {}),
  }
  const subresources = Object.entries(type.subresources)
  return [
    main,
    ...subresources.map(([name, { type: own, verbs }]) => ({
      name: `${type.plural}/${name}`,
      singularName: '',
      namespaced: type.namespaced,
      ...(own === undefined || own.group === type.group ? {} : { group: own.group }),
      ...(own === undefined || (own.group === type.group && own.version === type.version)
        ? {}
        : { version: own.version }),
      kind: own?.kind ?? type.kind,
      verbs: [...verbs],
    })),
  ]
}

/** As what upstream stores kinds of which it serves another version. */
const STORED: Readonly<Record<string, string>> = {
  'events.k8s.io/Event': '/v1',
  'autoscaling/HorizontalPodAutoscaler': 'autoscaling/v2',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': 'admissionregistration.k8s.io/v1beta1',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': 'admissionregistration.k8s.io/v1beta1',
  'apiextensions.k8s.io/CustomResourceDefinition': 'apiextensions.k8s.io/v1beta1',
}

/** Eight bytes of SHA-256 over group, version and kind, in base 64 (k8s.io/apiserver/pkg/endpoints/discovery). */
function storageVersionHash({ group, version, storageVersion = version, kind }: ResourceType): string {
  const stored = STORED[`${group}/${kind}`] ?? `${group}/${storageVersion}`
  return createHash('sha256').update(`${stored}/${kind}`).digest().subarray(0, 8).toString('base64')
}

/**
 * apidiscovery.k8s.io/v2 APIGroupDiscoveryList. Kinds are named without the group and version that they stand under, as in
 * legacy lists; those of custom resources in full, as upstream's server for these does.
 */
export function aggregatedDiscovery(
  groups: readonly GroupResources[],
  isCustom: (type: ResourceType) => boolean = () => false,
): { kind: string; apiVersion: string; metadata: object; items: GroupDocument[] } {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versions.map(each => aggregatedVersion(each, isCustom)),
    })),
  }
}

function aggregatedVersion(
  { version, types, external }: VersionResources,
  isCustom: (type: ResourceType) => boolean,
): VersionDocument & { freshness: string } {
  if (external === undefined) {
    return { version, resources: types.map(type => aggregatedResource(type, isCustom(type))), freshness: 'Current' }
  }
  const { resources, freshness } = external
  return { version, ...(resources.length === 0 ? {} : { resources: resources as ResourceDocument[] }), freshness }
}

function aggregatedResource(type: ResourceType, inFull: boolean): ResourceDocument & Record<string, unknown> {
  const { group, version, kind } = type
  const own = inFull ? { group, version, kind } : { group: '', version: '', kind }
  const kindOf = (other: SubresourceFacts['type']): unknown => {
    if (other === undefined) return own
    const same = !inFull && other.group === group && other.version === version
    return same ? { ...own, kind: other.kind } : { group: other.group, version: other.version, kind: other.kind }
  }
  const subresources = Object.entries(type.subresources).map(([subresource, { type: other, verbs }]) => ({
    subresource,
    responseKind: kindOf(other),
    verbs: [...verbs],
  }))
  return {
    resource: type.plural,
    responseKind: own,
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: [...type.verbs],
    ...(type.shortNames.length > 0 ? { shortNames: [...type.shortNames] } : {}),
    ...(type.categories.length > 0 ? { categories: [...type.categories] } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  }
}

/** Quoted hexadecimal SHA-512 in capitals, as upstream's ETag of discovery. */
export function etagOf(text: string): string {
  return `"${createHash('sha512').update(text).digest('hex').toUpperCase()}"`
}
