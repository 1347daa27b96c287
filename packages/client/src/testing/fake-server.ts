/**
 * An API server in memory, for unit tests of whatever stands on a `Client`. It serves get, list, watch (also with initial
 * events), create, update, patch, delete and a few subresources of any kind, keeps resource versions, generations,
 * finalizers and graceful deletion, and fails on demand. It has no defaults, validation, admission or authorization.
 */

import { allResourceTypes } from '@canopus/api'
import {
  apiVersionOf,
  badRequestError,
  conflictError,
  type DeleteOptions,
  type Draft,
  formatSelector,
  internalError,
  type KubeObject,
  type LabelSelector,
  labelSelector,
  notFoundError,
  type ResourceType,
  StatusError,
} from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { Transport, TransportRequest, TransportResponse } from '../transport.ts'
import { jsonPatch, mergePatch, strategicMergePatch } from './patches.ts'
import { parsePath, type Route } from './routes.ts'
import { fieldMatcher, labelMatcher } from './selectors.ts'
import { FakeStorage, type Filter } from './storage.ts'
import { bindPod, createObject, deleteObject, mustGet, updateObject } from './verbs.ts'

export interface FakeServerOptions {
  clock: Clock
  /** Kinds to serve besides the built-in ones. */
  types?: readonly ResourceType[]
  /** False: watches with initial events are refused, as by servers before 1.32. Default true. */
  watchList?: boolean
}

export interface FakeRequest {
  method: TransportRequest['method']
  path: string
  body: unknown
}

export interface FakeServer extends Transport {
  /** Every request so far, oldest first. Watches and lists too. */
  readonly requests: readonly FakeRequest[]
  /** Stores an object as it is, status and all, and fills in the metadata that a server would. */
  add<T extends KubeObject>(type: ResourceType<T>, draft: Draft<T>): T
  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): T | undefined
  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): T[]
  /** Changes a copy of the stored object, status and all, and stores it. What somebody else would do to it. */
  change<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    namespace: string | undefined,
    change: (object: T) => void,
  ): T
  /** Removes an object at once, whatever its finalizers say. */
  remove(type: ResourceType, name: string, namespace?: string): void
  /** The next `times` (default 1) requests that match are answered by this error; any other error breaks the connection. */
  failNext(match: { method?: TransportRequest['method']; path?: RegExp }, error: Error, times?: number): void
  /** Serves one more kind from now on. */
  serve(type: ResourceType): void
  /** Forgets history: watches that resume from before now get 410. */
  compact(): void
  /** Ends all streams, as a server does that restarts. */
  closeWatches(): void
}

export function createFakeServer(options: FakeServerOptions): FakeServer {
  const types = [...allResourceTypes, ...(options.types ?? [])]
  const storage = new FakeStorage(options.clock)
  const requests: FakeRequest[] = []
  const failures: { matches: (request: TransportRequest) => boolean; error: Error; left: number }[] = []
  const everything: Filter = () => true
  const inNamespace = (namespace?: string): Filter =>
    namespace ? object => object.metadata.namespace === namespace : everything
  const server = { storage, types, watchList: options.watchList ?? true }
  return {
    requests,
    async send(request) {
      request.signal?.throwIfAborted()
      const body: unknown = request.body ? JSON.parse(new TextDecoder().decode(request.body)) : undefined
      requests.push({ method: request.method, path: request.path, body })
      const failure = failures.find(each => each.left > 0 && each.matches(request))
      try {
        if (failure) {
          failure.left -= 1
          throw failure.error
        }
        return answer(server, request, body)
      } catch (error) {
        if (error instanceof StatusError) return json(error.code, error.status)
        if (failure) throw error
        return json(500, internalError(String(error)).status)
      }
    },
    add: <T extends KubeObject>(type: ResourceType<T>, draft: Draft<T>) =>
      createObject(storage, type, draft as unknown as KubeObject, undefined, true) as T,
    get: <T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string) =>
      storage.get(type, name, namespace) as T | undefined,
    list: <T extends KubeObject>(type: ResourceType<T>, namespace?: string) =>
      storage.list(type, inNamespace(namespace)) as T[],
    change<T extends KubeObject>(
      type: ResourceType<T>,
      name: string,
      namespace: string | undefined,
      change: (object: T) => void,
    ): T {
      const object = structuredClone(mustGet(storage, type, name, namespace)) as T
      change(object)
      return storage.put(type, object) as T
    },
    remove(type, name, namespace) {
      storage.remove(type, mustGet(storage, type, name, namespace))
    },
    failNext({ method, path }, error, times = 1) {
      const matches = (request: TransportRequest): boolean =>
        (method === undefined || request.method === method) && (path === undefined || path.test(request.path))
      failures.push({ matches, error, left: times })
    },
    serve: type => void types.push(type),
    compact: () => storage.compact(),
    closeWatches: () => storage.closeWatches(),
  }
}

interface Server {
  storage: FakeStorage
  types: readonly ResourceType[]
  watchList: boolean
}

function answer(server: Server, request: TransportRequest, body: unknown): TransportResponse {
  const [path, query = ''] = request.path.split('?')
  if (path === '/api' || path === '/apis') return json(200, discovery(server.types, path === '/api'))
  const route = parsePath(path!, server.types)
  if (!route) throw notFoundError({ group: '', resource: path! })
  const parameters = new URLSearchParams(query)
  if (route.name === undefined) return onCollection(server, route, request, parameters, body)
  return onObject(server, route, route.name, request, body)
}

function onCollection(
  server: Server,
  route: Route,
  request: TransportRequest,
  parameters: URLSearchParams,
  body: unknown,
): TransportResponse {
  const { storage } = server
  const { type, namespace } = route
  const labels = labelMatcher(parameters.get('labelSelector'))
  const fields = fieldMatcher(parameters.get('fieldSelector'))
  const filter: Filter = object =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    labels(object.metadata.labels ?? {}) &&
    fields(object)
  switch (request.method) {
    case 'POST':
      return json(201, createObject(storage, type, body as KubeObject, namespace, false))
    case 'DELETE':
      for (const object of storage.list(type, filter))
        deleteObject(storage, type, object, (body ?? {}) as DeleteOptions)
      return json(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' })
    default:
      if (parameters.get('watch') === 'true') return watch(server, type, filter, parameters, request.signal)
      return json(200, list(storage, type, filter, parameters))
  }
}

function list(storage: FakeStorage, type: ResourceType, filter: Filter, parameters: URLSearchParams): unknown {
  const all = storage.list(type, filter)
  const from = Number(parameters.get('continue') ?? 0)
  const limit = Number(parameters.get('limit') ?? 0) || all.length
  const items = all.slice(from, from + limit).map(({ apiVersion: _version, kind: _kind, ...object }) => object)
  const left = all.length - from - items.length
  return {
    apiVersion: apiVersionOf(type),
    kind: type.listKind,
    metadata: {
      resourceVersion: String(storage.version),
      ...(left > 0 ? { continue: String(from + items.length), remainingItemCount: left } : {}),
    },
    items,
  }
}

function watch(
  server: Server,
  type: ResourceType,
  filter: Filter,
  parameters: URLSearchParams,
  signal: AbortSignal | undefined,
): TransportResponse {
  const initial = parameters.get('sendInitialEvents') === 'true'
  if (initial && !server.watchList) throw badRequestError('sendInitialEvents is forbidden for watch')
  const version = parameters.get('resourceVersion') ?? ''
  const start = { state: initial || version === '' || version === '0', bookmark: initial, version: Number(version) }
  const stream = server.storage.watch(type, filter, start, signal)
  return { status: 200, headers: JSON_HEADERS, bytes: unreadable, chunks: () => stream }
}

function onObject(
  server: Server,
  route: Route,
  name: string,
  request: TransportRequest,
  body: unknown,
): TransportResponse {
  const { storage } = server
  const { type, namespace, subresource } = route
  const old = mustGet(storage, type, name, namespace)
  switch (request.method) {
    case 'GET':
      return json(200, subresource === 'scale' ? scaleOf(old) : old)
    case 'DELETE':
      return json(200, deleteObject(storage, type, old, (body ?? {}) as DeleteOptions))
    case 'PUT':
      if (subresource === 'scale') {
        const replicas = (body as Scale).spec.replicas
        const { spec } = old as unknown as { spec: object }
        const next = { ...old, spec: { ...spec, replicas } } as KubeObject
        return json(200, scaleOf(updateObject(storage, type, old, next, undefined)))
      }
      return json(200, updateObject(storage, type, old, body as KubeObject, subresource))
    case 'PATCH': {
      const next = patched(type, old, request.headers?.['content-type'] ?? '', body)
      return json(200, updateObject(storage, type, old, next, subresource))
    }
    case 'POST':
      if (subresource === 'binding') {
        bindPod(storage, type, old, body)
      } else if (subresource === 'eviction') {
        deleteObject(storage, type, old, (body as { deleteOptions?: DeleteOptions }).deleteOptions ?? {})
      } else throw notFoundError({ group: type.group, resource: `${type.plural}/${subresource}`, name })
      return json(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
  }
}

interface Scale {
  spec: { replicas: number }
}

function scaleOf(object: KubeObject): unknown {
  const { spec, status } = object as unknown as {
    spec?: { replicas?: number; selector?: LabelSelector }
    status?: { replicas?: number }
  }
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: formatSelector(labelSelector(spec?.selector ?? {})) },
  }
}

function patched(type: ResourceType, old: KubeObject, contentType: string, patch: unknown): KubeObject {
  const name = { group: type.group, resource: type.plural, name: old.metadata.name }
  const metadata = (patch as Partial<KubeObject> | undefined)?.metadata
  if (!Array.isArray(patch) && metadata?.uid && metadata.uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${old.metadata.uid}`
    throw conflictError(name, why)
  }
  if (contentType.startsWith('application/merge-patch')) return mergePatch(old, patch) as KubeObject
  if (contentType.startsWith('application/json-patch')) {
    try {
      return jsonPatch(old, patch as Parameters<typeof jsonPatch>[1]) as KubeObject
    } catch (error) {
      throw badRequestError(String(error))
    }
  }
  return strategicMergePatch(old, patch) as KubeObject
}

const JSON_HEADERS = { 'content-type': 'application/json' }

function json(status: number, value: unknown): TransportResponse {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return {
    status,
    headers: JSON_HEADERS,
    bytes: async () => bytes,
    async *chunks() {
      yield bytes
    },
  }
}

const unreadable = (): Promise<Uint8Array> => Promise.reject(new Error('a watch has no end to wait for'))

/** The aggregated form of discovery (KEP-3352). */
function discovery(types: readonly ResourceType[], core: boolean): unknown {
  const groups = new Map<string, Map<string, ResourceType[]>>()
  for (const type of types) {
    if ((type.group === '') !== core) continue
    const versions = groups.get(type.group) ?? new Map<string, ResourceType[]>()
    groups.set(type.group, versions)
    versions.set(type.version, [...(versions.get(type.version) ?? []), type])
  }
  const items = [...groups].map(([name, versions]) => ({
    metadata: { name },
    versions: [...versions].map(([version, members]) => ({
      version,
      freshness: 'Current',
      resources: members.map(type => ({
        resource: type.plural,
        responseKind: { group: type.group, version, kind: type.kind },
        scope: type.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: type.singular,
        verbs: type.verbs,
      })),
    })),
  }))
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
}
