import type { KeyValue } from '../store.ts'

/** One write as the log keeps it. */
export interface LogRecord {
  readonly revision: number
  readonly key: string
  /** The bytes written; missing where the key was removed. */
  readonly value: Uint8Array | undefined
  /** Wall time in milliseconds when the key is to remove itself; 0 for never. */
  readonly expiresAt: number
}

/** A `LogRecord` without its bytes, for building the index. */
export interface LogEntry {
  readonly revision: number
  readonly key: string
  readonly deleted: boolean
  readonly expiresAt: number
}

/**
 * Where an `MvccStore` keeps its writes, by revision. Everything else (which key has which revisions, who watches, who waits)
 * is the store's. Reads are synchronous: the store never has to wait in the middle of a decision. Writes are synchronous up
 * to where they could be read; a log whose writes take longer to be safe answers a promise of that.
 */
export interface RevisionLog {
  /** Calls `visit` for every write that is kept, oldest first. */
  load(visit: (entry: LogEntry) => void): { revision: number; compacted: number }

  /**
   * Keeps the writes, all or none. They survive whatever the log promises to survive on return, or, where it answers a
   * promise, when that fulfils. Throws where it cannot keep them. A promise that rejects leaves open whether they will be
   * found at the next opening; then the log takes no more writes. The next `append` comes only after that promise settled.
   */
  append(records: readonly LogRecord[]): Promise<void> | undefined

  /** The value written at a revision, which must be kept and must not be a removal. */
  read(revision: number): KeyValue

  /** Several at once, in the order asked for. */
  readMany(revisions: readonly number[]): KeyValue[]

  /** Remembers what the history was compacted to; answers as `append` does, and may come while an `append` is under way. */
  setCompacted(revision: number): Promise<void> | undefined

  /** Forgets single writes. A loss of power may bring them back, but does not leave them forgotten without the compaction before. */
  forget(revisions: readonly number[]): void

  /** Bytes that it takes up. */
  size(): number

  close(): Promise<void> | undefined
}
