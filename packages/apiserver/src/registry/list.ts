/** GET of a collection: which state it shows and which page (the resourceVersion rules of the API concepts guide). */
import { expiredError, type ListMeta, StatusError } from '@canopus/apimachinery'
import { CompactedError, FutureRevisionError } from '@canopus/store'
import { freshEnough, inListSpan } from '../cache/cache-spans.ts'
import type { ObjectVersion } from '../cache/object-version.ts'
import { pastState } from '../cache/past-state.ts'
import { decodeContinue, encodeContinue, expiredContinue } from '../encoding/continue-token.ts'
import { type ListQuery, parseResourceVersion } from '../filters/options.ts'
import type { Maybe } from '../security.ts'
import { addEvent, currentSpan } from '../tracing/span.ts'
import type { KindStore } from './kind-store.ts'
import type { Selection } from './selection.ts'

export interface Page {
  readonly versions: readonly ObjectVersion[]
  readonly metadata: ListMeta
}

/** How many keys are read at once where a selector leaves few of them. */
const CHUNK = 500

/** One page of a collection, of versions that are fit to be viewed. */
export async function listObjects(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
): Promise<Page> {
  if (store.cache.unreadable.size > 0) await store.reread(namespace, selected.name)
  const found = await inListSpan(store.kind.type, () => findPage(store, namespace, selected, query))
  note(store, namespace, selected, query, found)
  if (store.remote === undefined) return found
  const pending = store.remote.all(found.versions)
  return { ...found, versions: pending instanceof Promise ? await pending : pending }
}

function note(
  { cache }: KindStore,
  namespace: string | undefined,
  { name }: Selection,
  { resourceVersion, continue: token }: ListQuery,
  { versions }: Page,
): void {
  const { figures } = cache
  figures.lists++
  figures.fetched += name === undefined ? cache.countIn(namespace) : versions.length
  figures.returned += versions.length
  if (resourceVersion === '' && token === '') figures.consistent++
}

/** Waits until the cache is as new as it has to be, and notes for how long. */
async function waited({ cache, context: { clock } }: KindStore, reached: Maybe<unknown>): Promise<void> {
  const from = clock.monotonic()
  await freshEnough(reached)
  cache.figures.waits.observe((clock.monotonic() - from) / 1000)
}

/** With what keys of a list begin; tokens speak of what comes after. Objects of the cluster have the empty namespace. */
const prefixOf = ({ cache }: KindStore, namespace: string | undefined): string =>
  namespace && cache.namespaced ? `${cache.prefix}${namespace}/` : cache.prefix

async function findPage(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  query: ListQuery,
): Promise<Page> {
  addEvent('Ready')
  if (query.continue !== '') {
    const token = decodeContinue(query.continue)
    if (query.resourceVersion !== '' && query.resourceVersion !== '0') {
      throw new StatusError({
        code: 400,
        reason: 'BadRequest',
        message: 'specifying resource version is not allowed when using continue',
      })
    }
    return continued(store, namespace, selected, query.limit, token.revision, token.start)
  }
  const { resourceVersion, resourceVersionMatch: match } = query
  if (resourceVersion === '') {
    await waited(store, store.context.cache.fresh())
    return fromCache(store, namespace, selected, query.limit)
  }
  const revision = parseResourceVersion(resourceVersion, true)
  const exact = match === 'Exact' || (match === '' && query.limit > 0 && revision > 0)
  await waited(store, store.atLeast(revision))
  if (exact) return atRevision(store, namespace, selected, query.limit, revision)
  // Upstream's cache makes no pages of what may be of any revision (storage/cacher/delegator, shouldDelegateList).
  return fromCache(store, namespace, selected, revision === 0 && store.isCached ? 0 : query.limit)
}

/** The newest state in memory. Waits only where a selector has to see what a webhook makes of the objects. */
function pageOfCache(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  limit: number,
  startKey: string | undefined,
  revision: number,
): Page | Promise<Page> {
  const { cache, remote } = store
  const { matches } = selected.filter
  const named = onlyOne(store, namespace, selected)
  const prefix = prefixOf(store, namespace)
  const countFrom = (key: string): number => cache.countFrom(namespace, key)
  if (remote !== undefined && matches !== undefined) {
    const pending = remote.all(named ?? [...cache.iterate(namespace, startKey)])
    const select = (all: readonly ObjectVersion[]): Page =>
      firstSelected(prefix, all, selected, limit, revision, countFrom)
    return pending instanceof Promise ? pending.then(select) : select(pending)
  }
  if (named !== undefined) return page(matches === undefined ? named : named.filter(matches), revision)
  if (limit <= 0 && startKey === undefined) {
    const all = cache.all(namespace)
    return page(matches === undefined ? all : all.filter(matches), revision)
  }
  return firstSelected(prefix, cache.iterate(namespace, startKey), selected, limit, revision, countFrom)
}

/** The same, with how many there were to choose from and how many were chosen. */
function fromCache(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  limit: number,
  startKey?: string,
  revision = store.context.cache.revision,
): Page | Promise<Page> {
  const span = currentSpan()
  const found = pageOfCache(store, namespace, selected, limit, startKey, revision)
  if (span === undefined || found instanceof Promise) return found
  span.event('Listed items from cache', { count: store.cache.countFrom(namespace, startKey ?? store.cache.prefix) })
  if (found.versions.length > 0) span.event('Resized result')
  span.event('Filtered items', { count: found.versions.length })
  return found
}

/** The object that alone can be selected, or none; undefined where it may be any. */
function onlyOne(
  { cache }: KindStore,
  namespace: string | undefined,
  { name }: Selection,
): ObjectVersion[] | undefined {
  if (name === undefined || namespace === undefined) return undefined
  const one = cache.get(namespace, name)
  return one === undefined ? [] : [one]
}

/** The first so many that are selected, of keys with a prefix. `countFrom` says how many candidates there are from a key on. */
function firstSelected(
  prefix: string,
  candidates: Iterable<ObjectVersion>,
  selected: Selection,
  limit: number,
  revision: number,
  countFrom: (key: string) => number,
): Page {
  const { matches } = selected.filter
  const versions: ObjectVersion[] = []
  let last: ObjectVersion | undefined
  let more = false
  for (const version of candidates) {
    more = limit > 0 && versions.length >= limit
    if (more) break
    last = version
    if (matches === undefined || matches(version)) versions.push(version)
  }
  if (!more || last === undefined) return page(versions, revision)
  const next = nextStart(prefix, last.key)
  return page(versions, revision, next, selected.everything ? countFrom(`${last.key}\0`) : undefined)
}

async function atRevision(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  limit: number,
  revision: number,
): Promise<Page> {
  // Nothing of this kind was written since: the cache shows that very state.
  if (store.cache.lastChange <= revision) return fromCache(store, namespace, selected, limit, undefined, revision)
  try {
    return await fromStore(store, namespace, selected, limit, revision, undefined)
  } catch (error) {
    if (error instanceof CompactedError) throw expiredError('The resourceVersion for the provided list is too old.')
    throw error
  }
}

async function continued(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  limit: number,
  revision: number,
  start: string,
): Promise<Page> {
  // Tokens from before they spoke of a scope have no slash in front.
  const startKey = start.startsWith('/')
    ? `${prefixOf(store, namespace)}${start.slice(1)}`
    : `${store.cache.prefix}${start}`
  if (revision === -1) {
    await waited(store, store.context.cache.fresh())
    return fromCache(store, namespace, selected, limit, startKey)
  }
  await freshEnough(store.context.cache.waitFor(revision))
  if (revision < (await store.context.store.compactedRevision())) throw expiredContinue(start)
  if (store.cache.lastChange <= revision) return fromCache(store, namespace, selected, limit, startKey, revision)
  const remembered = fromHistory(store, namespace, selected, limit, revision, startKey)
  if (remembered !== undefined) return remembered
  try {
    return await fromStore(store, namespace, selected, limit, revision, startKey)
  } catch (error) {
    if (error instanceof CompactedError) throw expiredContinue(start)
    if (error instanceof FutureRevisionError) throw expiredError('The provided continue parameter is too old')
    throw error
  }
}

/**
 * A state of the past, from memory: what was read a moment ago page by page should not cost a walk through the store, where
 * counting what is left takes as long as there are objects. Undefined where memory does not reach back.
 */
function fromHistory(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  limit: number,
  revision: number,
  startKey: string,
): Page | undefined {
  if (store.remote !== undefined || store.cache.unreadable.size > 0) return undefined
  const past = pastState(store.cache, namespace, startKey, revision)
  return past && firstSelected(prefixOf(store, namespace), past.versions(), selected, limit, revision, past.countFrom)
}

/** A state of the past, from the store's history. */
async function fromStore(
  store: KindStore,
  namespace: string | undefined,
  selected: Selection,
  limit: number,
  revision: number,
  startKey: string | undefined,
): Promise<Page> {
  const { context } = store
  const prefix = prefixOf(store, namespace)
  const { matches } = selected.filter
  const versions: ObjectVersion[] = []
  let from = startKey
  for (;;) {
    const chunk = limit > 0 ? Math.max(limit - versions.length, selected.everything ? 1 : CHUNK) : undefined
    const { items, remaining } = await context.store.list(prefix, {
      revision,
      ...(chunk === undefined ? {} : { limit: chunk }),
      ...(from === undefined ? {} : { startKey: from }),
    })
    const found = items.map(item => store.versionOf(item))
    const fit = store.remote === undefined || matches === undefined ? found : await store.remote.all(found)
    for (const [index, item] of items.entries()) {
      const version = fit[index]!
      if (matches !== undefined && !matches(version)) continue
      versions.push(version)
      const left = items.length - index - 1 + remaining
      if (limit > 0 && versions.length === limit && left > 0) {
        return page(versions, revision, nextStart(prefix, item.key), selected.everything ? left : undefined)
      }
    }
    if (remaining === 0 || items.length === 0) return page(versions, revision)
    from = `${items.at(-1)!.key}\0`
  }
}

const nextStart = (prefix: string, lastKey: string): string => `/${lastKey.slice(prefix.length)}\0`

function page(versions: readonly ObjectVersion[], revision: number, next?: string, remaining?: number): Page {
  return {
    versions,
    metadata: {
      resourceVersion: String(revision),
      ...(next === undefined ? {} : { continue: encodeContinue({ revision, start: next }) }),
      ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
    },
  }
}
