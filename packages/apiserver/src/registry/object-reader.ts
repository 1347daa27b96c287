/** Objects for the parts of the server that decide by them (authorizer, admission, allocators). */
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { asBuffer, type ObjectVersion } from '../cache/object-version.ts'
import type { ChangeOptions, Maybe, ObjectChange, ObjectReader } from '../security.ts'
import type { KindStore } from './kind-store.ts'

export class StoreReader implements ObjectReader {
  readonly #storeOf: (type: ResourceType) => KindStore | undefined

  constructor(storeOf: (type: ResourceType) => KindStore | undefined) {
    this.#storeOf = storeOf
  }

  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace = ''): T | undefined {
    const store = this.#storeOf(type)
    const version = store?.cache.get(namespace, name)
    return version === undefined ? undefined : (store!.view(version) as T)
  }

  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): readonly T[] {
    const store = this.#storeOf(type)
    return store === undefined ? [] : store.cache.all(namespace).map(version => store.view(version) as T)
  }

  read<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined, name?: string): Maybe<readonly T[]> {
    const store = this.#storeOf(type)
    if (store === undefined) return []
    const named = name === undefined ? undefined : store.cache.get(namespace ?? '', name)
    const versions = name === undefined ? store.cache.all(namespace) : named === undefined ? [] : [named]
    const ready = store.remote === undefined ? versions : store.remote.all(versions)
    const view = (all: readonly ObjectVersion[]): T[] => all.map(each => store.view(each) as T)
    return ready instanceof Promise ? ready.then(view) : view(ready)
  }

  async getFresh<T extends KubeObject>(type: ResourceType<T>, name: string, namespace = ''): Promise<T | undefined> {
    const store = this.#storeOf(type)
    const version = await store?.find(namespace, name)
    return version === undefined ? undefined : (store!.view(version) as T)
  }

  onChange<T extends KubeObject>(
    type: ResourceType<T>,
    listener: (change: ObjectChange<T>) => void,
    { mentioning }: ChangeOptions = {},
  ): () => void {
    const store = this.#storeOf(type)
    if (store === undefined) return () => {}
    const view = (version: ObjectVersion): T => store.view(version) as T
    const mentions = (version: ObjectVersion | undefined): boolean =>
      mentioning === undefined || (version !== undefined && asBuffer(version.bytes).includes(mentioning))
    for (const version of store.cache.all()) if (mentions(version)) listener({ type: 'added', object: view(version) })
    return store.cache.onChange(({ current, previous, removed }) => {
      if (!mentions(current) && !mentions(previous)) return
      if (removed) listener({ type: 'deleted', object: view(current) })
      else if (previous === undefined) listener({ type: 'added', object: view(current) })
      else listener({ type: 'updated', object: view(current), old: view(previous) })
    })
  }
}
