/** Serves `/api`, `/apis` and below. Documents are made once and made anew when the served types change. */
import type { ResourceType } from '@canopus/apimachinery'
import type { Priority } from '../aggregation/priorities.ts'
import { covers, parseMediaTypes } from '../encoding/media-type.ts'
import { type ApiRequest, type ApiResponse, header } from '../http/message.ts'
import { type GroupDocument, mergeGroups } from '../peers/merge-groups.ts'
import { objectResponse } from '../registry/respond.ts'
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  type ExternalVersion,
  etagOf,
  type GroupResources,
  groupTypes,
} from './documents.ts'

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

interface Aggregated {
  readonly body: Uint8Array
  readonly etag: string
}

/** What the aggregator knows (`aggregation/aggregator.ts`). */
export interface DiscoveryAggregation {
  versions(): Iterable<ExternalVersion>
  readonly priorityOf: (group: string, version: string) => Priority
}

/** What other API servers serve (`peers/peers.ts`). */
interface PeerDocuments {
  readonly serverId: string
  groups(): ReadonlyMap<string, readonly GroupDocument[]>
}

export class Discovery {
  readonly #serverAddress: () => string
  readonly #tellsHashes: boolean
  #types: () => Iterable<ResourceType> = () => []
  #isCustom: (type: ResourceType) => boolean = () => false
  #aggregation: DiscoveryAggregation | undefined
  #groups: GroupResources[] | undefined
  #core: Aggregated | undefined
  #others: Aggregated | undefined
  #peers: PeerDocuments | undefined
  #merged: Aggregated | undefined

  /** `tellsHashes`: the feature StorageVersionHash. */
  constructor(serverAddress: () => string, tellsHashes = true) {
    this.#tellsHashes = tellsHashes
    this.#serverAddress = serverAddress
  }

  /** Where to ask for the types that are served, and which are custom; asked again after each `changed`. */
  setTypes(types: () => Iterable<ResourceType>, isCustom: (type: ResourceType) => boolean): void {
    this.#types = types
    this.#isCustom = isCustom
    this.changed()
  }

  /** Where to ask for what other servers serve, and where groups stand. */
  setAggregation(aggregation: DiscoveryAggregation): void {
    this.#aggregation = aggregation
    this.changed()
  }

  /** Where to ask for what other API servers serve, by their identity; clients are told of all unless they want this one's alone. */
  setPeers(serverId: string, groups: PeerDocuments['groups']): void {
    this.#peers = { serverId, groups }
    this.changed()
  }

  changed(): void {
    this.#merged = undefined
    this.#groups = undefined
    this.#core = undefined
    this.#others = undefined
  }

  get groups(): readonly GroupResources[] {
    const { priorityOf, versions } = this.#aggregation ?? {}
    this.#groups ??= groupTypes(this.#types(), versions?.(), priorityOf)
    return this.#groups
  }

  /** `undefined` where the path is no discovery path. */
  serve(request: ApiRequest): ApiResponse | undefined {
    const segments = request.path.split('/').filter(each => each !== '')
    const [root, first, second] = segments
    if (root === 'api') {
      if (segments.length === 1) return this.root(request, true)
      return segments.length === 2 ? this.resources(request, '', first!) : undefined
    }
    if (root !== 'apis') return undefined
    if (segments.length === 1) return request.path === '/apis//' ? undefined : this.root(request, false)
    const group = this.groups.find(each => each.group === first && each.group !== '')
    if (group === undefined || segments.length > 3) return undefined
    if (segments.length === 3) return this.resources(request, first!, second!)
    return objectResponse(request, 200, { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group) })
  }

  private root(request: ApiRequest, core: boolean): ApiResponse {
    const wanted = wantedDocument(request)
    if (wanted === 'own') this.ownAlone++
    if (wanted === 'all' && !core && this.#peers !== undefined) return this.merged(request, this.#peers)
    if (wanted !== undefined) return this.aggregated(request, core)
    const list = core ? apiVersions(this.#serverAddress()) : apiGroupList(this.groups)
    return objectResponse(request, 200, list)
  }

  /** How often documents of all groups at once were made. */
  aggregations = 0
  /** How often clients asked for this server's groups alone, and how often those of all servers were there already or had to be made. */
  ownAlone = 0
  mergedHits = 0
  mergedMisses = 0

  private aggregated(request: ApiRequest, core: boolean): ApiResponse {
    let document = core ? this.#core : this.#others
    if (document === undefined) {
      document = written(this.own(core))
      this.aggregations++
      if (core) this.#core = document
      else this.#others = document
    }
    return answered(request, document)
  }

  private own(core: boolean): ReturnType<typeof aggregatedDiscovery> {
    const groups = this.groups.filter(each => (each.group === '') === core)
    return aggregatedDiscovery(groups, this.#isCustom)
  }

  private merged(request: ApiRequest, { serverId, groups }: PeerDocuments): ApiResponse {
    if (this.#merged === undefined) {
      this.mergedMisses++
      const others = groups()
      const own = this.own(false)
      const all = new Map<string, readonly GroupDocument[]>([...others, [serverId, own.items]])
      // The same on each server, whoever is asked.
      const items = mergeGroups([...all.keys()].sort().map(name => all.get(name)!))
      this.#merged = written({ ...own, items })
    } else this.mergedHits++
    return answered(request, this.#merged)
  }

  private resources(request: ApiRequest, group: string, version: string): ApiResponse | undefined {
    const found = this.groups.find(each => each.group === group)?.versions.find(each => each.version === version)
    if (found === undefined) return undefined
    const list = apiResourceList(group, version, found.types)
    if (!this.#tellsHashes) for (const each of list.resources) delete each.storageVersionHash
    return objectResponse(request, 200, list)
  }
}

function written(list: object): Aggregated {
  const text = JSON.stringify(list)
  return { body: Buffer.from(text), etag: etagOf(text) }
}

function answered(request: ApiRequest, document: Aggregated): ApiResponse {
  const headers = { etag: document.etag, vary: 'Accept', 'cache-control': 'public' }
  if (header(request.headers, 'if-none-match') === document.etag) return { status: 304, headers }
  return { status: 200, headers: { 'content-type': AGGREGATED, ...headers }, body: document.body }
}

/** Of one document of all groups: that of this server, or that of all servers. */
function wantedDocument(request: ApiRequest): 'own' | 'all' | undefined {
  const accept = header(request.headers, 'accept')
  if (accept === undefined || !accept.includes('APIGroupDiscoveryList')) return undefined
  for (const clause of parseMediaTypes(accept)) {
    if (!covers(clause, 'application/json')) continue
    const { g, v, as, profile } = clause.parameters
    if (as === undefined) return undefined
    if (
      g === 'apidiscovery.k8s.io' &&
      v === 'v2' &&
      as === 'APIGroupDiscoveryList' &&
      (profile ?? 'nopeer') === 'nopeer'
    ) {
      return profile === undefined ? 'all' : 'own'
    }
  }
  return undefined
}
