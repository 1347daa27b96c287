/** Informers: one reflector and one store per kind and scope, shared by all who ask. */

import { groupResourceOf, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { Clock, Logger, Random } from '@canopus/base'
import type { Client, WatchEvent } from './client.ts'
import type { Informer, InformerFactory, InformerHandler, Lister } from './informer.ts'
import { keyOf, ObjectStore } from './object-store.ts'
import { madeByAnother, passOn } from './passed-on.ts'
import { type ReflectorSink, runReflector } from './reflector.ts'
import { Siblings } from './siblings.ts'

export interface InformerFactoryOptions {
  client: Client
  clock: Clock
  random: Random
  logger: Logger
  /**
   * What is kept of an object, before anybody sees it; the whole object where missing. The given one may be shared: another is
   * returned, never a changed one (client-go informers.WithTransform).
   */
  transform?: Transform
}

export type Transform = <T extends KubeObject>(object: T) => T

interface Scope {
  namespace?: string
  fieldSelector?: string
  labelSelector?: string
}

/** Makes informers that all live until the signal of `start` aborts. */
export function createInformerFactory(options: InformerFactoryOptions): InformerFactory {
  const informers = new Map<string, SharedInformer<KubeObject>>()
  let running: AbortSignal | undefined
  return {
    informer<T extends KubeObject>(type: ResourceType<T>, scope: Scope = {}): Informer<T> {
      const id = JSON.stringify([
        groupResourceOf(type),
        type.version,
        scope.namespace ?? '',
        scope.fieldSelector ?? '',
        scope.labelSelector ?? '',
      ])
      const known = informers.get(id) as SharedInformer<T> | undefined
      if (known) return known
      const informer = new SharedInformer<T>(type, scope, options)
      informers.set(id, informer as unknown as SharedInformer<KubeObject>)
      if (running) informer.start(running)
      return informer
    },
    start(signal: AbortSignal): void {
      running = signal
      for (const informer of informers.values()) informer.start(signal)
    },
    async waitForSync(signal?: AbortSignal): Promise<void> {
      await Promise.all([...informers.values()].map(informer => informer.waitForSync(signal)))
    },
  }
}

class SharedInformer<T extends KubeObject> implements Informer<T>, ReflectorSink<T> {
  readonly type: ResourceType<T>
  readonly #scope: Scope
  readonly #options: InformerFactoryOptions
  readonly #logger: Logger
  readonly #store = new ObjectStore<T>()
  readonly #siblings = new Siblings<T>()
  readonly #handlers = new Set<InformerHandler<T>>()
  #waiting: (() => void)[] = []
  #synced = false
  #resourceVersion: string | undefined
  #started = false

  constructor(type: ResourceType<T>, scope: Scope, options: InformerFactoryOptions) {
    this.type = type
    this.#scope = scope
    this.#options = options
    this.#logger = options.logger.child({ resource: groupResourceOf(type) })
  }

  get lister(): Lister<T> {
    return this.#store
  }

  get synced(): boolean {
    return this.#synced
  }

  get resourceVersion(): string | undefined {
    return this.#resourceVersion
  }

  reached(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion
  }

  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#store.list()) this.#tell(handler, () => handler.added?.(object, true))
    return () => this.#handlers.delete(handler)
  }

  addIndex(name: string, values: (object: T) => readonly string[]): void {
    const known = this.#store.index(name)
    if (known === undefined) this.#store.addIndex(name, values)
    else if (known !== values)
      throw new Error(`${groupResourceOf(this.type)} have another index ${JSON.stringify(name)} already`)
  }

  waitForSync(signal?: AbortSignal): Promise<void> {
    if (this.#synced) return Promise.resolve()
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = (): void => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }

  start(signal: AbortSignal): void {
    if (this.#started) return
    this.#started = true
    const { client, clock, random } = this.#options
    const source = client.resource(this.type)
    void runReflector({ client: source, query: this.#scope, sink: this, clock, random, logger: this.#logger }, signal)
  }

  /** Before it is gathered: the first state of a big collection would not fit otherwise. */
  arrived(object: T): T {
    const { transform } = this.#options
    const known = madeByAnother(object, transform)
    if (known !== undefined) return this.#siblings.remember(known)
    const kept = transform?.(object) ?? object
    const made = this.#siblings.sharing(kept, this.#store.getByKey(keyOf(kept)))
    passOn(object, transform, made)
    return made
  }

  replace(objects: readonly T[]): void {
    const gone = new Set(this.#store.keys())
    const initial = !this.#synced
    for (const object of objects) {
      gone.delete(keyOf(object))
      this.#put(object, initial)
    }
    for (const key of gone) this.#remove(key)
    this.#synced = true
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  apply(event: WatchEvent<T>): void {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#put(event.object, false)
        break
      case 'DELETED':
        this.#remove(keyOf(event.object), event.object)
        break
      case 'BOOKMARK':
        break
    }
  }

  #put(object: T, initial: boolean): void {
    const old = this.#store.getByKey(keyOf(object))
    if (old && old.metadata.uid !== object.metadata.uid) {
      // Deleted and made anew while nobody looked: two objects, two events.
      this.#remove(keyOf(old))
      this.#put(object, initial)
      return
    }
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion && old !== undefined) return
    this.#store.set(object)
    for (const handler of this.#handlers) {
      if (old) this.#tell(handler, () => handler.updated?.(old, object))
      else this.#tell(handler, () => handler.added?.(object, initial))
    }
  }

  #remove(key: string, last?: T): void {
    const old = this.#store.delete(key)
    if (!old) return
    this.#siblings.forget(old)
    const object = last ?? old
    for (const handler of this.#handlers) this.#tell(handler, () => handler.deleted?.(object))
  }

  /** One handler's mistake must not keep the others, or the mirror, from going on. */
  #tell(handler: InformerHandler<T>, call: () => void): void {
    try {
      if (this.#handlers.has(handler)) call()
    } catch (error) {
      this.#logger.error('an informer handler failed', { error })
    }
  }
}

/**
 * The object without who owns which of its fields: more than half of what it takes in memory. An update that says nothing of owners
 * leaves them as they are. Upstream's controller manager and scheduler keep objects like this (cmd/kube-controller-manager/app,
 * CreateControllerContext).
 */
export const withoutManagedFields: Transform = object =>
  // Leaving the member out would cost the copy its shape.
  object.metadata?.managedFields === undefined
    ? object
    : { ...object, metadata: { ...object.metadata, managedFields: undefined } }
