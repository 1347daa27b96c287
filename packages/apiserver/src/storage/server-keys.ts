/** How API servers on one store know of each other: each keeps a key of its own alive. */
import { KeyExistsError, RevisionMismatchError, type Store } from '@canopus/store'

const TTL_SECONDS = 15

/** Milliseconds after which a key is to be renewed. */
export const RENEW_INTERVAL = 10_000

/** The key of one server among those of all, which have a prefix in common. */
export class ServerKey {
  readonly #store: Store
  readonly #key: string
  readonly #valueAt: (generation: number) => object
  #generation = 0

  constructor(store: Store, prefix: string, name: string, valueAt: (generation: number) => object) {
    this.#store = store
    this.#key = prefix + name
    this.#valueAt = valueAt
  }

  /** Says for 15 more seconds that this server is there. */
  async renew(): Promise<void> {
    const options = { ttlSeconds: TTL_SECONDS }
    for (;;) {
      // Every value differs from the one before, or upstream's server would not write it.
      const value = Buffer.from(JSON.stringify(this.#valueAt(++this.#generation)))
      const current = await this.#store.get(this.#key)
      try {
        if (current === undefined) await this.#store.create(this.#key, () => value, options)
        else await this.#store.update(this.#key, () => value, current.revision, options)
        return
      } catch (error) {
        if (!(error instanceof RevisionMismatchError || error instanceof KeyExistsError)) throw error
      }
    }
  }

  /** Says that it is there no more. */
  async remove(): Promise<void> {
    const current = await this.#store.get(this.#key)
    if (current !== undefined) await this.#store.delete(this.#key, current.revision)
  }
}

/** The names of all servers that are there. */
export async function serverNames(store: Store, prefix: string): Promise<string[]> {
  const { items } = await store.list(prefix)
  return items.map(({ key }) => key.slice(prefix.length)).sort()
}
