/** The memory of an informer: all objects of one kind, by key, namespace and registered indexes. */
import type { KubeObject } from '@canopus/apimachinery'
import type { Lister } from './informer.ts'

/** `namespace/name`, or `name` for objects without a namespace (client-go's MetaNamespaceKeyFunc). */
export function keyOf(object: { metadata: { name: string; namespace?: string | undefined } }): string {
  const { name, namespace } = object.metadata
  return namespace ? `${namespace}/${name}` : name
}

/** The parts of a key. */
export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/')
  return slash === -1
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

type Values<T> = (object: T) => readonly string[]
type Buckets<T> = Map<string, Map<string, T>>

export class ObjectStore<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>()
  readonly #namespaces: Buckets<T> = new Map()
  readonly #indexes = new Map<string, { values: Values<T>; buckets: Buckets<T> }>()

  addIndex(name: string, values: Values<T>): void {
    const index = { values, buckets: new Map() as Buckets<T> }
    this.#indexes.set(name, index)
    for (const [key, object] of this.#objects) fill(index.buckets, values(object), key, object)
  }

  /** What the index is made by; undefined where there is none of this name. */
  index(name: string): Values<T> | undefined {
    return this.#indexes.get(name)?.values
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#objects.get(namespace ? `${namespace}/${name}` : name)
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(namespace?: string): readonly T[] {
    const from = namespace ? this.#namespaces.get(namespace) : this.#objects
    return from ? [...from.values()] : []
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name)
    if (!index) throw new Error(`no index ${JSON.stringify(name)} was registered`)
    return [...(index.buckets.get(value)?.values() ?? [])]
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  /** Stores `object`, in the place of the one that it replaces; returns that one. */
  set(object: T): T | undefined {
    const key = keyOf(object)
    const old = this.#objects.get(key)
    this.#objects.set(key, object)
    const { namespace } = object.metadata
    if (namespace) fill(this.#namespaces, [namespace], key, object)
    for (const { values, buckets } of this.#indexes.values()) {
      const now = values(object)
      if (old) for (const value of values(old)) if (!now.includes(value)) drop(buckets, value, key)
      fill(buckets, now, key, object)
    }
    return old
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (!old) return undefined
    this.#objects.delete(key)
    if (old.metadata.namespace) drop(this.#namespaces, old.metadata.namespace, key)
    for (const { values, buckets } of this.#indexes.values()) for (const value of values(old)) drop(buckets, value, key)
    return old
  }
}

function fill<T>(buckets: Buckets<T>, values: readonly string[], key: string, object: T): void {
  for (const value of values) {
    const bucket = buckets.get(value)
    if (bucket) bucket.set(key, object)
    else buckets.set(value, new Map([[key, object]]))
  }
}

function drop<T>(buckets: Buckets<T>, value: string, key: string): void {
  const bucket = buckets.get(value)
  if (bucket?.delete(key) && bucket.size === 0) buckets.delete(value)
}
