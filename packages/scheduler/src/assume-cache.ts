import type { KubeObject } from '@canopus/apimachinery'
import { keyOf, type Lister } from '@canopus/client'

/**
 * What an informer has, with what was decided since then on top: a decision counts until a version comes that is newer than
 * the one it was made on (pkg/scheduler/util/assumecache).
 */
export class AssumeCache<T extends KubeObject> {
  readonly #lister: Pick<Lister<T>, 'get' | 'list'>
  readonly #assumed = new Map<string, T>()

  constructor(lister: Pick<Lister<T>, 'get' | 'list'>) {
    this.#lister = lister
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#current(this.#lister.get(name, namespace), namespace ? `${namespace}/${name}` : name)
  }

  /** The object as the API server had it last. */
  known(name: string, namespace?: string): T | undefined {
    return this.#lister.get(name, namespace)
  }

  list(): readonly T[] {
    const objects = this.#lister.list()
    if (this.#assumed.size === 0) return objects
    return objects.map(each => this.#current(each, keyOf(each)) ?? each)
  }

  /** Takes the object for the current one; its version is the one that it was made of, or the one that a write gave it. */
  assume(object: T): void {
    this.#assumed.set(keyOf(object), object)
  }

  /** Takes back what was assumed. */
  restore(name: string, namespace?: string): void {
    this.#assumed.delete(namespace ? `${namespace}/${name}` : name)
  }

  #current(known: T | undefined, key: string): T | undefined {
    const assumed = this.#assumed.get(key)
    if (assumed === undefined) return known
    if (known !== undefined && versionOf(known) <= versionOf(assumed) && known.metadata.uid === assumed.metadata.uid) {
      return assumed
    }
    this.#assumed.delete(key)
    return known
  }
}

/** Versions of one kind can be compared as numbers (KEP-5504). */
export function versionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion ?? 0)
}
