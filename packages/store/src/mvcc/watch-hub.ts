import type { Clock, Timer } from '@canopus/base'
import { onAbort } from '@canopus/base'
import { CompactedError, type StoreEvent, type WatchBatch } from '../store.ts'

/** Watchers that do not read get no more than so many events queued; then they read on from the history. */
const queueLimit = 1000
/** How long a watcher that saw no events may stay behind with its revision, in milliseconds. */
const progressInterval = 100

/** What the hub needs to know of the past. */
export interface History {
  /** Writes up to here are durable. */
  readonly revision: number
  readonly compacted: number
  /** Revisions of all writes to `prefix` after `after`, oldest first. */
  revisionsAfter(prefix: string, after: number): PastWrite[]
  /** The events of such writes. */
  read(writes: readonly PastWrite[]): StoreEvent[]
}

export interface PastWrite {
  readonly key: string
  readonly version: { readonly revision: number }
}

interface Group {
  readonly prefix: string
  readonly watchers: Set<Watcher>
  /** Events of the batch that is being dispatched. */
  events: StoreEvent[]
}

/**
 * Hands writes to watchers. Watchers of one prefix form a group and share one batch; a write finds its groups by the beginning of its
 * key, at each length that some prefix has, so that its cost does not depend on how many watch elsewhere.
 *
 * A watcher is either live (batches are handed or queued to it) or behind (it reads the history until it has caught up). It
 * starts behind, and falls behind when its queue grows too long. Both turns are taken in one synchronous step, so that no
 * write is lost or seen twice between them.
 */
export class WatchHub {
  readonly #groups = new Map<string, Group>()
  /** The same by the length of the prefix. */
  readonly #lengths = new Map<number, Group[]>()
  readonly #history: History
  readonly #clock: Clock
  readonly #wakeLater: ((callback: () => void) => void) | undefined
  /** Watchers that have something new and are not awake yet. */
  #waking: (() => void)[] = []
  #progressTimer: Timer | undefined
  /** What all watchers were last told; those that came later know as much from the history. */
  #progressedTo = 0
  #closed = false

  /** With `wakeLater`, watchers that wait for a batch go on in its callback; what they are given is settled at once all the same. */
  constructor(history: History, clock: Clock, wakeLater?: (callback: () => void) => void) {
    this.#history = history
    this.#clock = clock
    this.#wakeLater = wakeLater
  }

  get watchers(): number {
    let count = 0
    for (const group of this.#groups.values()) count += group.watchers.size
    return count
  }

  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return {
      [Symbol.asyncIterator]: () => {
        const watcher = new Watcher(this.#history, prefix, from, {
          ended: () => this.#remove(prefix, watcher),
          wake: go => this.#wake(go),
        })
        if (this.#closed || signal.aborted) watcher.end()
        else {
          this.#add(prefix, watcher)
          watcher.release = onAbort(signal, () => watcher.end())
        }
        return watcher
      },
    }
  }

  /** True where somebody watches this key, so that its event has to be made. */
  matches(key: string): boolean {
    for (const [length, groups] of this.#lengths) if (this.#groupOf(key, length, groups) !== undefined) return true
    return false
  }

  /** Where there is no more than one group, as mostly, without a new text to look it up by. */
  #groupOf(key: string, length: number, groups: readonly Group[]): Group | undefined {
    if (groups.length > 1) return this.#groups.get(key.slice(0, length))
    return key.startsWith(groups[0]!.prefix) ? groups[0] : undefined
  }

  /** Hands events out; `base` is the revision that all live watchers stood at before. */
  dispatch(events: readonly StoreEvent[], base: number): void {
    if (this.#groups.size === 0) return
    const touched = new Set<Group>()
    for (const event of events) {
      for (const [length, groups] of this.#lengths) {
        const group = this.#groupOf(event.key, length, groups)
        if (!group) continue
        group.events.push(event)
        touched.add(group)
      }
    }
    const revision = this.#history.revision
    for (const group of touched) {
      const batch: WatchBatch = { events: group.events, revision }
      group.events = []
      for (const watcher of group.watchers) watcher.offer(batch, base)
    }
    if (touched.size < this.#groups.size) this.#promiseProgress()
  }

  /** Tells every watcher that has nothing else to read how far it has come. */
  progress(): void {
    this.#progressTimer?.cancel()
    this.#progressTimer = undefined
    const { revision } = this.#history
    if (revision === this.#progressedTo) return
    this.#progressedTo = revision
    const batch: WatchBatch = { events: [], revision }
    for (const group of this.#groups.values()) for (const watcher of group.watchers) watcher.offerProgress(batch)
  }

  close(): void {
    this.#closed = true
    this.#progressTimer?.cancel()
    for (const group of [...this.#groups.values()]) for (const watcher of [...group.watchers]) watcher.end()
  }

  #wake(go: () => void): void {
    if (this.#wakeLater === undefined) go()
    else if (this.#waking.push(go) === 1)
      this.#wakeLater(() => {
        const waking = this.#waking
        this.#waking = []
        for (const each of waking) each()
      })
  }

  #promiseProgress(): void {
    this.#progressTimer ??= this.#clock.setTimer(progressInterval, () => this.progress())
  }

  #add(prefix: string, watcher: Watcher): void {
    let group = this.#groups.get(prefix)
    if (!group) {
      group = { prefix, watchers: new Set(), events: [] }
      this.#groups.set(prefix, group)
      this.#lengths.set(prefix.length, [...(this.#lengths.get(prefix.length) ?? []), group])
    }
    group.watchers.add(watcher)
  }

  #remove(prefix: string, watcher: Watcher): void {
    const group = this.#groups.get(prefix)
    if (!group?.watchers.delete(watcher) || group.watchers.size > 0) return
    this.#groups.delete(prefix)
    const left = this.#lengths.get(prefix.length)!.filter(each => each !== group)
    if (left.length === 0) this.#lengths.delete(prefix.length)
    else this.#lengths.set(prefix.length, left)
  }
}

interface WatcherHooks {
  ended(): void
  /** Calls `go`, now or soon. */
  wake(go: () => void): void
}

type Waiting = PromiseWithResolvers<IteratorResult<WatchBatch, undefined>>

class Watcher implements AsyncIterator<WatchBatch, undefined> {
  /** Lets go of the abort signal. */
  release: () => void = () => {}
  readonly #history: History
  readonly #prefix: string
  readonly #hooks: WatcherHooks
  /** May lie in the future: then writes up to there are left out. */
  readonly #from: number
  #state: 'behind' | 'live' | 'ended' = 'behind'
  /** All writes up to here were handed out, or are queued. */
  #resume: number
  /** What is left of the history to read while behind. */
  #past: PastWrite[] = []
  #pastUpTo = 0
  #queue: WatchBatch[] = []
  #queuedEvents = 0
  /** The newest revision handed out. */
  #delivered: number
  #owesProgress = false
  #waiting: Waiting[] = []

  constructor(history: History, prefix: string, from: number, hooks: WatcherHooks) {
    this.#history = history
    this.#prefix = prefix
    this.#from = from
    this.#resume = from
    this.#delivered = from
    this.#hooks = hooks
  }

  next(): Promise<IteratorResult<WatchBatch, undefined>> {
    let batch: WatchBatch | undefined
    try {
      if (this.#state === 'behind') batch = this.#readHistory()
    } catch (error) {
      this.end()
      return Promise.reject(error)
    }
    batch ??= this.#takeQueued()
    if (batch) return Promise.resolve({ done: false, value: this.#handOut(batch) })
    if (this.#state === 'ended') return Promise.resolve({ done: true, value: undefined })
    const waiting: Waiting = Promise.withResolvers()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  return(): Promise<IteratorResult<WatchBatch, undefined>> {
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  offer(batch: WatchBatch, base: number): void {
    if (this.#state !== 'live' || batch.revision <= this.#from) return
    if (base < this.#from) batch = { ...batch, events: batch.events.filter(event => event.revision > this.#from) }
    const waiting = this.#waiting.shift()
    if (waiting) {
      const value = this.#handOut(batch)
      this.#hooks.wake(() => waiting.resolve({ done: false, value }))
      return
    }
    if (this.#queue.length === 0) this.#resume = base
    this.#queue.push(batch)
    this.#queuedEvents += batch.events.length
    if (this.#queuedEvents > queueLimit) {
      this.#state = 'behind'
      this.#dropQueue()
    }
  }

  offerProgress(batch: WatchBatch): void {
    if (this.#state !== 'live' || this.#delivered >= batch.revision) return
    const waiting = this.#queue.length === 0 ? this.#waiting.shift() : undefined
    if (waiting) waiting.resolve({ done: false, value: this.#handOut(batch) })
    else this.#owesProgress = true
  }

  end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#dropQueue()
    this.#past = []
    this.release()
    this.#hooks.ended()
    for (const waiting of this.#waiting) waiting.resolve({ done: true, value: undefined })
    this.#waiting = []
  }

  #handOut(batch: WatchBatch): WatchBatch {
    this.#delivered = Math.max(this.#delivered, batch.revision)
    return batch
  }

  /** The next piece of the past; nothing once the watcher is live. */
  #readHistory(): WatchBatch | undefined {
    const history = this.#history
    if (this.#resume < history.compacted) throw new CompactedError(this.#resume, history.compacted)
    if (this.#past.length === 0) {
      this.#past = history.revisionsAfter(this.#prefix, this.#resume)
      this.#pastUpTo = history.revision
    }
    const piece = this.#past.splice(0, queueLimit)
    this.#resume = this.#past.length > 0 ? piece.at(-1)!.version.revision : this.#pastUpTo
    if (this.#past.length === 0 && this.#pastUpTo >= history.revision) this.#state = 'live'
    if (piece.length > 0) return { events: history.read(piece), revision: this.#resume }
    if (this.#state === 'behind') return this.#readHistory()
    return this.#resume > this.#delivered ? { events: [], revision: this.#resume } : undefined
  }

  /** Everything queued as one batch; else the progress that is owed. */
  #takeQueued(): WatchBatch | undefined {
    const queue = this.#queue
    if (queue.length > 0) {
      this.#queue = []
      this.#queuedEvents = 0
      if (queue.length === 1) return queue[0]
      return { events: queue.flatMap(batch => batch.events), revision: queue.at(-1)!.revision }
    }
    if (!this.#owesProgress || this.#state !== 'live') return undefined
    this.#owesProgress = false
    const { revision } = this.#history
    return revision > this.#delivered ? { events: [], revision } : undefined
  }

  #dropQueue(): void {
    this.#queue = []
    this.#queuedEvents = 0
    this.#owesProgress = false
  }
}
