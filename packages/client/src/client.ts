import type { DeleteOptions, Draft, KubeList, KubeObject, ResourceType } from '@canopus/apimachinery'
import type { Transport } from './transport.ts'

/** Typed access to every kind. Errors that the server answers are thrown as `StatusError`. */
export interface Client {
  readonly transport: Transport
  resource<T extends KubeObject>(type: ResourceType<T>): ResourceClient<T>
}

export interface InNamespace {
  namespace?: string
  signal?: AbortSignal
}

export interface ListQuery extends InNamespace {
  labelSelector?: string
  fieldSelector?: string
  limit?: number
  continue?: string
  resourceVersion?: string
  resourceVersionMatch?: 'Exact' | 'NotOlderThan'
}

export interface WatchQuery extends ListQuery {
  allowWatchBookmarks?: boolean
  sendInitialEvents?: boolean
  timeoutSeconds?: number
  /** Objects of the events may be shared with others in this process, which spares decoding them: they are never changed then. */
  shared?: boolean
}

export interface WriteQuery extends InNamespace {
  dryRun?: boolean
  fieldManager?: string
}

export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply'

export interface WatchEvent<T extends KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  object: T
}

export interface ResourceClient<T extends KubeObject> {
  get(name: string, options?: InNamespace): Promise<T>
  list(options?: ListQuery): Promise<KubeList<T>>
  /** Ends when the server closes the stream; throws `StatusError` (code 410) where history is gone. */
  watch(options?: WatchQuery): AsyncIterable<WatchEvent<T>>
  create(object: Draft<T>, options?: WriteQuery): Promise<T>
  /** The same where nobody wants to know what became of the object: the answer need be neither made nor read. */
  createUnread(object: Draft<T>, options?: WriteQuery): Promise<void>
  /** Replaces; the name and namespace are taken from the object. */
  update(object: T, options?: WriteQuery): Promise<T>
  updateStatus(object: T, options?: WriteQuery): Promise<T>
  patch(
    name: string,
    kind: PatchKind,
    patch: unknown,
    options?: WriteQuery & { subresource?: string; force?: boolean },
  ): Promise<T>
  delete(name: string, options?: InNamespace & { body?: DeleteOptions }): Promise<void>
  deleteCollection(options?: ListQuery & { body?: DeleteOptions }): Promise<void>
  /** POSTs `body` to `<name>/<subresource>` where nobody wants to know more than that it went well. */
  subresourceUnread(name: string, subresource: string, body: unknown, options?: WriteQuery): Promise<void>
  /** Any other subresource: POST or PUT `body` to `<name>/<subresource>`, or GET it without a body. */
  subresource<R>(
    name: string,
    subresource: string,
    body?: unknown,
    options?: WriteQuery & { method?: 'GET' | 'POST' | 'PUT' },
  ): Promise<R>
}
