/**
 * What Kubernetes needs of its storage and no more: keys and values are bytes, every write gets one revision, and whoever
 * watches sees every write in that order. Knows no kinds. Three backends (`memory`, `embedded`, `etcd`), one conformance suite.
 *
 * Revisions: 1 on a fresh store, grow by one per write, are the same for all readers. Keys are `/registry/...`
 * strings ordered by their UTF-8 bytes. A value that the store returned is shared: never change it.
 */
export interface Store {
  /**
   * The revision of the newest write (1 on a fresh store, so that `resourceVersion` is never 0). Asking also has every watch
   * deliver its progress up to this revision soon, so that a cache fed by a watch can wait until it is as new as this. At once where
   * the store knows it: caches ask before every read.
   */
  revision(): number | Promise<number>

  /** The newest value of a key, or `undefined`. */
  get(key: string): Promise<KeyValue | undefined>

  /**
   * Keys that start with `prefix`, in order. Throws `CompactedError` for a revision that is gone and
   * `FutureRevisionError` for one that is yet to come.
   */
  list(prefix: string, options?: ListOptions): Promise<ListResult>

  /** Number of keys with this prefix now. */
  count(prefix: string): Promise<number>

  /** Writes a key that must not exist. `value` gets the revision of this very write. Throws `KeyExistsError`. */
  create(key: string, value: ValueAt, options?: WriteOptions): Promise<KeyValue>

  /**
   * Replaces a key whose newest write has the revision `expected`. Throws `RevisionMismatchError`, which carries the
   * current value (or nothing where the key is gone).
   */
  update(key: string, value: ValueAt, expected: number, options?: WriteOptions): Promise<KeyValue>

  /** Removes a key under the same condition; returns the revision of the removal and the value that was removed. */
  delete(
    key: string,
    expected: number,
    options?: Pick<WriteOptions, 'decided'>,
  ): Promise<{ revision: number; previous: KeyValue }>

  /**
   * Every write to keys with `prefix` and a revision greater than `from`, in order, in batches as they become durable.
   * The iteration ends when `signal` aborts and throws `CompactedError` where `from` is older than the history.
   * Batches may carry only progress (no events): then all writes up to `revision` have been delivered. They come within a
   * fraction of a second after writes elsewhere, and at once after `revision()`. A slow reader gets bigger batches.
   */
  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<WatchBatch>

  /**
   * Forgets history before `revision`: older lists and watches throw `CompactedError` from then on. Throws
   * `FutureRevisionError`; does nothing where the history has been compacted further already.
   */
  compact(revision: number): Promise<void>

  /** The oldest revision that can still be listed or watched from. */
  compactedRevision(): Promise<number>

  /** Bytes that the store takes up where it keeps its values: on disk, where it keeps them there. */
  size(): Promise<number>

  /** Under which name a key lies where objects are kept, which another store put before this one binds its form to; as it is where missing. */
  storedKey?(key: string): string

  /** Ends watches, flushes and releases everything. */
  close(): Promise<void>
}

/**
 * The bytes to write, given the revision that they will have, so that `resourceVersion` is already inside. Must be pure: a
 * backend that learns the revision only afterwards (etcd) stores the bytes for revision 0, sets the revision in what it
 * reads (`stampRevision`), and calls this once more with the true revision for its answer.
 */
export type ValueAt = (revision: number) => Uint8Array

export interface KeyValue {
  readonly key: string
  readonly value: Uint8Array
  /** Revision of the write that made this value. */
  readonly revision: number
  /** Why `value` is not what was written: a store that keeps another form of it could not read that back. */
  readonly unreadable?: string
}

export interface ListOptions {
  /** State at this revision; newest where missing. */
  revision?: number
  /** At most so many. */
  limit?: number
  /** Start at this key (inclusive) instead of at the prefix. */
  startKey?: string
}

export interface ListResult {
  readonly items: readonly KeyValue[]
  /** The revision that the whole answer shows. */
  readonly revision: number
  /** Keys with the prefix beyond the last one returned. */
  readonly remaining: number
}

export interface WriteOptions {
  /** Seconds until the key removes itself (events, and nothing else in Kubernetes). */
  ttlSeconds?: number
  /**
   * Called where only a failure of the store itself can undo the write any more, and whatever is written to it from then on would fail
   * too: who only wants to write on top of it need not wait. A store that cannot promise this never calls it.
   */
  decided?: () => void
}

export interface StoreEvent {
  readonly type: 'put' | 'delete'
  readonly key: string
  /** The new value; for a delete the last one. */
  readonly value: Uint8Array
  readonly revision: number
  /** The value before, where there was one. */
  readonly previous?: KeyValue
  /** As of a `KeyValue`. */
  readonly unreadable?: string
}

export interface WatchBatch {
  readonly events: readonly StoreEvent[]
  /** Everything up to here has been delivered. */
  readonly revision: number
}

export class KeyExistsError extends Error {
  readonly current: KeyValue | undefined
  constructor(key: string, current?: KeyValue) {
    super(`key ${key} exists already`)
    this.name = 'KeyExistsError'
    this.current = current
  }
}

export class RevisionMismatchError extends Error {
  readonly current: KeyValue | undefined
  constructor(key: string, expected: number, current: KeyValue | undefined) {
    super(`key ${key} is not at revision ${expected}${current ? ` but at ${current.revision}` : ' but gone'}`)
    this.name = 'RevisionMismatchError'
    this.current = current
  }
}

export class CompactedError extends Error {
  readonly compacted: number
  constructor(requested: number, compacted: number) {
    super(`revision ${requested} has been compacted; the oldest is ${compacted}`)
    this.name = 'CompactedError'
    this.compacted = compacted
  }
}

export class FutureRevisionError extends Error {
  readonly current: number
  constructor(requested: number, current: number) {
    super(`revision ${requested} is in the future; the newest is ${current}`)
    this.name = 'FutureRevisionError'
    this.current = current
  }
}

export class StoreClosedError extends Error {
  constructor() {
    super('the store is closed')
    this.name = 'StoreClosedError'
  }
}

/** The store cannot write or read just now or any more; the message says why and what to do. */
export class StoreUnavailableError extends Error {
  /** True where it is not known whether the write was done. */
  readonly ambiguous: boolean
  constructor(message: string, options: { cause?: unknown; ambiguous?: boolean } = {}) {
    super(message, { cause: options.cause })
    this.name = 'StoreUnavailableError'
    this.ambiguous = options.ambiguous ?? false
  }
}
