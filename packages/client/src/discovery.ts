/** What the server serves, asked of the server: the aggregated discovery documents (KEP-3352). */
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { errorOf } from './json-client.ts'
import type { Transport } from './transport.ts'

const ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

interface Discovery {
  items: {
    metadata?: { name?: string }
    versions?: { version: string; freshness?: string; resources?: DiscoveredResource[] }[]
  }[]
}

interface DiscoveredResource {
  resource: string
  responseKind?: { group?: string; version?: string; kind?: string }
  scope?: string
  singularResource?: string
  shortNames?: string[]
  categories?: string[]
  verbs?: string[]
  subresources?: { subresource: string; verbs?: string[] }[]
}

export interface Discovered {
  /** Every kind in its preferred version. */
  types: ResourceType<KubeObject>[]
  /** Group/versions whose server did not answer: their kinds may be missing or old. */
  stale: string[]
}

interface Read extends Discovery {
  etag?: string
}

/** For those who ask again and again: what has not changed is neither sent nor read again, and answered as the same object. */
export function createDiscovery(transport: Transport): (signal?: AbortSignal) => Promise<Discovered> {
  let known: readonly Read[] = []
  let found: Discovered | undefined
  return async signal => {
    const documents = await Promise.all(
      ['/api', '/apis'].map((path, index) => read(transport, path, signal, known[index])),
    )
    if (found === undefined || documents.some((document, index) => document !== known[index])) found = join(documents)
    known = documents
    return found
  }
}

/** Asks for everything the server serves. Each resource comes once, in the first version of its group that has it. */
export async function discover(transport: Transport, signal?: AbortSignal): Promise<Discovered> {
  return join(await Promise.all(['/api', '/apis'].map(path => read(transport, path, signal))))
}

function join(documents: readonly Discovery[]): Discovered {
  const found: Discovered = { types: [], stale: [] }
  for (const group of documents.flatMap(document => document.items)) {
    const name = group.metadata?.name ?? ''
    const seen = new Set<string>()
    for (const { version, freshness, resources } of group.versions ?? []) {
      if (freshness === 'Stale') found.stale.push(name === '' ? version : `${name}/${version}`)
      for (const resource of resources ?? []) {
        if (seen.has(resource.resource)) continue
        seen.add(resource.resource)
        found.types.push(typeOf(name, version, resource))
      }
    }
  }
  return found
}

/** What is `known` where the server says that it is still so. */
async function read(transport: Transport, path: string, signal: AbortSignal | undefined, known?: Read): Promise<Read> {
  const condition: Record<string, string> = known?.etag === undefined ? {} : { 'if-none-match': known.etag }
  const headers = { accept: `${ACCEPT},application/json`, ...condition }
  const response = await transport.send({ method: 'GET', path, headers, ...(signal ? { signal } : {}) })
  if (response.status === 304 && known !== undefined) {
    await response.bytes()
    return known
  }
  if (response.status !== 200) throw await errorOf(response)
  const document = JSON.parse(new TextDecoder().decode(await response.bytes())) as Partial<Discovery>
  if (!document.items) throw new Error(`${path}: the server does not speak aggregated discovery`)
  const { etag } = response.headers
  return { items: document.items, ...(etag === undefined ? {} : { etag }) }
}

function typeOf(group: string, version: string, resource: DiscoveredResource): ResourceType<KubeObject> {
  const kind = resource.responseKind?.kind ?? ''
  const subresources = (resource.subresources ?? []).map(each => [each.subresource, { verbs: each.verbs ?? [] }])
  return {
    group,
    version,
    plural: resource.resource,
    singular: resource.singularResource ?? '',
    kind,
    listKind: `${kind}List`,
    namespaced: resource.scope === 'Namespaced',
    shortNames: resource.shortNames ?? [],
    categories: resource.categories ?? [],
    verbs: resource.verbs ?? [],
    subresources: Object.fromEntries(subresources) as ResourceType['subresources'],
  }
}
