/** GET with `watch=true`: what has happened since a revision, then what happens (KEP-3157 for `sendInitialEvents`). */
import { expiredError, internalError, StatusError } from '@canopus/apimachinery'
import { Histogram, randomInt } from '@canopus/base'
import { bytesOfPiece } from '@canopus/client'
import { freshEnough, inWatchSpan } from '../cache/cache-spans.ts'
import type { Change } from '../cache/change.ts'
import { joinedFrames } from '../cache/joined-frames.ts'
import type { KindCache } from '../cache/kind-cache.ts'
import type { ObjectVersion } from '../cache/object-version.ts'
import { WatchStream } from '../cache/watch-hub.ts'
import type { ObjectEncoder } from '../encoding/encoder.ts'
import { type ListQuery, parseResourceVersion } from '../filters/options.ts'
import type { ApiResponse, StreamSink } from '../http/message.ts'
import type { KindStore } from './kind-store.ts'
import type { RemoteConversion } from './remote-conversion.ts'
import type { Selection } from './selection.ts'

/** How long a watch lasts that does not say. */
const watchSeconds = ({ minRequestTimeout, random }: KindStore['context']): number =>
  minRequestTimeout === 0 ? Number.POSITIVE_INFINITY : minRequestTimeout + randomInt(random, minRequestTimeout)

export async function watchObjects(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
  encoder: ObjectEncoder,
  begun: () => void = () => {},
): Promise<ApiResponse> {
  const listed = query.sendInitialEvents === true ? listTimer(store, namespace, selected, begun) : begun
  if (store.cache.unreadable.size > 0) await store.reread(namespace, selected.name)
  const start = await inWatchSpan(store.kind.type, () => startOf(store, query))
  const seconds = query.timeoutSeconds || watchSeconds(store.context)
  return {
    status: 200,
    headers: { 'content-type': encoder.watchContentType },
    stream: sink => {
      if (start instanceof StatusError) {
        refuse(sink, encoder, start)
        begun()
        return
      }
      const facts = { namespace, selected, query, start, encoder, seconds, begun, listed }
      if (start.state || start.since <= store.context.cache.revision) openWatch(store, sink, facts)
      else awaitRevision(store, sink, facts, start.since)
    },
  }
}

/**
 * A watch from a revision that is still to come is told nothing until that has come, and then what happens after it: upstream's cacher
 * lets it take part and keeps from it what is older (cache_watcher.go).
 */
function awaitRevision(store: KindStore, sink: StreamSink, facts: WatchFacts, since: number): void {
  const { cache, clock } = store.context
  const { hub } = store.cache
  facts.begun()
  hub.expect(sink)
  const until = clock.monotonic() + facts.seconds * 1000
  const timer = clock.setTimer(facts.seconds * 1000, () => sink.end())
  const giveUp = cache.onceReached(since, () => {
    timer.cancel()
    hub.expectNoMore(sink)
    if (sink.closed) return
    openWatch(store, sink, { ...facts, seconds: Math.max(0, until - clock.monotonic()) / 1000, begun: () => {} })
  })
  sink.onClose(() => {
    timer.cancel()
    giveUp()
  })
}

function openWatch(store: KindStore, sink: StreamSink, facts: WatchFacts): void {
  const { namespace, selected, query, start, encoder, seconds, begun, listed } = facts
  if (store.remote !== undefined) {
    watchConverted(store, store.remote, sink, facts)
    return
  }
  const group = store.cache.hub.group(selected.filter, encoder)
  const stream = new WatchStream(sink, group, query.allowWatchBookmarks)
  const first = beginning(store, namespace, selected, query, start, encoder)
  if (first instanceof StatusError) {
    refuse(sink, encoder, first)
    begun()
    return
  }
  store.cache.hub.join(stream)
  sink.onClose(begun)
  stream.begin(followedBy(first, listed))
  endAfter(store, stream, seconds)
}

/** Bounds of `apiserver_watch_list_duration_seconds`. */
const LIST_SECONDS = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60]

/** Notes how long the list at the beginning of a watch took, when it has been sent. */
function listTimer(store: KindStore, namespace: string | undefined, { name }: Selection, then: () => void): () => void {
  const { clock } = store.context
  const from = clock.monotonic()
  const scope = name !== undefined ? 'resource' : namespace ? 'namespace' : 'cluster'
  return () => {
    let histogram = store.watchLists.get(scope)
    if (histogram === undefined) {
      histogram = new Histogram(LIST_SECONDS)
      store.watchLists.set(scope, histogram)
    }
    histogram.observe((clock.monotonic() - from) / 1000)
    then()
  }
}

/** Shorter watches end without a word: upstream says so many seconds before the end where a watch has got to. */
const PARTING = 2

function endAfter(
  { context: { clock, cache }, cache: { hub } }: KindStore,
  stream: WatchStream,
  seconds: number,
): void {
  const { group, sink } = stream
  const timer = clock.setTimer(seconds * 1000, () => {
    hub.settle()
    const { revision } = cache
    group.afterConversion(() => {
      if (stream.bookmarks && seconds > PARTING) stream.send(group.encoder.encodeBookmark(revision, false))
      sink.end()
    })
  })
  sink.onClose(() => timer.cancel())
}

interface WatchFacts {
  readonly namespace: string | undefined
  readonly selected: Selection
  readonly query: ListQuery
  readonly start: Start
  readonly encoder: ObjectEncoder
  readonly seconds: number
  /** Called once the beginning has been sent. */
  readonly begun: () => void
  /** The same, where the beginning has been sent indeed. */
  readonly listed: () => void
}

/**
 * The same where a webhook converts: the watch takes part at once and keeps back what happens until the beginning has been
 * converted, which may take a while.
 */
function watchConverted(store: KindStore, remote: RemoteConversion, sink: StreamSink, facts: WatchFacts): void {
  const { namespace, selected, query, start, encoder, seconds, begun, listed } = facts
  sink.onClose(begun)
  const { hub } = store.cache
  const group = hub.convertingGroup(selected.filter, encoder, change => remote.change(change))
  const stream = new WatchStream(sink, group, query.allowWatchBookmarks)
  stream.hold()
  const first = convertedBeginning(store, remote, namespace, selected, query, start, encoder)
  hub.join(stream)
  endAfter(store, stream, seconds)
  first.then(
    frames => stream.begin(followedBy(frames, listed)),
    error => {
      refuse(sink, encoder, error instanceof StatusError ? error : internalError(String(error)))
    },
  )
}

/** A watch that was understood ends with an event for what is wrong (`newErrWatcher` of upstream's cacher), not with a status. */
function refuse(sink: StreamSink, encoder: ObjectEncoder, { status }: StatusError): void {
  sink.write(encoder.encodeError(status))
  sink.end()
}

/** What begins an event that tells what is wrong; it can be told in any form. */
const ERROR = Buffer.from('{"type":"ERROR"')

/**
 * A watch in a form that only lists have: an event cannot be brought into it, and the stream ends where one was to come (upstream's
 * endpoints/handlers/watch.go takes what it cannot encode for a client that has gone).
 */
export function endingAtFirst({ stream, ...response }: ApiResponse): ApiResponse {
  if (stream === undefined) return response
  const ending = (sink: StreamSink): StreamSink => ({
    write: (chunk, sent) => {
      if (ERROR.equals(chunk.subarray(0, ERROR.length))) return sink.write(chunk, sent)
      sent?.()
      sink.end()
      return false
    },
    end: () => sink.end(),
    onClose: listener => sink.onClose(listener),
    onDrain: listener => sink.onDrain(listener),
    get closed() {
      return sink.closed
    },
  })
  return { ...response, stream: sink => stream(ending(sink)) }
}

/** Looks at state and history now, before the first wait; rejects where the history does not reach back. */
async function convertedBeginning(
  store: KindStore,
  remote: RemoteConversion,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
  start: Start,
  encoder: ObjectEncoder,
): Promise<Iterable<Uint8Array>> {
  const { revision } = store.context.cache
  if (start.state) {
    const versions = await remote.all(stateOf(store, namespace, selected))
    const end = marksBeginning(query) ? encoder.encodeBookmark(revision, true) : undefined
    return joinedFrames(stateFrames(store.cache, versions, selected, encoder, end))
  }
  const changes = store.cache.history.since(start.since)
  if (changes === undefined) throw tooOld(store, start.since)
  const concerned = changes.filter(({ current }) => namespace === undefined || current.namespace === namespace)
  return joinedFrames(
    changeFrames(store.cache, await Promise.all(concerned.map(each => remote.change(each))), selected, encoder),
  )
}

const tooOld = (store: KindStore, since: number): StatusError =>
  expiredError(`too old resource version: ${since} (${store.cache.history.start})`)

/** Whether a bookmark tells where the state ends: nobody gets one who does not allow bookmarks. */
const marksBeginning = ({ sendInitialEvents, allowWatchBookmarks }: ListQuery): boolean =>
  sendInitialEvents === true && allowWatchBookmarks

type Start = { readonly state: true } | { readonly state: false; readonly since: number }

/**
 * Whether the watch starts with the state, or with the changes after a revision. A state that does not come in time is told by an event:
 * clients send what was answered with 504 again and again, but take the event as a reason to begin anew.
 */
async function startOf(store: KindStore, query: ListQuery): Promise<Start | StatusError> {
  try {
    return await awaitedStart(store, query)
  } catch (error) {
    if (error instanceof StatusError && error.code === 504) return error
    throw error
  }
}

async function awaitedStart(store: KindStore, query: ListQuery): Promise<Start> {
  const { cache } = store.context
  const { resourceVersion, sendInitialEvents } = query
  if (sendInitialEvents === true) {
    await freshEnough(resourceVersion === '' ? cache.fresh() : store.atLeast(parseResourceVersion(resourceVersion)))
    return { state: true }
  }
  const since = resourceVersion === '' ? 0 : parseResourceVersion(resourceVersion)
  if (since === 0) {
    if (resourceVersion === '' || !store.isCached) await cache.fresh()
    return sendInitialEvents === false ? { state: false, since: cache.revision } : { state: true }
  }
  return { state: false, since }
}

/** What comes before the first live event, or the error where the history does not reach back. */
function beginning(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
  start: Start,
  encoder: ObjectEncoder,
): Iterable<Uint8Array> | StatusError {
  if (start.state) {
    const end = marksBeginning(query) ? encoder.encodeBookmark(store.context.cache.revision, true) : undefined
    return joinedFrames(stateFrames(store.cache, stateOf(store, namespace, selected), selected, encoder, end))
  }
  const changes = store.cache.history.since(start.since)
  if (changes === undefined) return tooOld(store, start.since)
  return joinedFrames(changeFrames(store.cache, changes, selected, encoder))
}

/** The objects as they are now; what is written later does not change the answer. */
function stateOf(store: KindStore, namespace: string | undefined, selected: Selection): readonly ObjectVersion[] {
  if (selected.name === undefined || namespace === undefined) return store.cache.all(namespace)
  const one = store.cache.get(namespace, selected.name)
  return one === undefined ? [] : [one]
}

function* stateFrames(
  cache: KindCache,
  versions: readonly ObjectVersion[],
  selected: Selection,
  encoder: ObjectEncoder,
  end: Uint8Array | undefined,
): Generator<Uint8Array> {
  const { matches } = selected.filter
  for (const version of versions) {
    if (matches !== undefined && !matches(version)) continue
    if (encoder.eventParts === undefined) yield first(cache, bytesOfPiece(encoder.encodeEvent('ADDED', version)))
    else {
      const parts = [...encoder.eventParts('ADDED', version)]
      noteFirst(
        cache,
        parts.reduce((sum, part) => sum + part.byteLength, 0),
      )
      yield* parts
    }
  }
  if (end === undefined) return
  cache.hub.sentFirst(end.byteLength)
  yield end
}

function first(cache: KindCache, bytes: Uint8Array): Uint8Array {
  noteFirst(cache, bytes.byteLength)
  return bytes
}

function noteFirst(cache: KindCache, bytes: number): void {
  cache.figures.initialEvents++
  cache.hub.sentFirst(bytes)
}

function* changeFrames(
  cache: KindCache,
  changes: readonly Change[],
  selected: Selection,
  encoder: ObjectEncoder,
): Generator<Uint8Array> {
  const { namespace, matches } = selected.filter
  for (const change of changes) {
    if (namespace !== undefined && change.current.namespace !== namespace) continue
    const frame = change.frameFor(matches, encoder)
    if (frame !== undefined) yield first(cache, bytesOfPiece(frame))
    change.forgetFrames()
  }
}

function* followedBy(pieces: Iterable<Uint8Array>, done: () => void): Generator<Uint8Array> {
  yield* pieces
  done()
}
