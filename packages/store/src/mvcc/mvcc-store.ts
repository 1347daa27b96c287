import { type Clock, Deque } from '@canopus/base'
import {
  CompactedError,
  FutureRevisionError,
  KeyExistsError,
  type KeyValue,
  type ListOptions,
  type ListResult,
  RevisionMismatchError,
  type Store,
  StoreClosedError,
  type StoreEvent,
  type ValueAt,
  type WatchBatch,
  type WriteOptions,
} from '../store.ts'
import { Expiry } from './expiry.ts'
import { KeyIndex, type Version } from './key-index.ts'
import type { LogRecord, RevisionLog } from './revision-log.ts'
import { type PastWrite, WatchHub } from './watch-hub.ts'

export interface MvccStoreOptions {
  log: RevisionLog
  clock: Clock
  /** Runs the callback soon, when this moment's writes have come in. */
  defer: (callback: () => void) => void
  /** As `defer`, for watchers that hear of a commit: those who wrote then go first. Without it they go on at once. */
  wakeLater?: (callback: () => void) => void
  /**
   * Milliseconds after a commit of one write in which others are waited for as `defer` says; a write that comes later is committed as soon
   * as it is decided. Without it all wait.
   */
  loneAfter?: number
  /** At most so many writes go into one commit. */
  commitLimit: number
  /** With more revisions than twice this, the older ones are compacted without being asked. */
  historyLimit?: number
}

/** A write that is decided and waits to become durable. */
interface DecidedWrite {
  readonly record: LogRecord
  readonly version: Version
}

/** An answer that waits until everything it rests on is durable. */
interface Answer {
  /** Newest decided revision when the answer was found. */
  readonly restsOn: number
  settle(): void
  fail(reason: unknown): void
}

/** Keys looked at in one go while compacting. */
const sweepLimit = 2000

/**
 * Multi-version store over a `RevisionLog`: who owns the order of all writes.
 *
 * A write is *decided* at once, in the order of the calls, against the index that already holds the undecided future: it
 * gets its revision and its bytes, or its refusal. All writes of a moment are then made *durable* by one append to the log;
 * those that come while it is under way are decided on top of it and go into the next one. Only when a write is durable
 * readers and watchers see it, and only then its promise settles. Worked example, durable revision 10, `a` was written at 7:
 *
 *     delete(a, 7)        decided: revision 11, the index has a: 7, -11
 *     create(a)           decided on top of 11, which nobody has seen yet: revision 12
 *     update(a, x, 7)     refused, since the newest a is 12; the refusal waits, for it shows the value of 12
 *     get(a)              answers 7: durable is 10
 *     --- one commit of 11 and 12; durable is 12; watchers get both in one batch; the three promises settle ---
 *
 * Were the commit to fail (disk full), 12 and then 11 are taken back from the index, all three promises reject with the
 * reason, and revision 11 is given out anew: nobody has seen it. So no answer ever rests on a write that is lost.
 */
export class MvccStore implements Store {
  readonly #log: RevisionLog
  readonly #defer: (callback: () => void) => void
  readonly #commitLimit: number
  readonly #historyLimit: number
  readonly #index = new KeyIndex()
  readonly #hub: WatchHub
  readonly #expiry: Expiry
  readonly #clock: Clock
  readonly #writes = new Deque<DecidedWrite>()
  readonly #answers = new Deque<Answer>()
  #durable: number
  #decided: number
  #compacted: number
  #commitPlanned = false
  readonly #loneAfter: number
  /** Writes of the last commit, and when it began. */
  #last = { count: 1, at: Number.NEGATIVE_INFINITY }
  /** The append that is under way. It settles when its writes are durable or taken back, and never rejects. */
  #appending: Promise<void> | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(options: MvccStoreOptions) {
    this.#log = options.log
    this.#defer = options.defer
    this.#commitLimit = options.commitLimit
    this.#loneAfter = options.loneAfter ?? Number.POSITIVE_INFINITY
    this.#historyLimit = options.historyLimit ?? Number.POSITIVE_INFINITY
    this.#clock = options.clock
    this.#expiry = new Expiry(options.clock, (key, revision) => this.#expire(key, revision))
    const { revision, compacted } = this.#load()
    this.#durable = revision
    this.#decided = revision
    this.#compacted = compacted
    this.#hub = new WatchHub(this.#history(), options.clock, options.wakeLater)
    if (compacted > 1) this.#sweep().catch(leaveForLater)
  }

  revision(): number {
    this.#check()
    this.#hub.progress()
    return this.#durable
  }

  async compactedRevision(): Promise<number> {
    return this.#compacted
  }

  async size(): Promise<number> {
    this.#check()
    return this.#log.size()
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#check()
    const version = this.#index.at(key, this.#durable)
    return version && this.#log.read(version.revision)
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#check()
    const revision = options.revision ?? this.#durable
    if (revision > this.#durable) throw new FutureRevisionError(revision, this.#durable)
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted)
    const limit = options.limit || Number.POSITIVE_INFINITY
    const found: number[] = []
    let remaining = 0
    this.#index.walk(prefix, options.startKey, revision, version => {
      if (found.length < limit) found.push(version.revision)
      else remaining++
      return true
    })
    return { items: this.#log.readMany(found), revision, remaining }
  }

  async count(prefix: string): Promise<number> {
    this.#check()
    let count = 0
    this.#index.walk(prefix, undefined, this.#durable, () => {
      count++
      return true
    })
    return count
  }

  create(key: string, value: ValueAt, options?: WriteOptions): Promise<KeyValue> {
    return this.#write((resolve, reject) => {
      const newest = this.#index.newest(key)
      if (newest && !newest.deleted) return this.#refuse(new KeyExistsError(key, this.#decidedValue(newest)), reject)
      this.#put(key, value, options, resolve, reject)
    })
  }

  update(key: string, value: ValueAt, expected: number, options?: WriteOptions): Promise<KeyValue> {
    return this.#write((resolve, reject) => {
      if (this.#holds(key, expected, reject)) this.#put(key, value, options, resolve, reject)
    })
  }

  delete(
    key: string,
    expected: number,
    options?: Pick<WriteOptions, 'decided'>,
  ): Promise<{ revision: number; previous: KeyValue }> {
    return this.#write((resolve, reject) => {
      const newest = this.#holds(key, expected, reject)
      if (!newest) return
      const previous = this.#decidedValue(newest)
      const revision = this.#decide({ revision: this.#decided + 1, key, value: undefined, expiresAt: 0 })
      this.#answer(
        { restsOn: revision, settle: () => resolve({ revision, previous }), fail: reject },
        this.#goesAlone(options),
      )
      options?.decided?.()
    })
  }

  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    this.#check()
    return this.#hub.watch(prefix, from, signal)
  }

  async compact(revision: number): Promise<void> {
    this.#check()
    if (revision > this.#durable) throw new FutureRevisionError(revision, this.#durable)
    if (revision <= this.#compacted) return this.#sweeping
    return this.#compactTo(revision)
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain()
    return this.#closing
  }

  /** Nobody new comes in meanwhile. */
  async #drain(): Promise<void> {
    while (this.#answers.length > 0) {
      this.#commit()
      if (this.#appending) await this.#appending
    }
    this.#expiry.close()
    this.#hub.close()
    await this.#sweeping.catch(leaveForLater)
    await this.#log.close()
  }

  get #closed(): boolean {
    return this.#closing !== undefined
  }

  #check(): void {
    if (this.#closed) throw new StoreClosedError()
  }

  #write<T>(decide: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void): Promise<T> {
    // An exception inside (from the caller's `value`) rejects the promise.
    return new Promise((resolve, reject) => {
      this.#check()
      decide(resolve, reject)
    })
  }

  /** The newest write of a key where it has the revision `expected`; otherwise refuses. */
  #holds(key: string, expected: number, reject: (reason: unknown) => void): Version | undefined {
    const newest = this.#index.newest(key)
    if (newest?.revision === expected && !newest.deleted) return newest
    const current = newest && !newest.deleted ? this.#decidedValue(newest) : undefined
    this.#refuse(new RevisionMismatchError(key, expected, current), reject)
    return undefined
  }

  #put(
    key: string,
    value: ValueAt,
    options: WriteOptions | undefined,
    resolve: (written: KeyValue) => void,
    reject: (reason: unknown) => void,
  ): void {
    const revision = this.#decided + 1
    const bytes = value(revision)
    const expiresAt = options?.ttlSeconds ? this.#clock.now() + options.ttlSeconds * 1000 : 0
    this.#decide({ revision, key, value: bytes, expiresAt })
    this.#answer(
      { restsOn: revision, settle: () => resolve({ key, value: bytes, revision }), fail: reject },
      this.#goesAlone(options),
    )
    options?.decided?.()
  }

  #decide(record: LogRecord): number {
    this.#decided = record.revision
    const version = this.#index.add(record.key, record.revision, record.value === undefined)
    this.#writes.push({ record, version })
    return record.revision
  }

  #refuse(error: unknown, reject: (reason: unknown) => void): void {
    if (this.#durable === this.#decided) reject(error)
    else this.#answer({ restsOn: this.#decided, settle: () => reject(error), fail: reject })
  }

  #answer(answer: Answer, atOnce = false): void {
    this.#answers.push(answer)
    this.#planCommit(atOnce)
  }

  /**
   * Whether writes come one by one, as far as can be told: then there is nobody to share a commit with. What is built upon when it is
   * `decided` shares it with that.
   */
  #goesAlone(options: Pick<WriteOptions, 'decided'> | undefined): boolean {
    const { count, at } = this.#last
    return options?.decided === undefined && count === 1 && this.#clock.monotonic() - at >= this.#loneAfter
  }

  #planCommit(atOnce: boolean): void {
    if (this.#commitPlanned) return
    this.#commitPlanned = true
    const commit = (): void => {
      this.#commitPlanned = false
      this.#commit()
    }
    if (atOnce) queueMicrotask(commit)
    else this.#defer(commit)
  }

  /** A value that is decided, durable or not. */
  #decidedValue(version: Version): KeyValue {
    const { revision } = version
    if (revision <= this.#durable) return this.#log.read(revision)
    const { record } = this.#writes.at(revision - this.#durable - 1)!
    return { key: record.key, value: record.value!, revision }
  }

  /** Begins to make the oldest decided writes durable. What is decided meanwhile waits for the next time. */
  #commit(): void {
    if (this.#appending || this.#answers.length === 0) return
    const records: LogRecord[] = []
    for (const { record } of this.#writes) {
      records.push(record)
      if (records.length === this.#commitLimit) break
    }
    this.#last = { count: records.length, at: this.#clock.monotonic() }
    let appending: Promise<void> | undefined
    try {
      appending = this.#log.append(records)
    } catch (error) {
      this.#takeBack(error)
      return
    }
    if (!appending) {
      this.#publish(records.length)
      return
    }
    this.#appending = appending.then(
      () => {
        this.#appending = undefined
        this.#publish(records.length)
      },
      reason => {
        this.#appending = undefined
        this.#takeBack(reason)
      },
    )
  }

  /** The `count` oldest decided writes are durable: everybody concerned hears of it, in one synchronous step. */
  #publish(count: number): void {
    const batch: DecidedWrite[] = []
    while (batch.length < count) batch.push(this.#writes.shift()!)
    const base = this.#durable
    this.#durable += count
    this.#hub.dispatch(this.#eventsOf(batch), base)
    for (const { record } of batch)
      if (record.expiresAt > 0) this.#expiry.add(record.key, record.revision, record.expiresAt)
    while (this.#answers.length > 0 && this.#answers.at(0)!.restsOn <= this.#durable) this.#answers.shift()!.settle()
    if (this.#answers.length > 0) this.#planCommit(false)
    if (this.#durable - this.#compacted > 2 * this.#historyLimit) this.#compactOld()
  }

  /** Nothing that is not durable has happened: neither what was under way nor what was decided on top of it. */
  #takeBack(reason: unknown): void {
    for (let write = this.#writes.pop(); write; write = this.#writes.pop()) this.#index.undo(write.record.key)
    this.#decided = this.#durable
    const answers = [...this.#answers]
    this.#answers.clear()
    for (const answer of answers) answer.fail(reason)
  }

  #eventsOf(batch: readonly DecidedWrite[]): StoreEvent[] {
    const events: StoreEvent[] = []
    for (const { record, version } of batch)
      if (this.#hub.matches(record.key)) events.push(this.#eventOf(record.key, version, record.value))
    return events
  }

  #eventOf(key: string, version: Version, value: Uint8Array | undefined): StoreEvent {
    const { revision, older } = version
    const previous = older && !older.deleted ? this.#log.read(older.revision) : undefined
    if (version.deleted) return { type: 'delete', key, value: previous!.value, revision, previous: previous! }
    const written = value ?? this.#log.read(revision).value
    return previous
      ? { type: 'put', key, value: written, revision, previous }
      : { type: 'put', key, value: written, revision }
  }

  #history() {
    const store = this
    return {
      get revision() {
        return store.#durable
      },
      get compacted() {
        return store.#compacted
      },
      revisionsAfter: (prefix: string, after: number) => store.#index.writesBetween(prefix, after, store.#durable),
      read: (writes: readonly PastWrite[]) =>
        writes.map(({ key, version }) => store.#eventOf(key, version as Version, undefined)),
    }
  }

  /** The clock says that the write at `revision` has outlived its time. */
  #expire(key: string, revision: number): void {
    if (this.#closed || this.#index.newest(key)?.revision !== revision) return
    this.delete(key, revision).catch(() => {
      // The disk refused. The key has its time behind it, so the next attempt comes as soon as that may have changed.
      if (!this.#closed) this.#expiry.add(key, revision, this.#clock.now() + 10_000)
    })
  }

  #compactOld(): void {
    this.#compactTo(this.#durable - this.#historyLimit).catch(leaveForLater)
  }

  /** Settles once the compaction is remembered durably and all that it made unreachable is forgotten. */
  async #compactTo(revision: number): Promise<void> {
    const remembered = this.#log.setCompacted(revision)
    this.#compacted = revision
    await Promise.all([remembered, this.#sweep()])
  }

  /** Forgets, piece by piece, what the compacted revision has made unreachable. */
  #sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.catch(leaveForLater).then(async () => {
      let key: string | undefined = ''
      while (key !== undefined && !this.#closed) {
        const { dropped, next }: { dropped: number[]; next: string | undefined } = this.#index.sweep(
          key,
          this.#compacted,
          sweepLimit,
        )
        if (dropped.length > 0) this.#log.forget(dropped)
        key = next
        if (key !== undefined) await new Promise<void>(resolve => this.#defer(resolve))
      }
    })
    return this.#sweeping
  }

  #load(): { revision: number; compacted: number } {
    const mortal: { key: string; revision: number; expiresAt: number }[] = []
    const state = this.#log.load(entry => {
      this.#index.add(entry.key, entry.revision, entry.deleted)
      if (entry.expiresAt > 0) mortal.push(entry)
    })
    for (const { key, revision, expiresAt } of mortal) {
      if (this.#index.newest(key)?.revision === revision) this.#expiry.add(key, revision, expiresAt)
    }
    return state
  }
}

/** A sweep that failed has only left rows behind that nobody can see; the next opening sweeps them up. */
function leaveForLater(): void {}
