import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  CompactedError,
  FutureRevisionError,
  KeyExistsError,
  type KeyValue,
  RevisionMismatchError,
  type Store,
  type StoreEvent,
} from '../store.ts'
import { collect, nextEvents, text, utf8 } from './watching.ts'

/** A store to test, and how to get rid of it. */
export interface StoreUnderTest {
  /** Fresh: nothing under `/registry/`. */
  store: Store
  /** Lets so many milliseconds pass for keys with a time to live. */
  passTime(milliseconds: number): Promise<void>
  /** Shortest time to live that the backend can keep, in seconds. */
  ttlSeconds: number
  close(): Promise<void>
}

/** What every backend must do: the same tests on each. */
export function storeConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  const check = (title: string, run: (store: Store, under: StoreUnderTest) => Promise<void>): void => {
    test(title, { timeout: 30_000 }, async () => {
      const under = await open()
      try {
        await run(under.store, under)
      } finally {
        await under.close()
      }
    })
  }
  describe(`store ${name}`, () => {
    describe('reads and writes', () => readsAndWrites(check))
    describe('lists', () => lists(check))
    describe('watches', () => watches(check))
    describe('compaction', () => compaction(check))
    describe('time to live', () => timeToLive(check))
  })
}

/** A value that shows its revision. */
const atRevision = (revision: number): Uint8Array => utf8(`@${revision}`)

/** Sets the revision in a value that was made by `atRevision(0)`; for backends that learn it only afterwards. */
export function stampTestValue(value: Uint8Array, revision: number): Uint8Array {
  return text(value) === '@0' ? atRevision(revision) : value
}

type Check = (title: string, run: (store: Store, under: StoreUnderTest) => Promise<void>) => void

const is = (kv: KeyValue | undefined, key: string, value: string, revision: number): void => {
  assert.deepEqual(kv && [kv.key, text(kv.value), kv.revision], [key, value, revision])
}

function readsAndWrites(check: Check): void {
  check('a fresh store stands at revision 1 or later, and every write adds one', async store => {
    const start = await store.revision()
    assert.ok(start >= 1)
    const first = await store.create('/registry/a', () => utf8('1'))
    const second = await store.update('/registry/a', () => utf8('2'), first.revision)
    const { revision: third } = await store.delete('/registry/a', second.revision)
    assert.deepEqual([first.revision, second.revision, third], [start + 1, start + 2, start + 3])
    assert.equal(await store.revision(), third)
  })

  check('a value gets the revision of its own write', async store => {
    const created = await store.create('/registry/a', atRevision)
    is(await store.get('/registry/a'), '/registry/a', `@${created.revision}`, created.revision)
    const updated = await store.update('/registry/a', atRevision, created.revision)
    is(updated, '/registry/a', `@${updated.revision}`, created.revision + 1)
    is(await store.get('/registry/a'), '/registry/a', `@${updated.revision}`, updated.revision)
  })

  check('bytes come back as they went in', async store => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 31) & 0xff)
    await store.create('/registry/a', () => bytes)
    await store.create('/registry/empty', () => new Uint8Array(0))
    assert.deepEqual(Uint8Array.from((await store.get('/registry/a'))!.value), bytes)
    assert.equal((await store.get('/registry/empty'))!.value.length, 0)
  })

  check('get answers nothing for a key that is not there', async store => {
    assert.equal(await store.get('/registry/nothing'), undefined)
  })

  check('create refuses a key that exists and shows its value', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    await assert.rejects(
      store.create('/registry/a', () => utf8('2')),
      (error: KeyExistsError) => {
        assert.ok(error instanceof KeyExistsError)
        is(error.current, '/registry/a', '1', first.revision)
        return true
      },
    )
    assert.equal(await store.revision(), first.revision)
  })

  check('update refuses another revision than the newest and shows what is there', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    const second = await store.update('/registry/a', () => utf8('2'), first.revision)
    for (const wrong of [first.revision, second.revision + 5])
      await assert.rejects(
        store.update('/registry/a', () => utf8('3'), wrong),
        (error: RevisionMismatchError) => {
          assert.ok(error instanceof RevisionMismatchError)
          is(error.current, '/registry/a', '2', second.revision)
          return true
        },
      )
    await assert.rejects(
      store.update('/registry/gone', () => utf8('3'), 1),
      (error: RevisionMismatchError) => error instanceof RevisionMismatchError && error.current === undefined,
    )
  })

  check('delete takes the same condition and answers what it removed', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    await assert.rejects(store.delete('/registry/a', first.revision + 1), RevisionMismatchError)
    const removed = await store.delete('/registry/a', first.revision)
    assert.equal(removed.revision, first.revision + 1)
    is(removed.previous, '/registry/a', '1', first.revision)
    assert.equal(await store.get('/registry/a'), undefined)
    await assert.rejects(
      store.delete('/registry/a', removed.revision),
      (error: RevisionMismatchError) => error instanceof RevisionMismatchError && error.current === undefined,
    )
  })

  check('a key can be created anew after its removal', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    await store.delete('/registry/a', first.revision)
    const again = await store.create('/registry/a', () => utf8('2'))
    assert.equal(again.revision, first.revision + 2)
    is(await store.get('/registry/a'), '/registry/a', '2', again.revision)
  })

  check('of many writers with one condition exactly one wins', async store => {
    const first = await store.create('/registry/a', () => utf8('0'))
    const attempts = Array.from({ length: 20 }, (_, n) =>
      store.update('/registry/a', () => utf8(`${n}`), first.revision),
    )
    const outcomes = await Promise.allSettled(attempts)
    const won = outcomes.filter(outcome => outcome.status === 'fulfilled')
    assert.equal(won.length, 1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof RevisionMismatchError)
    is(await store.get('/registry/a'), '/registry/a', text(won[0]!.value.value), won[0]!.value.revision)
  })

  check('an exception while making the value is the answer, and nothing is written', async store => {
    const before = await store.revision()
    const failing = (): Uint8Array => {
      throw new Error('no such bytes')
    }
    await assert.rejects(store.create('/registry/a', failing), /no such bytes/)
    assert.equal(await store.get('/registry/a'), undefined)
    const next = await store.create('/registry/b', () => utf8('1'))
    assert.ok(next.revision > before)
  })

  check('many writes at once get different revisions without gaps', async store => {
    const start = await store.revision()
    const written = await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.create(`/registry/n/${n}`, atRevision)),
    )
    const revisions = written.map(kv => kv.revision).sort((a, b) => a - b)
    assert.deepEqual(
      revisions,
      Array.from({ length: 100 }, (_, n) => start + 1 + n),
    )
    for (const kv of (await store.list('/registry/n/')).items) assert.equal(text(kv.value), `@${kv.revision}`)
  })
}

function lists(check: Check): void {
  const fill = async (store: Store, keys: readonly string[]): Promise<void> => {
    for (const key of keys) await store.create(key, () => utf8(key))
  }
  const keysOf = (items: readonly KeyValue[]): string[] => items.map(kv => kv.key)

  check('keys with the prefix come in the order of their bytes', async store => {
    const keys = ['/registry/p/b', '/registry/p/a', '/registry/p/\u{ffee}', '/registry/p/\u{1f600}', '/registry/p/a-1']
    await fill(store, [...keys, '/registry/q', '/registry/o', '/registry/p0'])
    const { items, remaining, revision } = await store.list('/registry/p/')
    assert.deepEqual(keysOf(items), [
      '/registry/p/a',
      '/registry/p/a-1',
      '/registry/p/b',
      '/registry/p/\u{ffee}',
      '/registry/p/\u{1f600}',
    ])
    assert.equal(remaining, 0)
    assert.equal(revision, await store.revision())
    assert.equal(await store.count('/registry/p/'), 5)
    assert.equal(await store.count('/registry/none/'), 0)
  })

  check('limit and start key page through, with what remains', async store => {
    await fill(
      store,
      Array.from({ length: 7 }, (_, n) => `/registry/p/${n}`),
    )
    const first = await store.list('/registry/p/', { limit: 3 })
    assert.deepEqual([keysOf(first.items).length, first.remaining], [3, 4])
    await store.create('/registry/p/10', () => utf8('late'))
    const options = { limit: 3, startKey: '/registry/p/2\0', revision: first.revision }
    const second = await store.list('/registry/p/', options)
    assert.deepEqual(keysOf(second.items), ['/registry/p/3', '/registry/p/4', '/registry/p/5'])
    assert.deepEqual([second.remaining, second.revision], [1, first.revision])
    const last = await store.list('/registry/p/', { ...options, startKey: '/registry/p/6' })
    assert.deepEqual([keysOf(last.items), last.remaining], [['/registry/p/6'], 0])
  })

  check('a start key before the prefix starts at the prefix', async store => {
    await fill(store, ['/registry/a/1', '/registry/b/1', '/registry/c/1'])
    assert.deepEqual(keysOf((await store.list('/registry/b/', { startKey: '/registry/a/' })).items), ['/registry/b/1'])
    assert.deepEqual((await store.list('/registry/b/', { startKey: '/registry/c/' })).items, [])
  })

  check('a list at a revision shows the past', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    const second = await store.update('/registry/a', () => utf8('2'), first.revision)
    const other = await store.create('/registry/b', () => utf8('b'))
    const gone = await store.delete('/registry/a', second.revision)
    const again = await store.create('/registry/a', () => utf8('3'))
    const at = async (revision: number): Promise<string[]> =>
      (await store.list('/registry/', { revision })).items.map(kv => `${kv.key}=${text(kv.value)}@${kv.revision}`)
    assert.deepEqual(await at(first.revision), [`/registry/a=1@${first.revision}`])
    assert.deepEqual(await at(second.revision), [`/registry/a=2@${second.revision}`])
    const b = `/registry/b=b@${other.revision}`
    assert.deepEqual(await at(other.revision), [`/registry/a=2@${second.revision}`, b])
    assert.deepEqual(await at(gone.revision), [b])
    assert.deepEqual(await at(again.revision), [`/registry/a=3@${again.revision}`, b])
  })

  check('a list at a revision yet to come is refused', async store => {
    const revision = (await store.revision()) + 10
    await assert.rejects(store.list('/registry/', { revision }), FutureRevisionError)
  })
}

function watches(check: Check): void {
  const brief = (event: StoreEvent): unknown[] => [
    event.type,
    event.key,
    text(event.value),
    event.revision,
    event.previous && [text(event.previous.value), event.previous.revision],
  ]

  check('delivers what is written after the revision, with the values before, in order', async store => {
    const before = await store.create('/registry/p/a', () => utf8('0'))
    const watch = collect(store, '/registry/p/', before.revision)
    const created = await store.create('/registry/p/b', () => utf8('1'))
    await store.create('/registry/q/c', () => utf8('elsewhere'))
    const updated = await store.update('/registry/p/b', () => utf8('2'), created.revision)
    const removed = await store.delete('/registry/p/b', updated.revision)
    const again = await store.create('/registry/p/b', () => utf8('3'))
    const events = await nextEvents(watch, 4)
    assert.deepEqual(events.map(brief), [
      ['put', '/registry/p/b', '1', created.revision, undefined],
      ['put', '/registry/p/b', '2', updated.revision, ['1', created.revision]],
      ['delete', '/registry/p/b', '2', removed.revision, ['2', updated.revision]],
      ['put', '/registry/p/b', '3', again.revision, undefined],
    ])
    await watch.stop()
  })

  check('replays history first, then goes on without a gap', async store => {
    const start = await store.revision()
    for (let n = 0; n < 5; n++) await store.create(`/registry/p/${n}`, () => utf8(`${n}`))
    const watch = collect(store, '/registry/p/', start + 2)
    assert.deepEqual(
      (await nextEvents(watch, 3)).map(event => event.key),
      ['/registry/p/2', '/registry/p/3', '/registry/p/4'],
    )
    await store.create('/registry/p/5', () => utf8('5'))
    assert.deepEqual(
      (await nextEvents(watch, 1)).map(event => event.key),
      ['/registry/p/5'],
    )
    await watch.stop()
  })

  check('a slow reader misses nothing and sees nothing twice', async store => {
    const start = await store.revision()
    const controller = new AbortController()
    const batches = store.watch('/registry/p/', start, controller.signal)[Symbol.asyncIterator]()
    const first = batches.next()
    await store.create('/registry/p/first', () => utf8('-'))
    let seen = (await first).value?.events.length ?? 0
    const total = 1500
    for (let from = 0; from < total; from += 100)
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.create(`/registry/p/${from + n}`, () => utf8('x'))))
    let last = start + seen
    while (seen < total + 1) {
      const { value: batch } = await batches.next()
      for (const event of batch!.events) {
        assert.equal(event.revision, last + 1)
        last = event.revision
        seen++
      }
      assert.ok(batch!.revision >= last)
    }
    controller.abort()
    assert.equal((await batches.next()).done, true)
  })

  check('many watchers of many prefixes each see their own', async store => {
    const start = await store.revision()
    const watches = Array.from({ length: 40 }, (_, n) => collect(store, `/registry/p/${n % 10}/`, start))
    for (let n = 0; n < 10; n++) await store.create(`/registry/p/${n}/x`, () => utf8(`${n}`))
    for (const [n, watch] of watches.entries()) {
      const [event] = await nextEvents(watch, 1)
      assert.equal(event!.key, `/registry/p/${n % 10}/x`)
    }
    await Promise.all(watches.map(watch => watch.stop()))
  })

  check('a watch from a revision yet to come leaves out what is written before', async store => {
    const start = await store.revision()
    const watch = collect(store, '/registry/p/', start + 2)
    for (let n = 0; n < 4; n++) await store.create(`/registry/p/${n}`, () => utf8(`${n}`))
    assert.deepEqual(
      (await nextEvents(watch, 2)).map(event => event.key),
      ['/registry/p/2', '/registry/p/3'],
    )
    await watch.stop()
  })

  check('revision() has watchers of other keys told how far they have come', async store => {
    const watch = collect(store, '/registry/p/', await store.revision())
    await store.create('/registry/q/a', () => utf8('1'))
    const revision = await store.revision()
    await watch.reached(revision)
    assert.deepEqual(watch.events, [])
    await watch.stop()
  })

  check('ends when its signal aborts, before or during', async store => {
    const aborted = collect(store, '/registry/', 1, AbortSignal.abort())
    await aborted.ended
    const watch = collect(store, '/registry/', await store.revision())
    await store.create('/registry/a', () => utf8('1'))
    await nextEvents(watch, 1)
    await watch.stop()
  })

  check('ends when the store closes', async store => {
    const watch = collect(store, '/registry/', await store.revision())
    await store.create('/registry/a', () => utf8('1'))
    await nextEvents(watch, 1)
    await store.close()
    await watch.ended
  })
}

function compaction(check: Check): void {
  check('it tells how much room it takes up', async store => {
    const before = await store.size()
    for (let each = 0; each < 10; each++) await store.create(`/registry/${each}`, () => new Uint8Array(100_000))
    // etcd takes up room with its next commit to disk.
    while ((await store.size()) < before + 900_000) await setImmediate()
  })
  check('older lists and watches are refused, newer ones go on', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    const second = await store.update('/registry/a', () => utf8('2'), first.revision)
    const third = await store.update('/registry/a', () => utf8('3'), second.revision)
    await store.create('/registry/b', () => utf8('b'))
    await store.compact(third.revision)
    assert.equal(await store.compactedRevision(), third.revision)
    await assert.rejects(store.list('/registry/', { revision: second.revision }), (error: CompactedError) => {
      return error instanceof CompactedError && error.compacted === third.revision
    })
    const watch = collect(store, '/registry/', first.revision)
    await assert.rejects(watch.ended, CompactedError)
    const at = await store.list('/registry/', { revision: third.revision })
    assert.deepEqual(
      at.items.map(kv => text(kv.value)),
      ['3'],
    )
    const on = collect(store, '/registry/', third.revision)
    assert.equal((await nextEvents(on, 1))[0]!.key, '/registry/b')
    await on.stop()
  })

  check('removed keys are forgotten and live ones kept', async store => {
    const kept = await store.create('/registry/kept', () => utf8('kept'))
    const gone = await store.create('/registry/gone', () => utf8('gone'))
    await store.delete('/registry/gone', gone.revision)
    const last = await store.create('/registry/last', () => utf8('last'))
    await store.compact(last.revision)
    is(await store.get('/registry/kept'), '/registry/kept', 'kept', kept.revision)
    assert.equal(await store.get('/registry/gone'), undefined)
    assert.equal(await store.count('/registry/'), 2)
    const updated = await store.update('/registry/kept', () => utf8('new'), kept.revision)
    assert.equal(updated.revision, last.revision + 1)
  })

  check('the value before is known to a watch although it was written before the compaction', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    const other = await store.create('/registry/b', () => utf8('b'))
    await store.compact(other.revision)
    await store.update('/registry/a', () => utf8('2'), first.revision)
    const watch = collect(store, '/registry/', other.revision)
    const [event] = await nextEvents(watch, 1)
    assert.equal(event!.previous && text(event!.previous.value), '1')
    await watch.stop()
  })

  check('compacting again to an older revision does nothing; to one yet to come is refused', async store => {
    const first = await store.create('/registry/a', () => utf8('1'))
    const second = await store.create('/registry/b', () => utf8('1'))
    await store.compact(second.revision)
    await store.compact(first.revision)
    assert.equal(await store.compactedRevision(), second.revision)
    await assert.rejects(store.compact(second.revision + 10), FutureRevisionError)
  })
}

function timeToLive(check: Check): void {
  check('a key goes when its time is up, and watchers see it go', async (store, { passTime, ttlSeconds }) => {
    const created = await store.create('/registry/events/a', () => utf8('1'), { ttlSeconds })
    await store.create('/registry/events/b', () => utf8('2'))
    const watch = collect(store, '/registry/events/', created.revision + 1)
    assert.ok(await store.get('/registry/events/a'))
    await passTime(ttlSeconds * 1000)
    const [event] = await nextEvents(watch, 1)
    assert.deepEqual([event!.type, event!.key, text(event!.value)], ['delete', '/registry/events/a', '1'])
    assert.equal(await store.get('/registry/events/a'), undefined)
    assert.ok(await store.get('/registry/events/b'))
    await watch.stop()
  })

  check('an update starts the time anew, or makes the key stay', async (store, { passTime, ttlSeconds }) => {
    const a = await store.create('/registry/events/a', () => utf8('1'), { ttlSeconds })
    const b = await store.create('/registry/events/b', () => utf8('1'), { ttlSeconds })
    const c = await store.create('/registry/events/c', () => utf8('1'), { ttlSeconds })
    await store.update('/registry/events/a', () => utf8('2'), a.revision)
    const later = await store.update('/registry/events/b', () => utf8('2'), b.revision, { ttlSeconds: 10_000 })
    const watch = collect(store, '/registry/events/', later.revision)
    await passTime(ttlSeconds * 1000)
    assert.equal((await nextEvents(watch, 1))[0]!.key, '/registry/events/c')
    assert.equal(c.revision, b.revision + 1)
    assert.equal(await store.count('/registry/events/'), 2)
    await watch.stop()
  })
}
