import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import type { AuthenticationRequest, Connection, ObjectChange, ObjectReader } from '../../security.ts'

type Listener = (change: ObjectChange<KubeObject>) => void

/** An ObjectReader over a map, whose store can be ahead of its cache. */
export class FakeObjects implements ObjectReader {
  readonly #objects = new Map<string, KubeObject>()
  readonly #onlyFresh = new Map<string, KubeObject>()
  readonly #listeners = new Map<string, Set<Listener>>()

  /** Adds or replaces, in store and cache. The type of `object` is loose so that tests can leave out what does not matter. */
  put(type: ResourceType, object: object): void {
    const whole = object as KubeObject
    const key = keyOf(type, whole.metadata.name ?? '', whole.metadata.namespace)
    const old = this.#objects.get(key)
    this.#objects.set(key, whole)
    this.#tell(type, old ? { type: 'updated', object: whole, old } : { type: 'added', object: whole })
  }

  /** In the store, and not yet in the cache. */
  putOnlyFresh(type: ResourceType, object: object): void {
    const whole = object as KubeObject
    this.#onlyFresh.set(keyOf(type, whole.metadata.name ?? '', whole.metadata.namespace), whole)
  }

  remove(type: ResourceType, name: string, namespace?: string): void {
    const key = keyOf(type, name, namespace)
    const object = this.#objects.get(key)
    if (object === undefined) return
    this.#objects.delete(key)
    this.#tell(type, { type: 'deleted', object, old: object })
  }

  get<T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): T | undefined {
    return this.#objects.get(keyOf(type, name, namespace)) as T | undefined
  }

  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): readonly T[] {
    const prefix = `${type.group}/${type.plural}/${namespace === undefined ? '' : `${namespace}/`}`
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object as T)
  }

  read<T extends KubeObject>(type: ResourceType<T>, namespace: string | undefined, name?: string): readonly T[] {
    if (name === undefined) return this.list(type, namespace)
    const object = this.get(type, name, namespace)
    return object === undefined ? [] : [object]
  }

  async getFresh<T extends KubeObject>(
    type: ResourceType<T>,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> {
    return (this.#onlyFresh.get(keyOf(type, name, namespace)) as T | undefined) ?? this.get(type, name, namespace)
  }

  onChange<T extends KubeObject>(type: ResourceType<T>, listener: (change: ObjectChange<T>) => void): () => void {
    const key = `${type.group}/${type.plural}`
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener as Listener))
    for (const object of this.list(type)) listener({ type: 'added', object })
    return () => listeners.delete(listener as Listener)
  }

  #tell(type: ResourceType, change: ObjectChange<KubeObject>): void {
    for (const listener of this.#listeners.get(`${type.group}/${type.plural}`) ?? []) listener(change)
  }
}

const keyOf = (type: ResourceType, name: string, namespace = ''): string =>
  `${type.group}/${type.plural}/${namespace}/${name}`

/** A request as authenticators see it. */
export function fakeRequest(
  headers: Record<string, string> = {},
  connection: Partial<Connection> = {},
): AuthenticationRequest {
  return {
    headers,
    connection: { remoteAddress: '127.0.0.1', certificateVerified: false, ...connection },
    method: 'GET',
    path: '/api/v1/pods',
  }
}

export const bearer = (token: string): AuthenticationRequest => fakeRequest({ authorization: `Bearer ${token}` })
