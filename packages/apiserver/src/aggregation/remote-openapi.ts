/**
 * The OpenAPI documents of extension API servers (k8s.io/kube-aggregator pkg/controllers/openapi and openapiv3): the index of
 * v3 with the server's own hashes, whose documents are passed through, and the v2 document to be merged with ours. A server
 * is asked when its APIService changes and every minute, with its last ETag.
 */
import { createHash } from 'node:crypto'
import type { APIService } from '@canopus/api/apiregistration/v1'
import type { Clock, Logger } from '@canopus/base'
import { runWorkers, WorkQueue } from '@canopus/operator'
import type { User } from '../security.ts'
import type { ExtensionServers } from './extension-servers.ts'
import { onlyPaths, type Swagger, toOpenApiV3 } from './swagger.ts'

const USER: User = { name: 'system:aggregator', groups: [] }
const REFRESH = 60_000
const MAX_BACKOFF = 3_600_000
const TIMEOUT = 60_000

/** A v3 document that an extension server has: passed through, or made of its v2 document. */
export type RemoteDocument =
  | { readonly kind: 'remote'; readonly service: string; readonly url: string }
  | { readonly kind: 'converted'; readonly url: string; readonly body: Uint8Array }

interface Known {
  readonly v2: Swagger | undefined
  readonly v2Etag: string | undefined
  readonly v3: ReadonlyMap<string, RemoteDocument>
  /** Names all of it, to tell whether it has changed. */
  readonly fingerprint: string
}

export interface RemoteOpenApiOptions {
  readonly servers: ExtensionServers
  readonly clock: Clock
  readonly logger: Logger
  find(name: string): APIService | undefined
  changed(): void
}

export class RemoteOpenApi {
  readonly #options: RemoteOpenApiOptions
  readonly #queue: WorkQueue
  readonly #known = new Map<string, Known>()

  constructor(options: RemoteOpenApiOptions) {
    this.#options = options
    this.#queue = new WorkQueue({ clock: options.clock, initialBackoff: 500, maxBackoff: MAX_BACKOFF })
  }

  /** The APIService was made, changed or deleted. */
  touch(name: string): void {
    this.#queue.add(name)
  }

  run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options
    const reconcile = (name: string): Promise<{ requeueAfter: number } | undefined> => this.sync(name, signal)
    return runWorkers({ queue: this.#queue, logger, workers: 1, reconcile }, signal)
  }

  v2Of(name: string): Swagger | undefined {
    return this.#known.get(name)?.v2
  }

  v3Of(name: string): ReadonlyMap<string, RemoteDocument> {
    return this.#known.get(name)?.v3 ?? new Map()
  }

  private async sync(name: string, signal: AbortSignal): Promise<{ requeueAfter: number } | undefined> {
    const service = this.#options.find(name)
    if (service?.spec.service === undefined) {
      if (this.#known.delete(name)) this.#options.changed()
      return undefined
    }
    const before = this.#known.get(name)
    const v2 = await this.v2(service, before, signal)
    const v3 = (await this.v3(service, signal)) ?? converted(service, v2.v2)
    signal.throwIfAborted()
    const fingerprint = JSON.stringify([v2.v2Etag, [...v3].map(([path, { url }]) => [path, url])])
    this.#known.set(name, { ...v2, v3, fingerprint })
    if (before?.fingerprint !== fingerprint) this.#options.changed()
    return { requeueAfter: REFRESH }
  }

  private async v2(
    service: APIService,
    before: Known | undefined,
    signal: AbortSignal,
  ): Promise<Pick<Known, 'v2' | 'v2Etag'>> {
    const etag = before?.v2Etag
    const headers = {
      accept: 'application/json',
      ...(etag === undefined || isOurs(etag) ? {} : { 'if-none-match': etag }),
    }
    const answer = await this.#options.servers.get(service, '/openapi/v2', USER, headers, TIMEOUT, signal)
    if (answer.status === 304 && before !== undefined) return before
    if (answer.status === 404) return { v2: undefined, v2Etag: undefined }
    if (answer.status !== 200) throw new Error(`failed to retrieve openAPI spec, http error: ${answer.status}`)
    const own = typeof answer.headers.etag === 'string' ? answer.headers.etag : ourEtag(answer.body)
    if (own === etag && before !== undefined) return before
    const { group, version } = service.spec
    const document = JSON.parse(answer.body.toString()) as Swagger
    return { v2: onlyPaths(document, `/apis/${group}/${version}/`), v2Etag: own }
  }

  /** `undefined` where the server knows nothing of v3. */
  private async v3(service: APIService, signal: AbortSignal): Promise<Known['v3'] | undefined> {
    const headers = { accept: 'application/json' }
    const answer = await this.#options.servers.get(service, '/openapi/v3', USER, headers, TIMEOUT, signal)
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw new Error(`could not get the list of OpenAPI documents: ${answer.status}`)
    const { paths = {} } = JSON.parse(answer.body.toString()) as {
      paths?: Record<string, { serverRelativeURL?: string }>
    }
    const documents = new Map<string, RemoteDocument>()
    for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
      const url = serverRelativeURL ?? `/openapi/v3/${path}`
      documents.set(path, { kind: 'remote', service: service.metadata.name!, url })
    }
    return documents
  }
}

function converted(service: APIService, document: Swagger | undefined): Known['v3'] {
  if (document === undefined) return new Map()
  const path = `apis/${service.spec.group}/${service.spec.version}`
  const body = Buffer.from(JSON.stringify(toOpenApiV3(document)))
  const hash = createHash('sha512').update(body).digest('hex').toUpperCase()
  return new Map([[path, { kind: 'converted', url: `/openapi/v3/${path}?hash=${hash}`, body }]])
}

const OURS = '"locally-computed-'
const isOurs = (etag: string): boolean => etag.startsWith(OURS)
const ourEtag = (body: Buffer): string => `${OURS}${createHash('sha512').update(body).digest('hex')}"`
