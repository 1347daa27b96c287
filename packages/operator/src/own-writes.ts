import { groupResourceOf, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { Counter, Family } from '@canopus/base'
import type { Informer } from '@canopus/client'
import type { Key } from './controller.ts'

/** What a controller would decide on is older than what it has written itself: it must wait until it sees its own writes. */
export class StaleCacheError extends Error {
  override name = 'StaleCacheError'
}

/**
 * What a controller has written for the sake of an object and, by the versions that its informers have come to, not yet seen:
 * as long as that is so it must not decide anew, or it would count twice or do again what it has done
 * (KEP-5647; kubernetes pkg/controller/util/consistency).
 */
export class OwnWrites {
  readonly #informers: readonly Pick<Informer<KubeObject>, 'type' | 'resourceVersion'>[]
  readonly #skips: Family<Counter> | undefined
  /** The newest version written, by key of the object and by kind of what was written. */
  readonly #writes = new Map<Key, Map<ResourceType, number>>()

  /** `skips` counts, by group and resource of the informer that was behind, how often somebody had to wait. */
  constructor(informers: readonly Pick<Informer<KubeObject>, 'type' | 'resourceVersion'>[], skips?: Family<Counter>) {
    this.#informers = informers
    this.#skips = skips
  }

  /** Notes `written`, the object of this kind as the server has answered it, under the key of the object it was written for. */
  wrote(key: Key, type: ResourceType, written: KubeObject): void {
    const version = Number(written.metadata.resourceVersion)
    if (Number.isNaN(version)) return
    let versions = this.#writes.get(key)
    if (versions === undefined) {
      versions = new Map()
      this.#writes.set(key, versions)
    }
    if (version > (versions.get(type) ?? 0)) versions.set(type, version)
  }

  /**
   * Call before anything is read for the object.
   *
   * @throws StaleCacheError where an informer has not come as far as what was written.
   */
  ensureSeen(key: Key): void {
    const versions = this.#writes.get(key)
    if (versions === undefined) return
    for (const { type, resourceVersion } of this.#informers) {
      const written = versions.get(type)
      if (written === undefined || resourceVersion === undefined || written <= Number(resourceVersion)) continue
      this.#skips?.with(type.group, type.plural).add()
      throw new StaleCacheError(
        `read version: ${resourceVersion} is not as new as written version: ${written} for group resource ${groupResourceOf(type)}`,
      )
    }
    this.#writes.delete(key)
  }
}
