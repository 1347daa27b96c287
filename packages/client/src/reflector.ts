/**
 * Mirrors one collection: a watch that starts with the whole state (KEP-3157), or a list and a watch where the server
 * cannot do that; resumed where it broke off, begun again where the server has forgotten that point.
 * Behaviour: client-go tools/cache/reflector.go.
 */

import { hasCause, type KubeObject, StatusError } from '@canopus/apimachinery'
import { Backoff, type Clock, type Logger, type Random, sleep } from '@canopus/base'
import type { ListQuery, ResourceClient, WatchEvent } from './client.ts'
import { keyOf } from './object-store.ts'
import { listAll } from './pager.ts'

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'

export interface ReflectorSink<T extends KubeObject> {
  /** Is given each object first; what it answers stands for it from then on. */
  arrived?(object: T): T
  /** The whole collection, anew. */
  replace(objects: readonly T[]): void
  apply(event: WatchEvent<T>): void
  /** Everything up to this version has been delivered. */
  reached?(resourceVersion: string): void
}

export interface ReflectorOptions<T extends KubeObject> {
  client: Pick<ResourceClient<T>, 'list' | 'watch'>
  query: Pick<ListQuery, 'namespace' | 'labelSelector' | 'fieldSelector'>
  sink: ReflectorSink<T>
  clock: Clock
  random: Random
  logger: Logger
}

const QUIET_MS = 120_000
const MIN_STREAM_MS = 1_000

/** Runs until `signal` aborts; never rejects. */
export async function runReflector<T extends KubeObject>(
  options: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, logger } = options
  // 0.8 s doubling to 30 s, each up to doubled by chance, forgiven after two quiet minutes (reflector.go NewReflector).
  const backoff = new Backoff({ initial: 800, max: 30_000, jitter: 1, random })
  const state: ReflectorState = { resourceVersion: undefined, watchList: true }
  while (!signal.aborted) {
    const begun = clock.monotonic()
    try {
      await step(options, state, signal)
      // A stream that the server closed at its time is healthy; one that ends at once must not spin.
      if (clock.monotonic() - begun < MIN_STREAM_MS) await sleepThrough(clock, backoff.next(), signal)
      else backoff.reset()
    } catch (error) {
      if (signal.aborted) return
      if (clock.monotonic() - begun > QUIET_MS) backoff.reset()
      const delay = Math.max(backoff.next(), retryAfterOf(error))
      if (isExpired(error)) {
        state.resourceVersion = undefined
        logger.debug('history is gone, starting again from the whole state')
        if (backoff.attempts === 1) continue
      } else {
        // What a server answers needs no stack. Of a kind that went with its definition nobody has to be warned.
        const fact = { error: error instanceof StatusError ? error.message : error }
        if (error instanceof StatusError && error.code === 404) logger.debug('the resource is not served', fact)
        else logger.warn('list or watch failed', fact)
      }
      await sleepThrough(clock, delay, signal)
    }
  }
}

/** What the server asked for, in milliseconds. */
function retryAfterOf(error: unknown): number {
  return error instanceof StatusError ? (error.status.details?.retryAfterSeconds ?? 0) * 1000 : 0
}

interface ReflectorState {
  resourceVersion: string | undefined
  watchList: boolean
}

async function step<T extends KubeObject>(
  options: ReflectorOptions<T>,
  state: ReflectorState,
  signal: AbortSignal,
): Promise<void> {
  if (state.resourceVersion === undefined && state.watchList) {
    try {
      return await follow(options, state, signal, true)
    } catch (error) {
      if (!isUnsupported(error)) throw error
      state.watchList = false
      options.logger.debug('the server does not stream lists, listing instead')
    }
  }
  if (state.resourceVersion === undefined) {
    const list = await listAll(options.client, { ...options.query, resourceVersion: '0', signal })
    const { sink } = options
    sink.replace(list.items.map(object => sink.arrived?.(object) ?? object))
    state.resourceVersion = list.metadata.resourceVersion ?? ''
    options.sink.reached?.(state.resourceVersion)
  }
  await follow(options, state, signal, false)
}

/** One watch from beginning to end. `initial` asks for the whole state first. */
async function follow<T extends KubeObject>(
  options: ReflectorOptions<T>,
  state: ReflectorState,
  signal: AbortSignal,
  initial: boolean,
): Promise<void> {
  const { sink } = options
  let gathered: Map<string, T> | undefined = initial ? new Map() : undefined
  const events = options.client.watch({
    ...options.query,
    allowWatchBookmarks: true,
    ...(initial
      ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion: state.resourceVersion ?? '' }),
    // Streams end at different moments so that not everybody comes back at once.
    timeoutSeconds: Math.floor(300 * (1 + options.random.next())),
    shared: true,
    signal,
  })
  for await (const { type, object: arrived } of events) {
    if (signal.aborted) return
    const { resourceVersion } = arrived.metadata
    const object = sink.arrived?.(arrived) ?? arrived
    if (gathered) {
      if (type === 'BOOKMARK') {
        if (object.metadata.annotations?.[INITIAL_EVENTS_END] !== 'true') continue
        sink.replace([...gathered.values()])
        gathered = undefined
      } else {
        if (type === 'DELETED') gathered.delete(keyOf(object))
        else gathered.set(keyOf(object), object)
        continue
      }
    } else if (type !== 'BOOKMARK') {
      sink.apply({ type, object })
    }
    if (!resourceVersion) continue
    state.resourceVersion = resourceVersion
    sink.reached?.(resourceVersion)
  }
}

/** Nothing leads on from where this was: history is gone, or the server's state is an older one, as after a restored backup. */
function isExpired(error: unknown): boolean {
  if (hasCause(error, 'ResourceVersionTooLarge')) return true
  return error instanceof StatusError && (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone')
}

/** Answers that say "I do not know this way of asking", rather than "not now". */
function isUnsupported(error: unknown): boolean {
  return error instanceof StatusError && [400, 405, 422].includes(error.code)
}

const sleepThrough = (clock: Clock, delay: number, signal: AbortSignal): Promise<void> =>
  sleep(clock, delay, signal).catch(() => {})
