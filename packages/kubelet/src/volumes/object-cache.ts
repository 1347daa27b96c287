import { ConfigMaps, Secrets } from '@canopus/api'
import type { ConfigMap, Secret } from '@canopus/api/core/v1'
import { hasReason, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { ReferencedObjects } from '../env/environment.ts'

interface Entry {
  fetchedAt: number
  value: Promise<KubeObject | undefined>
  immutable: boolean
  absent: boolean
}

/** The same for "there is none of that name": whoever waits for it should not wait long. */
const ABSENT_FOR = 500

/**
 * The config maps and secrets that pods refer to. A kubelet may only get objects by name (the Node authorizer), so they are
 * fetched one by one, at most once in so many seconds, and once for all who ask at the same time.
 */
export class ObjectCache implements ReferencedObjects {
  readonly #client: Client
  readonly #clock: Clock
  readonly #freshFor: number
  readonly #entries = new Map<string, Entry>()

  /** `freshFor`: how old an object may be when a running pod's volumes are looked at again, in milliseconds. */
  constructor(client: Client, clock: Clock, freshFor: number) {
    this.#client = client
    this.#clock = clock
    this.#freshFor = freshFor
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#get(ConfigMaps, namespace, name)
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#get(Secrets, namespace, name)
  }

  /** A view for a pod that was first seen at `since`: it shows nothing that was fetched before. */
  notOlderThan(since: number): ReferencedObjects {
    return {
      configMap: (namespace, name) => this.#get(ConfigMaps, namespace, name, since),
      secret: (namespace, name) => this.#get(Secrets, namespace, name, since),
    }
  }

  /** Drops what nobody asked for in a while. */
  prune(): void {
    const limit = this.#clock.now() - 20 * this.#freshFor
    for (const [key, entry] of this.#entries) if (entry.fetchedAt < limit) this.#entries.delete(key)
  }

  #get<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
    since = 0,
  ): Promise<T | undefined> {
    const key = `${type.plural}/${namespace}/${name}`
    const known = this.#entries.get(key)
    const now = this.#clock.now()
    const oldest = Math.max(since, known?.immutable ? 0 : now - (known?.absent ? ABSENT_FOR : this.#freshFor))
    if (known !== undefined && known.fetchedAt >= oldest) return known.value as Promise<T | undefined>
    const value = this.#fetch(type, namespace, name)
    const entry: Entry = { fetchedAt: now, value, immutable: false, absent: false }
    this.#entries.set(key, entry)
    value.then(
      object => {
        entry.absent = object === undefined
        entry.immutable = (object as { immutable?: boolean } | undefined)?.immutable === true
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key)
      },
    )
    return value
  }

  async #fetch<T extends KubeObject>(type: ResourceType<T>, namespace: string, name: string): Promise<T | undefined> {
    try {
      return await this.#client.resource(type).get(name, { namespace })
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }
}
