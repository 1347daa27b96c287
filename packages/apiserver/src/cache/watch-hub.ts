/**
 * Everybody who watches one kind. Watchers that want the same thing in the same form are one group: an event is matched and
 * encoded once per group, the frames of a moment are joined into one buffer, and every stream of the group is handed that
 * same buffer in one write (the cost of a watch event is the write, not its bytes).
 */
import { StatusError } from '@canopus/apimachinery'
import { exponentialBuckets, Histogram } from '@canopus/base'
import { bytesOfPiece, type Piece } from '@canopus/client'
import type { StreamSink } from '../http/message.ts'
import type { Change, EventEncoder } from './change.ts'
import { Deliveries } from './deliveries.ts'
import { joined } from './frame.ts'
import { release } from './joined-frames.ts'
import type { ObjectVersion } from './object-version.ts'

/** Bounds of `apiserver_watch_events_sizes`, in bytes. */
const EVENT_SIZES = exponentialBuckets(1024, 2, 8)

/** Which objects a watcher wants to see. */
export interface WatchFilter {
  /** Names the filter: equal ids mean equal filters. */
  readonly id: string
  /** Only this namespace. */
  readonly namespace?: string
  /** Absent where everything in the namespace matches. */
  readonly matches?: (version: ObjectVersion) => boolean
  /** A field and the one value that it must have: lets the hub skip whoever cannot be concerned (kubelets by node name). */
  readonly exact?: { field: string; value: string; of(version: ObjectVersion): string }
}

/** A reader that is behind may have so many bytes waiting before it is cut off; it then lists and watches again. */
const MAX_WAITING = 64 * 1024 * 1024

/** One open watch. */
export class WatchStream {
  readonly sink: StreamSink
  readonly group: WatchGroup
  readonly bookmarks: boolean
  /** What comes before the live events and was not sent yet. */
  #first: Iterator<Uint8Array> | undefined
  #waiting: Piece[] = []
  #waitingBytes = 0
  #blocked = false
  #held = false
  #started = false

  constructor(sink: StreamSink, group: WatchGroup, bookmarks: boolean) {
    this.sink = sink
    this.group = group
    this.bookmarks = bookmarks
    sink.onDrain(() => {
      this.#blocked = false
      this.pump()
    })
  }

  /** Keeps everything back until `begin`: what comes first is not there yet. */
  hold(): void {
    this.#held = true
  }

  /** Sends these pieces first, made one by one as the reader takes them: the state may be bigger than memory allows twice. */
  begin(pieces: Iterable<Uint8Array>): void {
    this.#held = false
    this.#first = pieces[Symbol.iterator]()
    this.pump()
  }

  send(piece: Piece): void {
    if (this.sink.closed) return
    if (!this.#blocked && !this.#held && this.#first === undefined) {
      this.write(piece)
      return
    }
    this.#waiting.push(piece)
    this.#waitingBytes += piece.byteLength
    if (this.#waitingBytes > MAX_WAITING) this.sink.end()
  }

  private pump(): void {
    while (!this.#blocked && !this.#held && !this.sink.closed) {
      const first = this.#first?.next()
      if (first !== undefined && first.done !== true) {
        const piece = first.value
        this.write(piece, () => release(piece))
        continue
      }
      this.#first = undefined
      const next = this.next()
      if (next === undefined) return
      this.write(next)
    }
  }

  private write(piece: Piece, sent?: () => void): void {
    const { encoder } = this.group
    const isFirst = !this.#started && encoder.startOfStream !== undefined
    this.#started = true
    const { sink } = this
    if (!isFirst && sink.writeLazily !== undefined) this.#blocked = !sink.writeLazily(piece)
    else {
      const bytes = bytesOfPiece(piece)
      this.#blocked = !sink.write(isFirst ? encoder.startOfStream!(bytes) : bytes, sent)
    }
  }

  private next(): Piece | undefined {
    if (this.#waiting.length === 0) return undefined
    const piece = joined(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    return piece
  }
}

/** Makes of a change what the watchers of a group are to see of it; a promise where somebody else has to be asked. */
export type ChangeConversion = (change: Change) => Change | Promise<Change>

export class WatchGroup {
  readonly filter: WatchFilter
  readonly encoder: EventEncoder
  readonly streams = new Set<WatchStream>()
  /** Events handed to streams, those of one event to several streams counted for each. */
  sent = 0
  readonly #convert: ChangeConversion | undefined
  #sideBySide: ReadonlySet<WatchStream> | undefined
  #pending: Piece[] = []
  /** What is being converted, in the order of the changes. */
  #converting: Promise<void> | undefined

  constructor(filter: WatchFilter, encoder: EventEncoder, convert?: ChangeConversion) {
    this.filter = filter
    this.encoder = encoder
    this.#convert = convert
  }

  /** Takes a change in; true where something is to be sent now and was not before. */
  offer(change: Change): boolean {
    if (this.filter.namespace !== undefined && change.current.namespace !== this.filter.namespace) return false
    if (this.#convert !== undefined) {
      this.offerConverted(this.#convert(change))
      return false
    }
    const frame = change.frameFor(this.filter.matches, this.encoder)
    if (frame === undefined) return false
    return this.#pending.push(frame) === 1
  }

  /** Calls `work` once everything that is being converted has been sent: at once where that is nothing. */
  afterConversion(work: () => void): void {
    if (this.#converting === undefined) work()
    else this.queue(this.#converting.then(work))
  }

  private offerConverted(converted: Change | Promise<Change>): void {
    if (converted instanceof Promise) {
      const before = this.#converting ?? Promise.resolve()
      // Heard of below, in its turn.
      converted.catch(() => {})
      this.queue(before.then(() => converted).then(change => this.sendConverted(change)))
    } else this.afterConversion(() => this.sendConverted(converted))
  }

  private queue(work: Promise<void>): void {
    const own = work
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        if (this.#converting === own) this.#converting = undefined
      })
    this.#converting = own
  }

  private sendConverted(change: Change): void {
    const frame = change.frameFor(this.filter.matches, this.encoder)
    if (frame !== undefined) for (const stream of this.streams) stream.send(frame)
    change.forgetFrames()
  }

  /** An object that cannot be shown ends the watch, as it would fail a list. */
  private fail(error: unknown): void {
    for (const stream of [...this.streams]) {
      if (error instanceof StatusError) stream.send(this.encoder.encodeError(error.status))
      stream.sink.end()
    }
  }

  /** Sends what is pending, and notes in `sizes` how large it was. */
  flush(deliveries: Deliveries, sizes: Histogram): void {
    if (this.#pending.length === 0) return
    for (const frame of this.#pending) sizes.observe(frame.byteLength, this.streams.size)
    const piece = joined(this.#pending)
    this.sent += this.#pending.length * this.streams.size
    this.#pending = []
    this.#sideBySide ??= byConnection(this.streams)
    deliveries.add(piece, this.#sideBySide)
  }

  add(stream: WatchStream): void {
    this.streams.add(stream)
    this.#sideBySide = undefined
  }

  remove(stream: WatchStream): void {
    if (!this.streams.delete(stream)) return
    this.#sideBySide = undefined
  }
}

/** Streams of one connection side by side: what they are sent in the same moment leaves in one TLS record. */
function byConnection(streams: ReadonlySet<WatchStream>): ReadonlySet<WatchStream> {
  return new Set([...Map.groupBy(streams, stream => stream.sink.connection ?? stream).values()].flat())
}

export class WatchHub {
  readonly #groups = new Map<string, WatchGroup>()
  /** Groups without an exact field, and those with one by `field value`. */
  readonly #general = new Set<WatchGroup>()
  readonly #exact = new Map<string, Set<WatchGroup>>()
  /** How many groups use an exact field, with the way to read it. */
  readonly #fields = new Map<string, { groups: number; of(version: ObjectVersion): string }>()
  #dirty: WatchGroup[] = []
  #converting = 0
  #inProcess = 0
  readonly #deliveries = new Deliveries(() => this.flush())
  readonly #expected = new Set<StreamSink>()

  /** Events sent by watches that have ended. */
  #sentBefore = 0

  /** How large events were. */
  readonly sizes = new Histogram(EVENT_SIZES)
  #initial = 0

  /** Notes an event that a watch began with. */
  sentFirst(bytes: number): void {
    this.#initial++
    this.sizes.observe(bytes)
  }

  /** Events that watches were sent since the start. */
  get eventsSent(): number {
    let count = this.#sentBefore + this.#initial
    for (const { sent } of this.#groups.values()) count += sent
    return count
  }

  /** Watches that a change in this namespace concerns whatever it is; those of one name or node are not counted. */
  interested(namespace: string): number {
    let count = 0
    for (const { filter, streams } of this.#general) {
      if (filter.namespace === undefined || filter.namespace === namespace) count += streams.size
    }
    return count
  }

  /** Whether anybody in this process reads along: then objects are asked for, not only their bytes. */
  get readInProcess(): boolean {
    return this.#inProcess > 0
  }

  get streamCount(): number {
    let count = 0
    for (const group of this.#groups.values()) count += group.streams.size
    return count
  }

  /** The group of a filter and form, made if need be. What it has pending is sent, so that a newcomer starts even. */
  group(filter: WatchFilter, encoder: EventEncoder): WatchGroup {
    const id = `${encoder.id}\n${filter.id}`
    let group = this.#groups.get(id)
    if (group === undefined) {
      group = new WatchGroup(filter, encoder)
      this.#groups.set(id, group)
      this.index(group)
    } else group.flush(this.#deliveries, this.sizes)
    return group
  }

  /** A group for one watcher whose events have to be converted first, which therefore go out one by one. */
  convertingGroup(filter: WatchFilter, encoder: EventEncoder, convert: ChangeConversion): WatchGroup {
    const own = { ...filter, id: `${filter.id}\nconverted ${++this.#converting}` }
    const group = new WatchGroup(own, encoder, convert)
    this.#groups.set(`${encoder.id}\n${own.id}`, group)
    this.index(group)
    return group
  }

  /** Notes a watch that takes no part yet, so that it ends with the others. */
  expect(sink: StreamSink): void {
    this.#expected.add(sink)
    sink.onClose(() => this.#expected.delete(sink))
  }

  /** The watch that was noted takes part, or is no more. */
  expectNoMore(sink: StreamSink): void {
    this.#expected.delete(sink)
  }

  /** Lets a stream take part from the next change on. It leaves by itself when it is closed. */
  join(stream: WatchStream): void {
    stream.group.add(stream)
    if (stream.sink.writeLazily !== undefined) this.#inProcess++
    stream.sink.onClose(() => this.leave(stream))
  }

  private leave(stream: WatchStream): void {
    const { group } = stream
    group.remove(stream)
    if (stream.sink.writeLazily !== undefined) this.#inProcess--
    if (group.streams.size > 0) return
    this.#sentBefore += group.sent
    this.#groups.delete(`${group.encoder.id}\n${group.filter.id}`)
    this.unindex(group)
  }

  /** Takes a change in for everybody whom it concerns; sent by `flush`. Throws nothing. */
  offer(change: Change): void {
    for (const group of this.#general) this.offerTo(group, change)
    for (const [field, { of }] of this.#fields) {
      const now = readable(of, change.current)
      const before = change.previous === undefined ? now : readable(of, change.previous)
      this.offerExact(`${field} ${now}`, change)
      if (before !== now) this.offerExact(`${field} ${before}`, change)
    }
  }

  private offerExact(id: string, change: Change): void {
    for (const group of this.#exact.get(id) ?? []) this.offerTo(group, change)
  }

  /** An object that somebody's filter or form chokes on ends the watches of that group, not everybody's. */
  private offerTo(group: WatchGroup, change: Change): void {
    try {
      if (group.offer(change)) this.#dirty.push(group)
    } catch {
      for (const stream of [...group.streams]) stream.sink.end()
    }
  }

  /** Sends what the changes of this moment came to; once the last ones have gone out, so that a busy hub joins more of them. */
  flush(): void {
    if (this.#deliveries.busy) return
    const dirty = this.#dirty
    this.#dirty = []
    for (const group of dirty) group.flush(this.#deliveries, this.sizes)
  }

  /** The same, and waits for nothing: afterwards every stream has everything. */
  settle(): void {
    this.#deliveries.finish()
    this.flush()
    this.#deliveries.finish()
  }

  bookmark(revision: number): void {
    this.settle()
    for (const group of this.#groups.values()) {
      let frame: Uint8Array | undefined
      for (const stream of group.streams) {
        if (!stream.bookmarks) continue
        frame ??= group.encoder.encodeBookmark(revision, false)
        const bytes = frame
        group.afterConversion(() => stream.send(bytes))
      }
    }
  }

  /** Ends every watch, after an error event where a status is given. */
  endAll(status?: unknown): void {
    this.settle()
    for (const sink of [...this.#expected]) sink.end()
    for (const group of [...this.#groups.values()]) {
      for (const stream of [...group.streams]) {
        if (status !== undefined) stream.send(group.encoder.encodeError(status))
        stream.sink.end()
      }
    }
  }

  private index(group: WatchGroup): void {
    const { exact } = group.filter
    if (exact === undefined) {
      this.#general.add(group)
      return
    }
    const id = `${exact.field} ${exact.value}`
    const peers = this.#exact.get(id) ?? new Set()
    this.#exact.set(id, peers.add(group))
    const known = this.#fields.get(exact.field)
    this.#fields.set(exact.field, { groups: (known?.groups ?? 0) + 1, of: exact.of })
  }

  private unindex(group: WatchGroup): void {
    const { exact } = group.filter
    if (exact === undefined) {
      this.#general.delete(group)
      return
    }
    const id = `${exact.field} ${exact.value}`
    const peers = this.#exact.get(id)
    if (!peers?.delete(group)) return
    if (peers.size === 0) this.#exact.delete(id)
    const known = this.#fields.get(exact.field)!
    known.groups--
    if (known.groups === 0) this.#fields.delete(exact.field)
  }
}

function readable(of: (version: ObjectVersion) => string, version: ObjectVersion): string {
  try {
    return of(version)
  } catch {
    return ''
  }
}
