/**
 * What extension API servers serve, for the merged discovery documents (k8s.io/kube-aggregator
 * pkg/apiserver/handler_discovery.go). A server is asked when its APIService changes and every minute, with its last ETag;
 * while it does not answer, what it last said is kept and marked stale.
 */
import type { APIService } from '@canopus/api/apiregistration/v1'
import type { APIResource, APIResourceList } from '@canopus/apimachinery'
import type { Clock, Logger } from '@canopus/base'
import { runWorkers, WorkQueue } from '@canopus/operator'
import { AGGREGATOR, discoveryPath } from './availability.ts'
import type { ExtensionAnswer, ExtensionServers } from './extension-servers.ts'

/** One version of a group in an APIGroupDiscoveryList, as the server that serves it says. */
export interface RemoteVersion {
  readonly version: string
  readonly resources: readonly unknown[]
  readonly freshness: 'Current' | 'Stale'
}

const ACCEPTED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
const REFRESH = 60_000
const TIMEOUT = 5000

/** What one server last said of everything that it serves. */
interface Known {
  readonly etag: string | undefined
  /** Resources by `group/version`. */
  readonly versions: ReadonlyMap<string, readonly unknown[]>
  /** When the server was asked, by the monotonic clock. */
  readonly at: number
}

export interface RemoteDiscoveryOptions {
  readonly servers: ExtensionServers
  readonly clock: Clock
  readonly logger: Logger
  /** The APIService as it is now. */
  find(name: string): APIService | undefined
  /** Hears that what a server says has changed. */
  changed(): void
}

export class RemoteDiscovery {
  readonly #options: RemoteDiscoveryOptions
  readonly #queue: WorkQueue
  readonly #dirty = new Map<string, number>()
  readonly #known = new Map<string, Known>()
  readonly #versions = new Map<string, RemoteVersion>()

  constructor(options: RemoteDiscoveryOptions) {
    this.#options = options
    this.#queue = new WorkQueue({ clock: options.clock, initialBackoff: 500, maxBackoff: REFRESH })
  }

  /** The APIService was made, changed or deleted. */
  touch(name: string): void {
    this.#dirty.set(name, this.#options.clock.monotonic())
    this.#queue.add(name)
  }

  /** What is known of an APIService's version; before anything is, an empty and stale one. */
  versionOf({ metadata, spec }: APIService): RemoteVersion {
    return this.#versions.get(metadata.name!) ?? { version: spec.version ?? '', resources: [], freshness: 'Stale' }
  }

  run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options
    const reconcile = (name: string): Promise<{ requeueAfter: number } | undefined> => this.sync(name, signal)
    return runWorkers({ queue: this.#queue, logger, workers: 2, reconcile }, signal)
  }

  private async sync(name: string, signal: AbortSignal): Promise<{ requeueAfter: number } | undefined> {
    const service = this.#options.find(name)
    if (service?.spec.service === undefined) {
      this.#dirty.delete(name)
      if (this.#versions.delete(name)) this.#options.changed()
      return undefined
    }
    const key = `${service.spec.group ?? ''}/${service.spec.version}`
    let known = this.#known.get(serverOf(service))
    let failure: unknown
    try {
      known = await this.fresh(service, known, signal)
    } catch (error) {
      failure = error
    }
    signal.throwIfAborted()
    this.set(name, {
      version: service.spec.version ?? '',
      resources: known?.versions.get(key) ?? [],
      freshness: failure === undefined ? 'Current' : 'Stale',
    })
    if (failure !== undefined) throw failure
    this.#dirty.set(name, this.#options.clock.monotonic())
    return { requeueAfter: REFRESH }
  }

  private set(name: string, next: RemoteVersion): void {
    const before = this.#versions.get(name)
    this.#versions.set(name, next)
    if (JSON.stringify(before) !== JSON.stringify(next)) this.#options.changed()
  }

  /** What the server says now, or has said since the APIService changed. Several APIServices may be behind one server. */
  private async fresh(service: APIService, known: Known | undefined, signal: AbortSignal): Promise<Known> {
    if (known !== undefined && known.at > (this.#dirty.get(service.metadata.name!) ?? 0)) return known
    const at = this.#options.clock.monotonic()
    const { servers } = this.#options
    const headers: Record<string, string> = { accept: ACCEPTED }
    if (known?.etag !== undefined) headers['if-none-match'] = known.etag
    const answer = await servers.get(service, '/apis', AGGREGATOR, headers, TIMEOUT, signal)
    if (answer.status === 304 && known !== undefined) return this.remember(service, { ...known, at })
    if (answer.status === 503) throw new Error(`service ${serverOf(service)} returned non-success response code: 503`)
    if (answer.status === 200 && isAggregated(answer)) {
      const etag = typeof answer.headers.etag === 'string' ? answer.headers.etag : undefined
      return this.remember(service, { etag, versions: readAggregated(answer.body.toString()), at })
    }
    // Such an answer is of one group version alone and says nothing of the server's others: it is not kept.
    return { etag: undefined, versions: await this.legacy(service, signal), at }
  }

  private remember(service: APIService, known: Known): Known {
    this.#known.set(serverOf(service), known)
    return known
  }

  /** Servers that are older than aggregated discovery have a list of resources per group version. */
  private async legacy(service: APIService, signal: AbortSignal): Promise<Known['versions']> {
    const path = discoveryPath(service)
    const accept = { accept: 'application/json' }
    const { status, body } = await this.#options.servers.get(service, path, AGGREGATOR, accept, TIMEOUT, signal)
    if (status !== 200) throw new Error(`failed to download legacy discovery for ${path}: ${status} ${body}`)
    const list = JSON.parse(body.toString()) as APIResourceList
    const { group = '', version = '' } = service.spec
    return new Map([[`${group}/${version}`, fromResourceList(list.resources ?? [])]])
  }
}

/** Names a server; APIServices that share it share what it says. */
function serverOf({ spec }: APIService): string {
  const { namespace, name, port } = spec.service ?? {}
  return `${namespace}/${name}:${port ?? 443}`
}

function isAggregated({ headers }: ExtensionAnswer): boolean {
  const type = headers['content-type']
  if (typeof type !== 'string') return false
  const parameters = new Set(type.split(';').map(each => each.trim()))
  return ['g=apidiscovery.k8s.io', 'v=v2', 'as=APIGroupDiscoveryList'].every(each => parameters.has(each))
}

interface DiscoveryList {
  items?: {
    metadata?: { name?: string }
    versions?: { version?: string; resources?: { responseKind?: unknown; subresources?: object[] }[] }[]
  }[]
}

function readAggregated(text: string): Map<string, readonly unknown[]> {
  const { items = [] } = JSON.parse(text) as DiscoveryList
  const versions = new Map<string, readonly unknown[]>()
  for (const item of items) {
    for (const { version, resources = [] } of item.versions ?? []) {
      versions.set(`${item.metadata?.name ?? ''}/${version ?? ''}`, resources.map(withKinds))
    }
  }
  return versions
}

/** Clients of 1.26 crash where a kind is missing; an empty one they take. */
function withKinds(resource: { responseKind?: unknown; subresources?: object[] }): unknown {
  const empty = { group: '', version: '', kind: '' }
  return {
    responseKind: empty,
    ...resource,
    ...(resource.subresources === undefined
      ? {}
      : { subresources: resource.subresources.map(each => ({ responseKind: empty, ...each })) }),
  }
}

/** A list of resources in the form of aggregated discovery: subresources stand below their resources. */
export function fromResourceList(resources: readonly APIResource[]): unknown[] {
  const kindOf = (each: APIResource): unknown => ({
    group: each.group ?? '',
    version: each.version ?? '',
    kind: each.kind,
  })
  const parents = resources.filter(each => !each.name.includes('/'))
  return parents.map(parent => {
    const below = resources.filter(each => each.name.startsWith(`${parent.name}/`))
    return {
      resource: parent.name,
      responseKind: kindOf(parent),
      scope: parent.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: parent.singularName ?? '',
      verbs: parent.verbs,
      ...(parent.shortNames?.length ? { shortNames: parent.shortNames } : {}),
      ...(parent.categories?.length ? { categories: parent.categories } : {}),
      ...(below.length === 0
        ? {}
        : {
            subresources: below.map(each => ({
              subresource: each.name.slice(parent.name.length + 1),
              responseKind: kindOf(each),
              verbs: each.verbs,
            })),
          }),
    }
  })
}
