/** A store that keeps what it is given in another form: encrypted, as the configuration of each resource wants it. */
import type { Kind } from '@canopus/api'
import { messageOf } from '@canopus/base'
import {
  KeyExistsError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  RevisionMismatchError,
  type Store,
  type StoreEvent,
  type ValueAt,
  type WatchBatch,
  type WriteOptions,
} from '@canopus/store'
import { REGISTRY } from '../../cache/watch-cache.ts'
import type { Maybe } from '../../security.ts'
import { addEvent } from '../../tracing/span.ts'
import { NotTransformedError } from '../storage-spans.ts'
import type { Encryption } from './encryption.ts'
import { identity, type Transformer } from './transformer.ts'

/** A store whose values may lie in an outdated form. */
export interface TransformingStore extends Store {
  /** Whether what is stored under the key now is to be written anew. Asks the store. */
  isStale(key: string): Promise<boolean>
}

export const transforms = (store: Store): store is TransformingStore => 'isStale' in store

/**
 * What cannot be read is handed out as it is, marked `unreadable`. Events carry no `previous`, which would have to be decrypted
 * for nobody.
 */
export class EncryptedStore implements TransformingStore {
  readonly #store: Store
  readonly #encryption: Encryption
  readonly #resources: ReadonlyMap<string, { group: string; resource: string }>
  readonly #transformers = new Map<string, Transformer>()
  #generation = 0

  constructor(store: Store, encryption: Encryption, kinds: readonly Kind[]) {
    this.#store = store
    this.#encryption = encryption
    this.#resources = storedResources(kinds)
  }

  revision(): number | Promise<number> {
    return this.#store.revision()
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const kv = await this.#store.get(key)
    return kv && this.#plain(kv)
  }

  async isStale(key: string): Promise<boolean> {
    const kv = await this.#store.get(key)
    if (kv === undefined) return false
    const { stale } = await this.#transformerOf(key).fromStorage(kv.value, this.#storedKey(key))
    return stale
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    const result = await this.#store.list(prefix, options)
    return { ...result, items: await inOrder(result.items, kv => this.#plain(kv)) }
  }

  count(prefix: string): Promise<number> {
    return this.#store.count(prefix)
  }

  async create(key: string, value: ValueAt, options?: WriteOptions): Promise<KeyValue> {
    const sealed = new Sealed(this.#transformerOf(key), this.#storedKey(key), value)
    try {
      const { revision } = await this.#store.create(key, sealed.at, options)
      return { key, value: sealed.plain(revision), revision }
    } catch (error) {
      if (!(error instanceof KeyExistsError) || error.current === undefined) throw error
      throw new KeyExistsError(key, await this.#plain(error.current))
    }
  }

  async update(key: string, value: ValueAt, expected: number, options?: WriteOptions): Promise<KeyValue> {
    const sealed = new Sealed(this.#transformerOf(key), this.#storedKey(key), value)
    const { revision } = await this.#mismatched(key, expected, () =>
      this.#store.update(key, sealed.at, expected, options),
    )
    return { key, value: sealed.plain(revision), revision }
  }

  async delete(
    key: string,
    expected: number,
    options?: Pick<WriteOptions, 'decided'>,
  ): Promise<{ revision: number; previous: KeyValue }> {
    const { revision, previous } = await this.#mismatched(key, expected, () =>
      this.#store.delete(key, expected, options),
    )
    return { revision, previous: await this.#plain(previous) }
  }

  async *watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    for await (const { events, revision } of this.#store.watch(prefix, from, signal)) {
      yield { events: await inOrder(events, event => this.#plainEvent(event)), revision }
    }
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(revision)
  }

  compactedRevision(): Promise<number> {
    return this.#store.compactedRevision()
  }

  size(): Promise<number> {
    return this.#store.size()
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #mismatched<T>(key: string, expected: number, write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof RevisionMismatchError) || error.current === undefined) throw error
      throw new RevisionMismatchError(key, expected, await this.#plain(error.current))
    }
  }

  #plain(kv: KeyValue): Maybe<KeyValue> {
    const { key, revision } = kv
    return this.#read(key, kv.value, (value, unreadable) =>
      unreadable === undefined ? { key, value, revision } : { ...kv, unreadable },
    )
  }

  #plainEvent({ type, key, value: stored, revision }: StoreEvent): Maybe<StoreEvent> {
    return this.#read(key, stored, (value, unreadable) =>
      unreadable === undefined ? { type, key, value, revision } : { type, key, value, revision, unreadable },
    )
  }

  #read<T>(key: string, stored: Uint8Array, done: (value: Uint8Array, unreadable?: string) => T): Maybe<T> {
    const failed = (error: unknown): T => {
      const why = messageOf(error)
      return done(stored, `unable to transform key ${JSON.stringify(this.#storedKey(key))}: ${why}`)
    }
    try {
      const read = this.#transformerOf(key).fromStorage(stored, this.#storedKey(key))
      return read instanceof Promise ? read.then(({ data }) => done(data), failed) : done(read.data)
    } catch (error) {
      return failed(error)
    }
  }

  /** Under what name the value lies is part of what is authenticated: it cannot be moved to another. */
  #storedKey(key: string): string {
    return this.#store.storedKey?.(key) ?? key
  }

  #transformerOf(key: string): Transformer {
    if (this.#generation !== this.#encryption.generation) {
      this.#generation = this.#encryption.generation
      this.#transformers.clear()
    }
    const first = key.indexOf('/', REGISTRY.length)
    if (first < 0 || !key.startsWith(REGISTRY)) return identity
    const second = key.indexOf('/', first + 1)
    return (
      (second < 0 ? undefined : this.#of(key.slice(REGISTRY.length, second))) ??
      this.#of(key.slice(REGISTRY.length, first)) ??
      identity
    )
  }

  /** `undefined` where no resource lies there. */
  #of(prefix: string): Transformer | undefined {
    const known = this.#transformers.get(prefix)
    if (known !== undefined) return known
    const found = this.#resources.get(prefix) ?? customResource(prefix)
    if (found === undefined) return undefined
    const transformer = this.#encryption.transformerOf(found.group, found.resource)
    this.#transformers.set(prefix, transformer)
    return transformer
  }
}

/** The bytes of one write, plain and as they are stored. */
class Sealed {
  readonly #transformer: Transformer
  readonly #key: string
  readonly #value: ValueAt
  #made: { revision: number; plain: Uint8Array; stored: Uint8Array } | undefined

  constructor(transformer: Transformer, key: string, value: ValueAt) {
    this.#transformer = transformer
    this.#key = key
    this.#value = value
  }

  /** A store that asks again for its answer (etcd) gets the same once more, since nobody looks at that. */
  readonly at: ValueAt = revision => {
    if (this.#made === undefined || this.#made.revision !== 0) {
      const plain = this.#value(revision)
      this.#made = { revision, plain, stored: this.transformed(plain) }
    }
    return this.#made.stored
  }

  private transformed(plain: Uint8Array): Uint8Array {
    try {
      const stored = this.#transformer.toStorage(plain, this.#key)
      addEvent('TransformToStorage succeeded')
      return stored
    } catch (error) {
      addEvent('TransformToStorage failed', () => ({ err: (error as Error).message }))
      throw new NotTransformedError(error)
    }
  }

  plain(revision: number): Uint8Array {
    return this.#made?.revision === revision ? this.#made.plain : this.#value(revision)
  }
}

/** Which resource lies under which prefix. Of those that share one, the one whose version is stored. */
function storedResources(kinds: readonly Kind[]): Map<string, { group: string; resource: string }> {
  const map = new Map<string, { group: string; resource: string }>()
  for (const { type, storagePrefix, storedAs } of kinds) {
    if (storedAs === undefined) map.set(storagePrefix, { group: type.group, resource: type.plural })
  }
  return map
}

/** Custom resources lie under `group/plural`; groups of theirs have a dot. */
function customResource(prefix: string): { group: string; resource: string } | undefined {
  const [group = '', resource = '', more] = prefix.split('/')
  return group.includes('.') && resource !== '' && more === undefined ? { group, resource } : undefined
}

/** Waits only from where a promise comes. */
async function inOrder<T, R>(items: readonly T[], map: (item: T) => Maybe<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) {
    const result = map(item)
    results.push(result instanceof Promise ? await result : result)
  }
  return results
}
