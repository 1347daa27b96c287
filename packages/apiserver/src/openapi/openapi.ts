/** Serves `/openapi/v3` and `/openapi/v2`. A document is written when somebody first asks for it, then kept. */
import { createHash } from 'node:crypto'
import {
  type Descriptions,
  KUBERNETES_VERSION,
  OPENAPI_V2_PROTOBUF,
  OPENAPI_V2_PROTOBUF_ACCEPTED,
  OPENAPI_V3_PROTOBUF,
  OPENAPI_V3_PROTOBUF_ACCEPTED,
  type OpenApiKind,
  type OpenApiOptions,
  openApiV3,
  openApiV3Index,
  openApiV3Path,
  openApiV3Protobuf,
  openApiV3RootPaths,
} from '@canopus/api'
import type { Clock } from '@canopus/base'
import type { Swagger } from '../aggregation/swagger.ts'
import { etagOf } from '../discovery/documents.ts'
import { covers, parseMediaTypes } from '../encoding/media-type.ts'
import { type ApiRequest, type ApiResponse, header } from '../http/message.ts'
import { serveContent } from '../http/serve-content.ts'
import type { Maybe } from '../security.ts'
import { type SwaggerForm, SwaggerPieces } from './swagger-pieces.ts'

interface Document {
  readonly body: Uint8Array | readonly Uint8Array[]
  readonly etag: string
}

/** Documents that speak of every group version. */
const SUMMARIES = ['json', 'protobuf', 'v3']
const JSON_TYPE = 'application/json'
/** Under what a group version's document is kept in its other form. */
const asProtobuf = (path: string): string => `protobuf ${path}`
/** What documents say of the version: no more than the minor. */
const RELEASE = /^v(\d+\.\d+)/.exec(KUBERNETES_VERSION)![1]!

/** Group versions that are hashed in one go. */
const HASHED_AT_ONCE = 5

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** What the aggregator knows of the documents of extension servers (`aggregation/aggregator.ts`). */
export interface OpenApiExtensions {
  swaggers(): readonly Swagger[]
  /** By path (`apis/<group>/<version>`). */
  openApiV3(): ReadonlyMap<string, { readonly url: string }>
}

export class OpenApi {
  readonly #descriptions: () => Descriptions | undefined
  readonly #clock: Clock
  #source: () => readonly OpenApiKind[] = () => []
  #known: readonly OpenApiKind[] | undefined
  #extensions: OpenApiExtensions | undefined
  readonly #hashes = new Map<string, string>()
  readonly #documents = new Map<string, Document>()
  readonly #modified = new WeakMap<Document, number>()
  #pieces = this.newPieces()
  /** What is being written, so that many who ask at once wait for the same. */
  readonly #writing = new Map<string, Promise<Document>>()

  readonly #tellsEnums: boolean

  /** `tellsEnums`: the feature OpenAPIEnums. */
  constructor(descriptions: () => Descriptions | undefined, clock: Clock, tellsEnums = true) {
    this.#tellsEnums = tellsEnums
    this.#descriptions = descriptions
    this.#clock = clock
  }

  /** Where to ask for the kinds that are served; asked again after each `changed`. */
  setKinds(kinds: () => readonly OpenApiKind[]): void {
    this.#source = kinds
    this.#known = undefined
    this.#hashes.clear()
    this.#documents.clear()
    this.#pieces = this.newPieces()
  }

  /** Where to ask for the documents of extension servers; asked again after each `extensionsChanged`. */
  setExtensions(extensions: OpenApiExtensions): void {
    this.#extensions = extensions
  }

  extensionsChanged(): void {
    this.#known = undefined
    for (const id of SUMMARIES) this.#documents.delete(id)
  }

  /** Kinds of this group version have come, gone or changed. */
  changed(groupVersion: { group: string; version: string }): void {
    const path = openApiV3Path(groupVersion)
    this.#known = undefined
    this.#hashes.delete(path)
    for (const id of [path, asProtobuf(path), ...SUMMARIES]) this.#documents.delete(id)
  }

  /** The kinds, and a place for the hash of every group version. */
  private kinds(): readonly OpenApiKind[] {
    if (this.#known !== undefined) return this.#known
    const kinds = this.#source()
    this.#known = kinds
    const paths = new Set([...kinds.map(({ type }) => openApiV3Path(type)), ...openApiV3RootPaths(kinds)])
    for (const path of this.#hashes.keys()) if (!paths.has(path)) this.#hashes.delete(path)
    for (const path of paths) if (!this.#hashes.has(path)) this.#hashes.set(path, '')
    return kinds
  }

  /** `undefined` where the path is no OpenAPI path. Throws StatusError 406. */
  serve(request: ApiRequest): Maybe<ApiResponse> | undefined {
    const { path } = request
    if (path === '/openapi/v2') return this.v2(request)
    if (path === '/openapi/v3')
      return this.once('v3', () => this.index()).then(({ body }) => this.indexAnswer(request, body))
    return path.startsWith('/openapi/v3/') ? this.v3(request, path.slice('/openapi/v3/'.length)) : undefined
  }

  private v2(request: ApiRequest): Maybe<ApiResponse> {
    const accept = parseMediaTypes(header(request.headers, 'accept') || '*/*')
    for (const { type } of accept) {
      if ((OPENAPI_V2_PROTOBUF_ACCEPTED as readonly string[]).includes(type)) {
        return this.once('protobuf', () => this.write('protobuf')).then(document =>
          this.answer(request, document, OPENAPI_V2_PROTOBUF, V2_VARIES),
        )
      }
      if (type === 'application/json' || type === '*/*' || type === 'application/*') {
        return this.once('json', () => this.write('json')).then(document =>
          this.answer(request, document, 'application/json', V2_VARIES),
        )
      }
    }
    return { status: 406, headers: { vary: V2_VARIES } }
  }

  /** A document that is known, or is being written, or is written now. */
  private once(id: string, write: () => Promise<Document>): Promise<Document> {
    const known = this.#documents.get(id)
    if (known !== undefined) return Promise.resolve(known)
    let writing = this.#writing.get(id)
    if (writing === undefined) {
      writing = write().finally(() => this.#writing.delete(id))
      this.#writing.set(id, writing)
    }
    return writing
  }

  private async write(form: SwaggerForm): Promise<Document> {
    const kinds = this.kinds()
    const others = this.#extensions?.swaggers() ?? []
    const document = await this.#pieces.document(form, kinds, others)
    // Kinds may have come meanwhile: then the next one who asks gets a newer document.
    if (this.#known === kinds) this.#documents.set(form, document)
    return document
  }

  private newPieces(): SwaggerPieces {
    return new SwaggerPieces(() => this.options(), nextTurn)
  }

  private options(): OpenApiOptions {
    const descriptions = this.#descriptions()
    return {
      version: RELEASE,
      ...(this.#tellsEnums ? {} : { withoutEnums: true }),
      ...(descriptions === undefined ? {} : { descriptions }),
    }
  }

  private async index(): Promise<Document> {
    await this.hashAll()
    return this.document('v3', () => {
      const documents = [...this.#hashes.keys()].sort().map(path => ({ path, hash: this.hashOf(path) }))
      const index = openApiV3Index(documents) as { paths: Record<string, unknown> }
      for (const [path, { url }] of this.#extensions?.openApiV3() ?? []) {
        index.paths[path] ??= { serverRelativeURL: url }
      }
      return Buffer.from(JSON.stringify(index))
    })
  }

  /** Some at a time: with a thousand definitions there is much to hash when somebody asks for the first time. */
  private async hashAll(): Promise<void> {
    const missing = (): string[] => {
      this.kinds()
      return [...this.#hashes].flatMap(([path, hash]) => (hash === '' ? [path] : []))
    }
    for (let paths = missing(); paths.length > 0; paths = missing()) {
      for (const path of paths.slice(0, HASHED_AT_ONCE)) this.hashOf(path)
      await nextTurn()
    }
  }

  /** Names the content without writing the document: everything that it is made of. */
  private hashOf(path: string): string {
    let hash = this.#hashes.get(path)
    if (hash !== '' && hash !== undefined) return hash
    const kinds = this.kinds().filter(({ type }) => openApiV3Path(type) === path)
    const facts = JSON.stringify([KUBERNETES_VERSION, this.#descriptions() !== undefined, path, kinds])
    hash = createHash('sha512').update(facts).digest('hex').toUpperCase()
    this.#hashes.set(path, hash)
    return hash
  }

  private v3(request: ApiRequest, path: string): ApiResponse | undefined {
    this.kinds()
    if (!this.#hashes.has(path)) {
      return this.#extensions?.openApiV3().has(path) === true ? undefined : { status: 404, headers: {} }
    }
    const clauses = parseMediaTypes(header(request.headers, 'accept') || '*/*')
    const types = clauses.map(clause => {
      if (OPENAPI_V3_PROTOBUF_ACCEPTED.includes(clause.type)) return OPENAPI_V3_PROTOBUF
      return covers(clause, JSON_TYPE) ? JSON_TYPE : undefined
    })
    const type = types.find(each => each !== undefined)
    if (type === undefined) return { status: 406, headers: { vary: 'Accept' } }
    const asked = new URLSearchParams(request.query).get('hash')
    const hash = this.hashOf(path)
    if (asked !== null && asked !== hash) {
      return { status: 301, headers: { location: `/openapi/v3/${path}?hash=${hash}` } }
    }
    const written = (): Readonly<Record<string, unknown>> => openApiV3(path, this.kinds(), this.options()) ?? {}
    const document =
      type === JSON_TYPE
        ? this.document(path, () => Buffer.from(JSON.stringify(written())))
        : this.document(asProtobuf(path), () => openApiV3Protobuf(written()))
    const response = this.answer(request, document, type)
    if (asked === null) return response
    // What has its hash in the address never changes. kubectl keeps it on disk for as long as this says.
    const expires = inOneYear(this.#clock.now())
    return { ...response, headers: { ...response.headers, 'cache-control': 'public, immutable', expires } }
  }

  /** A document counts as changed when it is asked for the first time. */
  private answer(
    request: ApiRequest,
    document: Document,
    contentType: string,
    vary: string | string[] = 'Accept',
  ): ApiResponse {
    const modified = this.#modified.get(document) ?? this.#clock.now()
    this.#modified.set(document, modified)
    return serveContent(request, { ...document, contentType, modified, vary })
  }

  /** The list of documents is new each time, and goes out as the text that Go takes it for. */
  private indexAnswer(request: ApiRequest, body: Document['body']): ApiResponse {
    return serveContent(request, { body, contentType: 'text/plain; charset=utf-8', modified: this.#clock.now() })
  }

  private document(id: string, write: () => Uint8Array): Document {
    let document = this.#documents.get(id)
    if (document === undefined) {
      const body = write()
      document = { body, etag: etagOf(Buffer.from(body).toString('latin1')) }
      this.#documents.set(id, document)
    }
    return document
  }
}

/** As Go's RFC1123 layout has it, in UTC. */
function inOneYear(now: number): string {
  const then = new Date(now)
  then.setUTCFullYear(then.getUTCFullYear() + 1)
  return then.toUTCString().replace('GMT', 'UTC')
}

/** On what `/openapi/v2` depends, whether it is compressed or not. */
const V2_VARIES = ['Accept-Encoding', 'Accept']
