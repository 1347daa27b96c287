/** What the server serves, as clients ask for it: legacy lists per group and version, and everything at once (KEP-3352). */
import { createHash } from 'node:crypto'
import type {
  APIGroup,
  APIGroupList,
  APIResource,
  APIResourceList,
  APIVersions,
  ResourceType,
} from '@canopus/apimachinery'
import { apiVersionOf } from '@canopus/apimachinery'

/** Groups in upstream's order of priority (pkg/controlplane/apiserver/aggregator.go); others follow by name. */
const PRIORITY = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
]

export interface GroupResources {
  readonly group: string
  /** Preferred first. */
  readonly versions: readonly { readonly version: string; readonly types: readonly ResourceType[] }[]
}

/** Sorts types into groups and versions, both best first (`v2` before `v1`, as upstream prefers). */
export function groupTypes(types: Iterable<ResourceType>): GroupResources[] {
  const groups = new Map<string, Map<string, ResourceType[]>>()
  for (const type of types) {
    const versions = groups.get(type.group) ?? new Map<string, ResourceType[]>()
    groups.set(type.group, versions)
    const list = versions.get(type.version) ?? []
    versions.set(type.version, list)
    list.push(type)
  }
  const rank = (group: string): number => {
    const at = PRIORITY.indexOf(group)
    return at < 0 ? PRIORITY.length : at
  }
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(([group, versions]) => ({
      group,
      versions: [...versions]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, list]) => ({ version, types: list.sort((a, b) => (a.plural < b.plural ? -1 : 1)) })),
    }))
}

/** Stable before beta before alpha, higher numbers first (k8s.io/apimachinery/pkg/version). */
export function compareVersions(a: string, b: string): number {
  const parse = (text: string): [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text)
    if (match === null) return [3, 0, 0]
    return [match[2] === undefined ? 0 : match[2] === 'beta' ? 1 : 2, -Number(match[1]), -Number(match[3] ?? 0)]
  }
  const [left, right] = [parse(a), parse(b)]
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2] || (a < b ? -1 : a > b ? 1 : 0)
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
    ...(type.verbs.includes('list') ? { storageVersionHash: storageVersionHash(type) } : {}),
  }
  const subresources = Object.entries(type.subresources).sort(([a], [b]) => (a < b ? -1 : 1))
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

/** Eight bytes of SHA-256 over group, version and kind, in base 64 (k8s.io/apiserver/pkg/endpoints/discovery). */
function storageVersionHash({ group, version, kind }: ResourceType): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')
}

/** apidiscovery.k8s.io/v2 APIGroupDiscoveryList. */
export function aggregatedDiscovery(groups: readonly GroupResources[]): unknown {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: versions.map(({ version, types }) => ({
        version,
        resources: types.map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
  }
}

function aggregatedResource(type: ResourceType): unknown {
  const { group, version, kind } = type
  const subresources = Object.entries(type.subresources)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([subresource, { type: own, verbs }]) => ({
      subresource,
      responseKind: own ?? { group, version, kind },
      verbs: [...verbs],
    }))
  return {
    resource: type.plural,
    responseKind: { group, version, kind },
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
