import type { KubeObject } from '@canopus/apimachinery'
import { type Informer, keyOf } from '@canopus/client'

/**
 * An informer's objects, newer where this controller has written them itself and the watch has not brought them back yet:
 * two claims must not be promised the same volume in between.
 */
export class WrittenObjects<T extends KubeObject> {
  readonly #informer: Informer<T>
  readonly #written = new Map<string, T>()

  constructor(informer: Informer<T>) {
    this.#informer = informer
  }

  note(object: T): T {
    this.#written.set(keyOf(object), object)
    return object
  }

  get(name: string, namespace?: string): T | undefined {
    return this.newest(this.#informer.lister.get(name, namespace))
  }

  /** The object as last seen or written, whichever came later. */
  newest(seen: T | undefined): T | undefined {
    if (!seen) return undefined
    const own = this.#written.get(keyOf(seen))
    if (!own) return seen
    if (own.metadata.uid === seen.metadata.uid && versionOf(own) > versionOf(seen)) return own
    this.#written.delete(keyOf(seen))
    return seen
  }

  forget(object: T): void {
    this.#written.delete(keyOf(object))
  }
}

const versionOf = ({ metadata }: KubeObject): bigint => BigInt(metadata.resourceVersion || 0)
