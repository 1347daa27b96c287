/** The client: JSON over any Transport. */
import {
  apiVersionOf,
  collectionPath,
  type DeleteOptions,
  type Draft,
  type KubeList,
  type KubeObject,
  type ResourceType,
  type Status,
  StatusError,
} from '@canopus/apimachinery'
import { bytesOfPiece, carriedBy, type Piece } from './carried-values.ts'
import type {
  Client,
  InNamespace,
  ListQuery,
  PatchKind,
  ResourceClient,
  WatchEvent,
  WatchQuery,
  WriteQuery,
} from './client.ts'
import { LineReader } from './json-lines.ts'
import { listParameters, queryString, watchParameters, writeParameters } from './query.ts'
import type { Transport, TransportRequest, TransportResponse } from './transport.ts'

const PATCH_TYPES: Readonly<Record<PatchKind, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

export interface ClientOptions {
  /** Sent with every request; servers take the field manager from its first word. */
  userAgent?: string
  /**
   * Objects that are answered may be shared with others in this process, which spares decoding them: whoever has such a client never
   * changes what it answers.
   */
  shared?: boolean
}

/** A typed client on `transport`. It keeps no state; make as many as there are user agents. */
export function createClient(transport: Transport, options: ClientOptions = {}): Client {
  const base = { accept: 'application/json', ...(options.userAgent ? { 'user-agent': options.userAgent } : {}) }
  return {
    transport,
    resource: <T extends KubeObject>(type: ResourceType<T>) =>
      createResourceClient(transport, base, type, options.shared ?? false),
  }
}

interface Call {
  method: TransportRequest['method']
  path: string
  body?: unknown
  contentType?: string
  signal?: AbortSignal | undefined
}

const encoder = new TextEncoder()

/**
 * A request whose text is written when somebody asks for it: a server in this process mostly does not. Transports that pass on a copy
 * of the request ask by copying it.
 */
function jsonRequest(
  base: Readonly<Record<string, string>>,
  { method, path, body: value, contentType = 'application/json', signal }: Call,
): TransportRequest {
  if (value === undefined) return { method, path, headers: base, ...(signal && { signal }) }
  let text: Uint8Array | undefined
  return {
    method,
    path,
    headers: { ...base, 'content-type': contentType },
    value,
    get body() {
      text ??= encoder.encode(JSON.stringify(value))
      return text
    },
    ...(signal && { signal }),
  }
}

async function send(transport: Transport, base: Record<string, string>, call: Call): Promise<TransportResponse> {
  const response = await transport.send(jsonRequest(base, call))
  if (response.status >= 400) throw traced(await errorOf(response))
  return response
}

/** An error that tells who asked: `StatusError` has no stack of its own. */
function traced(error: StatusError): StatusError {
  ;(Error as ErrorConstructor & { captureStackTrace?(of: Error, above: unknown): void }).captureStackTrace?.(
    error,
    traced,
  )
  return error
}

/** Turns an answer with an error status into the error that it describes. */
export async function errorOf(response: TransportResponse): Promise<StatusError> {
  const text = new TextDecoder().decode(await response.bytes())
  const status = parseStatus(text)
  if (status) return new StatusError(status)
  const retryAfter = Number(response.headers['retry-after'])
  return new StatusError({
    code: response.status,
    reason: REASONS[response.status] ?? '',
    message: text.trim() || `the server answered with the status ${response.status}`,
    ...(Number.isFinite(retryAfter) ? { details: { retryAfterSeconds: retryAfter } } : {}),
  })
}

function parseStatus(text: string): Status | undefined {
  try {
    const value = JSON.parse(text) as Partial<Status> | null
    return value?.kind === 'Status' ? value : undefined
  } catch {
    return undefined
  }
}

// What an answer without a Status means (k8s.io/apimachinery/pkg/api/errors NewGenericServerResponse).
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

function createResourceClient<T extends KubeObject>(
  transport: Transport,
  base: Record<string, string>,
  type: ResourceType<T>,
  shared: boolean,
): ResourceClient<T> {
  const apiVersion = apiVersionOf(type)
  const collection = (namespace?: string): string => collectionPath(type, namespace)
  const item = (name: string, namespace?: string): string =>
    `${collection(namespace)}/${encodeURIComponent(requireName(name))}`
  const call = async <R>(request: Call): Promise<R> => {
    const response = await send(transport, base, request)
    const bytes = await response.bytes()
    if (bytes.length === 0) return undefined as R
    return ((shared ? carriedBy(bytes) : undefined) ?? JSON.parse(decoder.decode(bytes))) as R
  }
  const callUnread = async (request: Call): Promise<void> => {
    const response = await send(transport, base, request)
    // What came over a connection must be taken off it.
    if (response.isOnDemand !== true) await response.bytes()
  }
  const creation = (object: Draft<T>, options: WriteQuery): Call => ({
    method: 'POST',
    path: collection(object.metadata.namespace ?? options.namespace) + queryString(writeParameters(options)),
    body: { ...object, apiVersion, kind: type.kind },
    signal: options.signal,
  })
  const put = (object: T, suffix: string, options: WriteQuery): Promise<T> =>
    call<T>({
      method: 'PUT',
      path: item(object.metadata.name, object.metadata.namespace) + suffix + queryString(writeParameters(options)),
      body: { ...object, apiVersion, kind: type.kind },
      signal: options.signal,
    })
  return {
    get: (name: string, options: InNamespace = {}) =>
      call<T>({ method: 'GET', path: item(name, options.namespace), signal: options.signal }),
    list: async (options: ListQuery = {}) => {
      const path = collection(options.namespace) + queryString(listParameters(options))
      const list = await call<KubeList<T>>({ method: 'GET', path, signal: options.signal })
      list.items ??= []
      // Items of a list come without their kind; everything that was handed an object may ask for it.
      for (const object of list.items) {
        object.apiVersion ??= apiVersion
        object.kind ??= type.kind
      }
      return list
    },
    watch: (options: WatchQuery = {}) =>
      watch<T>(transport, base, collection(options.namespace), shared ? { ...options, shared } : options),
    create: (object: Draft<T>, options: WriteQuery = {}) => call<T>(creation(object, options)),
    createUnread: (object: Draft<T>, options: WriteQuery = {}) => callUnread(creation(object, options)),
    update: (object: T, options: WriteQuery = {}) => put(object, '', options),
    updateStatus: (object: T, options: WriteQuery = {}) => put(object, '/status', options),
    patch: (name, kind, patch, options = {}) => {
      const suffix = options.subresource ? `/${options.subresource}` : ''
      return call<T>({
        method: 'PATCH',
        path: item(name, options.namespace) + suffix + queryString(writeParameters(options)),
        body: patch,
        contentType: PATCH_TYPES[kind],
        signal: options.signal,
      })
    },
    delete: async (name: string, options: InNamespace & { body?: DeleteOptions } = {}) => {
      await call({
        method: 'DELETE',
        path: item(name, options.namespace),
        body: deleteBody(options.body),
        signal: options.signal,
      })
    },
    deleteCollection: async (options: ListQuery & { body?: DeleteOptions } = {}) => {
      const path = collection(options.namespace) + queryString(listParameters(options))
      await call({ method: 'DELETE', path, body: deleteBody(options.body), signal: options.signal })
    },
    subresourceUnread: (name: string, subresource: string, body: unknown, options: WriteQuery = {}) =>
      callUnread({
        method: 'POST',
        path: `${item(name, options.namespace)}/${subresource}${queryString(writeParameters(options))}`,
        body,
        signal: options.signal,
      }),
    subresource: <R>(
      name: string,
      subresource: string,
      body?: unknown,
      options: WriteQuery & { method?: 'GET' | 'POST' | 'PUT' } = {},
    ) =>
      call<R>({
        method: options.method ?? (body === undefined ? 'GET' : 'POST'),
        path: `${item(name, options.namespace)}/${subresource}${queryString(writeParameters(options))}`,
        body,
        signal: options.signal,
      }),
  }
}

const decoder = new TextDecoder()

/** An empty name would silently turn a request for one object into one for the whole collection. */
function requireName(name: string): string {
  if (name === '') throw new TypeError('resource name may not be empty')
  return name
}

const deleteBody = (options: DeleteOptions | undefined): unknown =>
  options === undefined ? undefined : { kind: 'DeleteOptions', apiVersion: 'v1', ...options }

async function* watch<T extends KubeObject>(
  transport: Transport,
  base: Record<string, string>,
  path: string,
  options: WatchQuery,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const response = await send(transport, base, {
    method: 'GET',
    path: path + queryString(watchParameters(options)),
    signal: options.signal,
  })
  const reader = new LineReader()
  for await (const chunk of response.chunks()) {
    for (const event of eventsOf<T>(chunk, reader, options.shared === true)) {
      if (event.type === 'ERROR') throw traced(new StatusError(event.object))
      yield event
    }
  }
}

type AnyEvent<T extends KubeObject> = WatchEvent<T> | { type: 'ERROR'; object: Status }

function* eventsOf<T extends KubeObject>(
  chunk: Piece,
  reader: LineReader,
  shared: boolean,
): Generator<AnyEvent<T>, void, undefined> {
  const carried = shared && !reader.inLine ? carriedBy(chunk) : undefined
  if (carried !== undefined) yield* carried as readonly WatchEvent<T>[]
  else for (const line of reader.read(bytesOfPiece(chunk))) yield JSON.parse(line) as AnyEvent<T>
}
