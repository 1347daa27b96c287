import type { KubeObject, ResourceType } from '@canopus/apimachinery'

/** A read-only view of all objects of one kind, kept current by list and watch. Objects are shared: never change them. */
export interface Lister<T extends KubeObject> {
  get(name: string, namespace?: string): T | undefined
  list(namespace?: string): readonly T[]
  /** Objects under `value` of the index `name`, as registered with `Informer.addIndex`. */
  byIndex(name: string, value: string): readonly T[]
}

export interface InformerHandler<T extends KubeObject> {
  /** `initial` is true for objects of the first list. */
  added?(object: T, initial: boolean): void
  updated?(old: T, object: T): void
  deleted?(object: T): void
}

/** One list-and-watch per kind and process, shared by everybody who wants that kind. */
export interface Informer<T extends KubeObject> {
  readonly type: ResourceType<T>
  readonly lister: Lister<T>
  /** Handlers added after the start get `added` for everything that is there already. Returns its removal. */
  addHandler(handler: InformerHandler<T>): () => void
  /**
   * Must be called before the start. All who want the index name the same function of their module: the informer is shared, and a
   * name that means something else already throws.
   */
  addIndex(name: string, values: (object: T) => readonly string[]): void
  /** True once the first list has been delivered to the handlers. */
  readonly synced: boolean
  /**
   * Up to which version of the store the lister shows everything; nothing before the first list. What is newer elsewhere
   * may not be here yet (client-go LastSyncResourceVersion).
   */
  readonly resourceVersion: string | undefined
  waitForSync(signal?: AbortSignal): Promise<void>
}

export interface InformerFactory {
  /** The same informer for the same kind and scope every time. */
  informer<T extends KubeObject>(
    type: ResourceType<T>,
    scope?: { namespace?: string; fieldSelector?: string; labelSelector?: string },
  ): Informer<T>
  /** Starts every informer made so far and any made later, until the signal aborts. */
  start(signal: AbortSignal): void
  waitForSync(signal?: AbortSignal): Promise<void>
}
