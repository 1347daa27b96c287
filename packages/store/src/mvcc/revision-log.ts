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
 * is the store's. Synchronous: the store never has to wait in the middle of a decision.
 */
export interface RevisionLog {
  /** Calls `visit` for every write that is kept, oldest first. */
  load(visit: (entry: LogEntry) => void): { revision: number; compacted: number }

  /** Keeps the writes, all or none; on return they survive whatever the log promises to survive. Throws where it cannot. */
  append(records: readonly LogRecord[]): void

  /** The value written at a revision, which must be kept and must not be a removal. */
  read(revision: number): KeyValue

  /** Several at once, in the order asked for. */
  readMany(revisions: readonly number[]): KeyValue[]

  /** Remembers what the history was compacted to. */
  setCompacted(revision: number): void

  /** Forgets single writes. */
  forget(revisions: readonly number[]): void

  /** Bytes that it takes up. */
  size(): number

  close(): void
}
