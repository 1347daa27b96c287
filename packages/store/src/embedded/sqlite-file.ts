import { closeSync, openSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { messageOf } from '@canopus/base'
import type { LogEntry, LogRecord } from '../mvcc/revision-log.ts'
import { type KeyValue, StoreUnavailableError } from '../store.ts'

/**
 * Values by revision in a SQLite file. The revision is the row id, so that writes only ever append to the table; the value
 * is the last column, so that reading all the others leaves the pages with the values alone.
 *
 * A transaction is in SQLite's write-ahead log when a method returns, and on the disk when that file (`walFile`) has been waited for. Before
 * SQLite overwrites anything, in a checkpoint or at the beginning of a new write-ahead log, it waits for the disk itself. So the file holds,
 * whenever the power fails, all transactions up to some moment, and those that were waited for are among them.
 */
export class SqliteFile {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #select: StatementSync
  readonly #selectMany: StatementSync
  readonly #delete: StatementSync
  readonly #setMeta: StatementSync
  /** The number under which SQLite's write-ahead log is open here. */
  readonly walFile: number

  /** `database` must be open, with its tables made, and keep its write-ahead log to itself. */
  constructor(database: DatabaseSync) {
    this.#database = database
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
    this.walFile = openSync(`${database.location()}-wal`, 'r+')
  }

  /** Calls `visit` for every write, oldest first. */
  entries(visit: (entry: LogEntry) => void): void {
    for (const row of this.#database
      .prepare('SELECT revision, key, deleted, expires_at FROM writes ORDER BY revision')
      .iterate())
      visit({
        revision: row.revision as number,
        key: row.key as string,
        deleted: row.deleted === 1,
        expiresAt: row.expires_at as number,
      })
  }

  /** The newest write or, where that has been forgotten, what the history was compacted to; 1 where nothing was written. */
  revision(): number {
    const newest = this.#database.prepare('SELECT max(revision) AS newest FROM writes').get()?.newest
    return Math.max((newest as number | null) ?? 1, this.compacted())
  }

  /** What the history was compacted to; 1 where it never was. */
  compacted(): number {
    const row = this.#database.prepare("SELECT value FROM meta WHERE name = 'compacted'").get()
    return (row?.value as number | undefined) ?? 1
  }

  /** Keeps all or none. Throws `StoreUnavailableError`, as all methods do that write. */
  insert(records: Iterable<LogRecord>): void {
    this.#transaction(() => {
      for (const { revision, key, value, expiresAt } of records)
        this.#insert.run(revision, key, value ? 0 : 1, expiresAt, value ?? null)
    })
  }

  setCompacted(revision: number): void {
    this.#transaction(() => this.#setMeta.run('compacted', revision))
  }

  delete(revisions: readonly number[]): void {
    this.#transaction(() => this.#delete.run(JSON.stringify(revisions)))
  }

  /** Throws where there is none. */
  read(revision: number): KeyValue {
    const row = this.#select.get(revision)
    if (!row) throw new Error(`the store has lost revision ${revision}`)
    return { key: row.key as string, value: row.value as Uint8Array, revision }
  }

  /** In the order asked for. Throws where one is missing. */
  readMany(revisions: readonly number[]): KeyValue[] {
    const rows = this.#selectMany.all(JSON.stringify(revisions)) as unknown as [number, string, Uint8Array][]
    if (rows.length !== revisions.length)
      throw new Error(`the store has lost ${revisions.length - rows.length} revisions`)
    return rows.map(([revision, key, value]) => ({ revision, key, value }))
  }

  /** Bytes. */
  size(): number {
    const figure = (name: string): number => this.#database.prepare(`PRAGMA ${name}`).get()?.[name] as number
    return figure('page_count') * figure('page_size')
  }

  close(): void {
    this.#database.close()
    closeSync(this.walFile)
  }

  #transaction(work: () => void): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw sqliteCode(error) === 13 ? diskFull(error) : diskFailed(error)
    }
  }
}

/** Nothing is lost but what was just refused. */
export const diskFull = (cause: unknown): StoreUnavailableError =>
  new StoreUnavailableError('the disk that holds the data directory is full: free some space there and writes go on', {
    cause,
  })

/** After a failed write or sync the kernel may have dropped the pages: only what is read afresh can be trusted. */
export const diskFailed = (cause: unknown): StoreUnavailableError =>
  new StoreUnavailableError(
    `the store could not write its file (${messageOf(cause)}): see to the disk, then start the API server again`,
    { cause, ambiguous: true },
  )

/** SQLite's primary result code of an error that node:sqlite threw; 0 where it is none. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : 0
}
