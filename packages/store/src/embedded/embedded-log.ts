import { type Clock, LruCache, type Timer } from '@canopus/base'
import type { LogEntry, LogRecord, RevisionLog } from '../mvcc/revision-log.ts'
import { type KeyValue, StoreUnavailableError } from '../store.ts'
import type { Disk } from './disk.ts'
import { DiskWait } from './disk-wait.ts'
import { Journal, journalFrames } from './journal.ts'
import { diskFailed, diskFull, type SqliteFile } from './sqlite-file.ts'

/** Bytes of values written or read lately that are kept in memory. */
const cacheBytes = 16 * 1024 * 1024
/** With so many bytes in the journal what it has goes to the database at the next moment. */
const ENOUGH_BYTES = 1024 * 1024
/**
 * With fewer it goes there when no lone write has come for so many milliseconds, which is looked at as often; at the latest when the oldest has waited
 * so long. A client that writes one object after the other does not wait for it in between.
 */
const QUIET = { milliseconds: 250, longest: 5000 }
/** With so many bytes no write is taken before that has happened. */
const MOST_BYTES = 4 * 1024 * 1024
/** More writes than this at once come from many clients, whose next requests can be read while all go to the database together. */
const FEW_RECORDS = 2

export interface EmbeddedLogOptions {
  /** Where the journal is. */
  directory: string
  file: SqliteFile
  disk: Disk
  clock: Clock
}

/**
 * The log of the embedded store (docs/adr/0022). Many writes at once go to the database, which is waited for. A lone one is written to the
 * journal, which is waited for, and goes to the database a moment later; until then it is in memory as well, where it is read. A journal begins
 * anew only when all that it held is on the disk in the database, so that one of the two always has a write that was answered.
 */
export class EmbeddedLog implements RevisionLog {
  readonly #journal: Journal
  readonly #file: SqliteFile
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #wait: DiskWait
  readonly #recent = new LruCache<number, KeyValue>({ capacity: cacheBytes, weigh: kv => kv.value.length + 200 })
  /** What is not in the database yet, oldest first. */
  readonly #pending = new Map<number, LogRecord>()
  #planned: { timer: Timer; delay: number } | undefined
  /** When the newest and the oldest of these came, on the monotonic clock. */
  #newest = 0
  #oldest = 0
  /** The database had no room the last time. */
  #refused = false
  /** Waits for the database, after which the other journal may begin anew. */
  #settling: Promise<void> | undefined
  readonly #syncing = new Set<Promise<void>>()
  #broken: StoreUnavailableError | undefined

  private constructor({ file, disk, clock }: EmbeddedLogOptions, journal: Journal) {
    this.#journal = journal
    this.#file = file
    this.#disk = disk
    this.#clock = clock
    this.#wait = new DiskWait(clock)
  }

  /**
   * Brings into the database what only the journal has, and begins the journal anew when that is on the disk. Closes `file` where that
   * fails. Throws `StoreUnavailableError`, or what the system says.
   */
  static async open(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    const { directory, file, disk } = options
    try {
      const missing = missingFrom(file.revision(), journalFrames(directory))
      if (missing.length > 0) file.insert(missing)
      await disk.later(file.walFile)
      return new EmbeddedLog(options, new Journal(directory, disk))
    } catch (error) {
      file.close()
      throw error
    }
  }

  load(visit: (entry: LogEntry) => void): { revision: number; compacted: number } {
    this.#file.entries(visit)
    return { revision: this.#file.revision(), compacted: this.#file.compacted() }
  }

  append(records: readonly LogRecord[]): Promise<void> | undefined {
    this.#check()
    const few = records.length <= FEW_RECORDS && Journal.takes(records)
    return few ? this.#appendFew(records) : this.#appendMany(records)
  }

  read(revision: number): KeyValue {
    const known = this.#recent.get(revision) ?? this.#inMemory(revision)
    if (known) return known
    const found = this.#file.read(revision)
    this.#recent.set(revision, found)
    return found
  }

  readMany(revisions: readonly number[]): KeyValue[] {
    const found = revisions.map(revision => this.#recent.peek(revision) ?? this.#inMemory(revision))
    const missing = revisions.filter((_, at) => found[at] === undefined)
    if (missing.length === 0) return found as KeyValue[]
    const read = this.#file.readMany(missing)
    let next = 0
    return found.map(kv => kv ?? read[next++]!)
  }

  setCompacted(revision: number): Promise<void> | undefined {
    this.#check()
    // What the history was compacted to tells how far the database goes where the writes themselves are forgotten.
    this.#bringPending()
    this.#write(() => this.#file.setCompacted(revision))
    return this.#synced(this.#disk.later(this.#file.walFile))
  }

  forget(revisions: readonly number[]): void {
    this.#check()
    if (revisions.some(revision => this.#pending.has(revision))) this.#bringPending()
    this.#write(() => this.#file.delete(revisions))
    for (const revision of revisions) this.#recent.delete(revision)
  }

  size(): number {
    return this.#file.size() + this.#journal.length
  }

  async close(): Promise<void> {
    this.#planned?.timer.cancel()
    await Promise.allSettled([...this.#syncing, this.#settling])
    const whole = await this.#hasAll()
    this.#recent.clear()
    this.#file.close()
    this.#journal.close(whole)
  }

  /** Whether the database has everything, on the disk. Where not, the next opening finds the rest in the journal. */
  async #hasAll(): Promise<boolean> {
    // What may have been lost is not to be brought there from memory.
    if (this.#broken) return false
    try {
      this.#file.insert(this.#pending.values())
      await this.#disk.later(this.#file.walFile)
      return true
    } catch {
      return false
    }
  }

  #inMemory(revision: number): KeyValue | undefined {
    const record = this.#pending.get(revision)
    return record?.value && { key: record.key, value: record.value, revision }
  }

  #appendMany(records: readonly LogRecord[]): Promise<void> {
    const synced = this.#bring(records)
    for (const record of records) this.#remember(record)
    return synced
  }

  #appendFew(records: readonly LogRecord[]): Promise<void> | undefined {
    if (this.#journal.length >= MOST_BYTES) this.#bringPending()
    const written = this.#writeToJournal(records)
    this.#newest = this.#clock.monotonic()
    if (this.#pending.size === 0) this.#oldest = this.#newest
    for (const record of records) {
      this.#remember(record)
      this.#pending.set(record.revision, record)
    }
    this.#plan()
    return written && this.#synced(written)
  }

  #writeToJournal(records: readonly LogRecord[]): Promise<void> | undefined {
    const disk = this.#disk
    try {
      return this.#journal.append(records, (file, bytes, position) =>
        this.#wait.write({
          ...(disk.writeNow && { now: () => disk.writeNow?.(file, bytes, position) }),
          later: () => disk.writeLater(file, bytes, position),
        }),
      )
    } catch (error) {
      throw (error as { code?: unknown }).code === 'ENOSPC' ? diskFull(error) : this.#break(diskFailed(error))
    }
  }

  #remember({ revision, key, value }: LogRecord): void {
    if (value) this.#recent.set(revision, { key, value, revision })
  }

  /** Sees to it that what only the journal has is in the database before long. */
  #plan(): void {
    const delay = this.#journal.length >= ENOUGH_BYTES && !this.#refused ? 0 : QUIET.milliseconds
    if (this.#planned && this.#planned.delay <= delay) return
    this.#planned?.timer.cancel()
    const timer = this.#clock.setTimer(delay, () => {
      this.#planned = undefined
      try {
        if (delay === 0 || this.#isTime()) this.#bringPending()
      } catch {
        // A full disk is tried again; writes are refused when the journal has too much. Whatever else breaks the store, for the next one who asks.
      }
      if (this.#pending.size > 0 && !this.#broken) this.#plan()
    })
    this.#planned = { timer, delay }
  }

  #isTime(): boolean {
    const now = this.#clock.monotonic()
    return now - this.#newest >= QUIET.milliseconds || now - this.#oldest >= QUIET.longest
  }

  /** What only the journal has is in the database when this returns, and on the disk there a moment later. Throws `StoreUnavailableError`. */
  #bringPending(): void {
    if (this.#pending.size > 0) this.#bring([]).catch(() => {})
  }

  /**
   * Brings into the database what only the journal has and `more`, and begins the other journal where that is free. The promise is of its
   * being on the disk. Throws, or rejects with, `StoreUnavailableError`.
   */
  #bring(more: readonly LogRecord[]): Promise<void> {
    this.#check()
    this.#write(() => this.#file.insert([...this.#pending.values(), ...more]))
    const synced = this.#synced(this.#disk.later(this.#file.walFile))
    if (this.#pending.size === 0) return synced
    this.#pending.clear()
    if (this.#settling) return synced
    this.#journal.turn()
    this.#settling = synced
      .catch(() => {})
      .finally(() => {
        this.#settling = undefined
      })
    return synced
  }

  /** What waits for the disk; where that fails, the store is broken. */
  #synced(waiting: Promise<void>): Promise<void> {
    const synced = waiting
      .catch(error => {
        throw this.#break(diskFailed(error))
      })
      .finally(() => this.#syncing.delete(synced))
    this.#syncing.add(synced)
    return synced
  }

  #write(work: () => void): void {
    try {
      work()
      this.#refused = false
    } catch (error) {
      this.#refused = error instanceof StoreUnavailableError && !error.ambiguous
      throw this.#refused ? error : this.#break(error as StoreUnavailableError)
    }
  }

  #check(): void {
    if (this.#broken) throw this.#broken
  }

  #break(error: StoreUnavailableError): StoreUnavailableError {
    this.#broken ??= error
    return this.#broken
  }
}

/** The frames' records that are newer than what the database has. Throws where some between the two are missing. */
function missingFrom(revision: number, frames: readonly (readonly LogRecord[])[]): LogRecord[] {
  const missing: LogRecord[] = []
  let newest = revision
  for (const record of frames.flat()) {
    if (record.revision <= newest) continue
    if (record.revision > newest + 1)
      throw new StoreUnavailableError(
        `the store's journal is damaged: it has lost revisions ${newest + 1} to ${record.revision - 1}; restore the data directory from a backup, or choose another one`,
      )
    missing.push(record)
    newest = record.revision
  }
  return missing
}
