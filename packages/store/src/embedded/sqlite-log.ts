import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { LruCache, messageOf } from '@canopus/base'
import type { LogEntry, LogRecord, RevisionLog } from '../mvcc/revision-log.ts'
import { type KeyValue, StoreUnavailableError } from '../store.ts'
import type { DiskWait } from './disk-wait.ts'

/** Bytes of values written or read lately that are kept in memory. */
const cacheBytes = 16 * 1024 * 1024
/** Room in the write-ahead log for some twenty transactions of one object each. */
const ROOM = new Uint8Array(256 * 1024)

/**
 * Values by revision in a SQLite file. The revision is the row id, so that writes only ever append to the table; the value
 * is the last column, so that reading all the others leaves the pages with the values alone.
 *
 * SQLite writes a transaction to its write-ahead log and does not wait for the disk (docs/adr/0022); a `DiskWait`
 * does, mostly on a thread of Node's pool, while the event loop goes on. Before SQLite overwrites anything, in a checkpoint or at the beginning of a new
 * write-ahead log, it waits for the disk itself. So the file holds, whenever the power fails, all transactions up to some
 * moment, and those whose `append` was answered are among them.
 */
export class SqliteLog implements RevisionLog {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #select: StatementSync
  readonly #selectMany: StatementSync
  readonly #delete: StatementSync
  readonly #setMeta: StatementSync
  readonly #recent = new LruCache<number, KeyValue>({ capacity: cacheBytes, weigh: kv => kv.value.length + 200 })
  readonly #walFile: number
  /** So far the file goes, frames or zeros. */
  #walSize = 0
  readonly #wait: DiskWait
  readonly #syncing = new Set<Promise<void>>()
  #broken: StoreUnavailableError | undefined

  /** `database` must be open, with its tables made, and keep its write-ahead log to itself. */
  constructor(database: DatabaseSync, wait: DiskWait) {
    this.#database = database
    this.#wait = wait
    this.#insert = database.prepare(
      'INSERT INTO writes (revision, key, deleted, expires_at, value) VALUES (?, ?, ?, ?, ?)',
    )
    this.#select = database.prepare('SELECT key, value FROM writes WHERE revision = ?')
    this.#selectMany = database.prepare(
      'SELECT w.revision, w.key, w.value FROM json_each(?) AS wanted CROSS JOIN writes AS w ON w.revision = wanted.value',
    )
    this.#selectMany.setReturnArrays(true)
    this.#delete = database.prepare('DELETE FROM writes WHERE revision IN (SELECT value FROM json_each(?))')
    this.#setMeta = database.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)')
    database.exec('PRAGMA synchronous = NORMAL')
    // SQLite keeps this file as long as the database is open. The locks lie on the other one: closing this loses none.
    this.#walFile = openSync(`${database.location()}-wal`, 'r+')
  }

  load(visit: (entry: LogEntry) => void): { revision: number; compacted: number } {
    const meta = new Map<string, number>()
    for (const row of this.#database.prepare('SELECT name, value FROM meta').all())
      meta.set(row.name as string, Number(row.value))
    const compacted = meta.get('compacted') ?? 1
    let revision = Math.max(1, compacted)
    for (const row of this.#database
      .prepare('SELECT revision, key, deleted, expires_at FROM writes ORDER BY revision')
      .iterate()) {
      revision = Math.max(revision, row.revision as number)
      visit({
        revision: row.revision as number,
        key: row.key as string,
        deleted: row.deleted === 1,
        expiresAt: row.expires_at as number,
      })
    }
    return { revision, compacted }
  }

  append(records: readonly LogRecord[]): Promise<void> | undefined {
    this.#transaction(() => {
      for (const { revision, key, value, expiresAt } of records)
        this.#insert.run(revision, key, value ? 0 : 1, expiresAt, value ?? null)
    })
    for (const { key, value, revision } of records) if (value) this.#recent.set(revision, { key, value, revision })
    this.#layOut()
    return this.#synced(records.length)
  }

  read(revision: number): KeyValue {
    const recent = this.#recent.get(revision)
    if (recent) return recent
    const row = this.#select.get(revision)
    if (!row) throw new Error(`the store has lost revision ${revision}`)
    const found = { key: row.key as string, value: row.value as Uint8Array, revision }
    this.#recent.set(revision, found)
    return found
  }

  readMany(revisions: readonly number[]): KeyValue[] {
    const found: (KeyValue | undefined)[] = revisions.map(revision => this.#recent.peek(revision))
    const missing = revisions.filter((_, at) => found[at] === undefined)
    if (missing.length === 0) return found as KeyValue[]
    const rows = this.#selectMany.all(JSON.stringify(missing)) as unknown as [number, string, Uint8Array][]
    if (rows.length !== missing.length) throw new Error(`the store has lost ${missing.length - rows.length} revisions`)
    let row = 0
    return found.map(kv => {
      if (kv) return kv
      const [revision, key, value] = rows[row++]!
      return { key, value, revision }
    })
  }

  setCompacted(revision: number): Promise<void> | undefined {
    this.#transaction(() => this.#setMeta.run('compacted', revision))
    return this.#synced(1)
  }

  forget(revisions: readonly number[]): void {
    this.#transaction(() => this.#delete.run(JSON.stringify(revisions)))
    for (const revision of revisions) this.#recent.delete(revision)
  }

  size(): number {
    const figure = (name: string): number => this.#database.prepare(`PRAGMA ${name}`).get()?.[name] as number
    return figure('page_count') * figure('page_size')
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#syncing)
    this.#recent.clear()
    this.#database.close()
    closeSync(this.#walFile)
  }

  /**
   * Where the write-ahead log has grown, gives it room for the next transactions too, in zeros, which are no frames to SQLite.
   * A file that grows with every transaction makes each wait for the disk a third longer: it writes the file's size as well.
   */
  #layOut(): void {
    const { size } = fstatSync(this.#walFile)
    if (size <= this.#walSize) return
    this.#walSize = size
    try {
      this.#walSize += writeSync(this.#walFile, ROOM, 0, ROOM.length, size)
    } catch {
      // The disk is full: what SQLite needs it says itself.
      ftruncateSync(this.#walFile, size)
    }
  }

  /** Waits until all that SQLite has written, `records` records of it just now, is on the disk. */
  #synced(records: number): Promise<void> | undefined {
    let waiting: Promise<void> | undefined
    try {
      waiting = this.#wait.after(records, this.#walFile)
    } catch (error) {
      throw this.#break(error)
    }
    if (waiting === undefined) return undefined
    const synced = waiting
      .catch(error => {
        throw this.#break(error)
      })
      .finally(() => this.#syncing.delete(synced))
    this.#syncing.add(synced)
    return synced
  }

  #transaction(work: () => void): void {
    if (this.#broken) throw this.#broken
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): StoreUnavailableError {
    const code = sqliteCode(error)
    if (code === 13)
      return new StoreUnavailableError(
        'the disk that holds the data directory is full: free some space there and writes go on',
        { cause: error },
      )
    return this.#break(error)
  }

  #break(error: unknown): StoreUnavailableError {
    // After a failed write or sync the kernel may have dropped the pages: only what is read afresh can be trusted.
    this.#broken ??= new StoreUnavailableError(
      `the store could not write its file (${messageOf(error)}): see to the disk, then start the API server again`,
      { cause: error, ambiguous: true },
    )
    return this.#broken
  }
}

/** SQLite's primary result code of an error that node:sqlite threw; 0 where it is none. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : 0
}
