import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Clock, type Logger, messageOf } from '@canopus/base'
import { MvccStore } from '../mvcc/mvcc-store.ts'
import { type Store, StoreUnavailableError } from '../store.ts'
import { systemDisk } from './disk.ts'
import { EmbeddedLog } from './embedded-log.ts'
import { SqliteFile, sqliteCode } from './sqlite-file.ts'

export interface EmbeddedStoreOptions {
  /** Made where it is missing. Holds `store.db`, SQLite's files beside it, and the journal. */
  directory: string
  clock: Clock
  logger: Logger
}

const fileName = 'store.db'
/**
 * A file with a greater number was made by a newer Canopus; one with 1 had no journal beside it, and would be opened without it by those
 * that know only 1.
 */
const formatVersion = 2
/** Milliseconds: longer than the writes of many clients are apart, shorter than one client takes from an answer to its next write. */
const LONE_AFTER = 1
/** Marks the file as ours ("cano"). */
const applicationId = 0x63616e6f

/**
 * Opens the store in a directory: a journal that is synchronised before a write is acknowledged, so that it outlives the process and the
 * power, and SQLite, which has everything a moment later. Only one process at a time can have it open. Throws `StoreUnavailableError`.
 */
export async function openEmbeddedStore(options: EmbeddedStoreOptions): Promise<Store> {
  const { directory, clock, logger } = options
  const log = await openLog(directory, clock)
  try {
    const store = new MvccStore({
      log,
      clock,
      defer: setImmediate,
      wakeLater: setImmediate,
      loneAfter: LONE_AFTER,
      commitLimit: 1000,
    })
    logger.debug('store opened', { directory, revision: await store.revision() })
    return store
  } catch (error) {
    await log.close()
    throw explainOpen(error, directory)
  }
}

async function openLog(directory: string, clock: Clock): Promise<EmbeddedLog> {
  const database = openDatabase(directory)
  try {
    return await EmbeddedLog.open({ directory, file: new SqliteFile(database), disk: systemDisk, clock })
  } catch (error) {
    if (database.isOpen) database.close()
    throw explainOpen(error, directory)
  }
}

/** Opens the file, makes its tables where it is new, and takes its lock. Throws `StoreUnavailableError`. */
export function openDatabase(directory: string): DatabaseSync {
  const file = join(directory, fileName)
  let database: DatabaseSync | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    database = new DatabaseSync(file, { timeout: 0 })
    prepare(database, file)
    return database
  } catch (error) {
    database?.close()
    throw explainOpen(error, directory)
  }
}

function prepare(database: DatabaseSync, file: string): void {
  // Pages of 4 KB: a pod's bytes lie on a page of their own, and loading the index reads only the eighth part of the file.
  // Checkpoints every 4 MB hold everybody up for 7 ms; every 16 MB it would be 25 ms, and no faster on the whole.
  // Exclusive: the lock is taken with the first read and kept, so a second process is told at once.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16384;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 67108864;
    BEGIN EXCLUSIVE;
  `)
  const id = pragma(database, 'application_id')
  const version = pragma(database, 'user_version')
  if (id === 0 && version === 0) {
    database.exec(`
      CREATE TABLE writes (
        revision INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        deleted INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        value BLOB
      );
      CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${formatVersion};
    `)
  } else if (id !== applicationId) {
    throw new StoreUnavailableError(`${file} is not a Canopus store: choose another data directory`)
  } else if (version > formatVersion) {
    throw new StoreUnavailableError(
      `${file} has the format ${version}, made by a newer Canopus, and this one knows up to ${formatVersion}: run the newer version, or choose another data directory`,
    )
  } else if (version < formatVersion) {
    database.exec(`PRAGMA user_version = ${formatVersion}`)
  }
  database.exec('COMMIT')
}

function pragma(database: DatabaseSync, name: string): number {
  return database.prepare(`PRAGMA ${name}`).get()?.[name] as number
}

function explainOpen(error: unknown, directory: string): Error {
  if (error instanceof StoreUnavailableError) return error
  const cause = { cause: error }
  switch (sqliteCode(error)) {
    case 5: // SQLITE_BUSY
      return new StoreUnavailableError(
        `the data directory ${directory} is in use by another process: stop that Canopus first, or choose another data directory`,
        cause,
      )
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return new StoreUnavailableError(
        `${join(directory, fileName)} is damaged or no database: restore it from a backup, or choose another data directory`,
        cause,
      )
    case 13: // SQLITE_FULL
      return new StoreUnavailableError(`the disk that holds ${directory} is full: free some space there`, cause)
  }
  const reason = messageOf(error)
  return new StoreUnavailableError(`cannot open the store in ${directory} (${reason})`, cause)
}
