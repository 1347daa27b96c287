/** GET with `watch=true`: what has happened since a revision, then what happens (KEP-3157 for `sendInitialEvents`). */
import { expiredError, type StatusError } from '@canopus/apimachinery'
import { randomInt } from '@canopus/base'
import type { Change } from '../cache/change.ts'
import type { ObjectVersion } from '../cache/object-version.ts'
import { type WatchGroup, WatchStream } from '../cache/watch-hub.ts'
import type { ObjectEncoder } from '../encoding/encoder.ts'
import { type ListQuery, parseResourceVersion } from '../filters/options.ts'
import type { ApiResponse } from '../http/message.ts'
import type { KindStore } from './kind-store.ts'
import type { Selection } from './selection.ts'

/** Watches without a timeout of their own end after this to twice this, as upstream (`--min-request-timeout`). */
const MIN_TIMEOUT = 1800

/** Frames of the initial state are joined into pieces of about this size. */
const PIECE = 256 * 1024

export async function watchObjects(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
  encoder: ObjectEncoder,
): Promise<ApiResponse> {
  const { cache } = store.context
  const start = await startOf(store, query)
  const seconds = query.timeoutSeconds || MIN_TIMEOUT + randomInt(store.context.random, MIN_TIMEOUT)
  return {
    status: 200,
    headers: { 'content-type': encoder.watchContentType },
    stream: sink => {
      const group = store.cache.hub.group(selected.filter, encoder)
      const stream = new WatchStream(sink, group, query.allowWatchBookmarks)
      const expired = begin(store, namespace, selected, query, start, stream, encoder)
      if (expired !== undefined) {
        sink.write(encoder.encodeError(expired.status))
        sink.end()
        return
      }
      store.cache.hub.join(stream)
      const timer = store.context.clock.setTimer(seconds * 1000, () => {
        group.flush()
        if (query.allowWatchBookmarks) stream.send(encoder.encodeBookmark(cache.revision, false))
        sink.end()
      })
      sink.onClose(() => timer.cancel())
    },
  }
}

type Start = { readonly state: true } | { readonly state: false; readonly since: number }

/** Whether the watch starts with the state, or with the changes after a revision. */
async function startOf(store: KindStore, query: ListQuery): Promise<Start> {
  const { cache } = store.context
  const { resourceVersion, sendInitialEvents } = query
  if (sendInitialEvents === true) {
    if (resourceVersion === '') await cache.fresh()
    else await cache.waitFor(parseResourceVersion(resourceVersion))
    return { state: true }
  }
  if (resourceVersion === '' || resourceVersion === '0') {
    if (resourceVersion === '') await cache.fresh()
    return sendInitialEvents === false ? { state: false, since: cache.revision } : { state: true }
  }
  const since = parseResourceVersion(resourceVersion)
  await cache.waitFor(since)
  return { state: false, since }
}

/** Sends what comes before the first live event; returns the error where the history does not reach back. */
function begin(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
  start: Start,
  stream: WatchStream,
  encoder: ObjectEncoder,
): StatusError | undefined {
  if (start.state) {
    sendState(store, namespace, selected, stream, encoder)
    if (query.sendInitialEvents === true) stream.send(encoder.encodeBookmark(store.context.cache.revision, true))
    return undefined
  }
  const changes = store.cache.history.since(start.since)
  if (changes === undefined) {
    return expiredError(`too old resource version: ${start.since} (${store.cache.history.start})`)
  }
  replay(changes, stream.group, stream, encoder)
  return undefined
}

function sendState(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  stream: WatchStream,
  encoder: ObjectEncoder,
): void {
  const { matches } = selected.filter
  const send = joining(stream)
  const offer = (version: ObjectVersion | undefined): void => {
    if (version !== undefined && (matches === undefined || matches(version)))
      send(encoder.encodeEvent('ADDED', version))
  }
  if (selected.name !== undefined && namespace !== undefined) offer(store.cache.get(namespace, selected.name))
  else for (const version of store.cache.all(namespace)) offer(version)
  send(undefined)
}

function replay(changes: readonly Change[], group: WatchGroup, stream: WatchStream, encoder: ObjectEncoder): void {
  const { namespace, matches } = group.filter
  const send = joining(stream)
  for (const change of changes) {
    if (namespace !== undefined && change.current.namespace !== namespace) continue
    const frame = change.frameFor(matches, encoder)
    if (frame !== undefined) send(frame)
    change.forgetFrames()
  }
  send(undefined)
}

/** Collects frames into bigger pieces; `undefined` sends the rest. */
function joining(stream: { send(bytes: Uint8Array): void }): (frame: Uint8Array | undefined) => void {
  let frames: Uint8Array[] = []
  let size = 0
  return frame => {
    if (frame !== undefined) {
      frames.push(frame)
      size += frame.byteLength
    }
    if (size < PIECE && frame !== undefined) return
    if (frames.length > 0) stream.send(frames.length === 1 ? frames[0]! : Buffer.concat(frames))
    frames = []
    size = 0
  }
}
