import { createHash, type Hash } from 'node:crypto'
import type { Clock } from '@canopus/base'
import type { Store, StoreEvent } from '@canopus/store'

/** One write to the store, in the order of all writes. */
export interface HistoryRecord {
  /** Milliseconds since the start of the simulation. */
  readonly at: number
  readonly revision: number
  readonly type: 'put' | 'delete'
  readonly key: string
  /** The object as it was written, as JSON; for a removal the last one. */
  readonly value: Uint8Array
  /** The object before, where there was one. */
  readonly previous?: Uint8Array
}

export interface HistoryOptions {
  store: Store
  clock: Clock
  /** Keeps all records; otherwise only their number and digest. */
  keep?: boolean
}

/** Everything that was ever written, and a digest of it: two runs were the same where their digests are. */
export class History {
  readonly #options: HistoryOptions
  readonly #hash: Hash = createHash('sha256')
  readonly #listeners: ((record: HistoryRecord) => void)[] = []
  readonly records: HistoryRecord[] = []
  #length = 0

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  /** How many writes there were. */
  get length(): number {
    return this.#length
  }

  /** Of everything until now: time, order, keys and bytes. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }

  listen(listener: (record: HistoryRecord) => void): void {
    this.#listeners.push(listener)
  }

  /** Reads the store until the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const { store } = this.#options
    const from = await store.revision()
    for await (const batch of store.watch('/registry/', from, signal))
      for (const event of batch.events) this.#add(event)
  }

  #add({ type, key, value, revision, previous }: StoreEvent): void {
    const at = this.#options.clock.monotonic()
    this.#length++
    this.#hash.update(`${at} ${revision} ${type} ${key} `).update(value).update('\n')
    const record = { at, revision, type, key, value, ...(previous ? { previous: previous.value } : {}) }
    if (this.#options.keep) this.records.push(record)
    for (const listener of this.#listeners) listener(record)
  }
}
