import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetricsRegistry, SimulatedClock, silentLogger } from '@canopus/base'
import { createMemoryStore } from '@canopus/store'
import { type CheckedCache, firstDifference, runConsistencyChecks } from './consistency-check.ts'
import { KindCache } from './kind-cache.ts'
import { ObjectVersion } from './object-version.ts'

const PREFIX = '/registry/things/'
const bytes = (revision: number): Uint8Array => Buffer.from(`{"metadata":{"resourceVersion":"${revision}"}}`)

/** Some thousand objects in the store, and a cache that shows what `show` makes of them. */
async function setUp(show: (stored: Map<string, number>) => void, count = 2500) {
  const clock = new SimulatedClock()
  const store = createMemoryStore({ clock })
  const stored = new Map<string, number>()
  for (let index = 0; index < count; index++) {
    const key = `${PREFIX}ns/${String(index).padStart(5, '0')}`
    stored.set(key, (await store.create(key, bytes)).revision)
  }
  show(stored)
  const revision = await store.revision()
  const cache = new KindCache(PREFIX, true, () => {})
  cache.reset(
    [...stored].map(([key, at]) => new ObjectVersion(key, 'ns', key.slice(-5), bytes(at), at)),
    revision,
  )
  return { clock, store, cache, revision }
}

describe('what a cache shows', () => {
  const key = `${PREFIX}ns/01500`
  const rows: readonly [name: string, show: (stored: Map<string, number>) => void, difference: object | undefined][] = [
    ['is what is stored', () => {}, undefined],
    ['may be older', stored => stored.set(key, 7), { key, cached: 7, stored: 1502 }],
    ['may lack something', stored => stored.delete(key), { key, stored: 1502 }],
    ['may be too much', stored => stored.set(`${PREFIX}ns/90000`, 3), { key: `${PREFIX}ns/90000`, cached: 3 }],
  ]
  for (const [name, show, difference] of rows) {
    it(name, async () => {
      const { store, cache, revision } = await setUp(show)
      // What is written later does not matter.
      await store.create(`${PREFIX}ns/later`, bytes)
      assert.deepEqual(await firstDifference(store, cache, revision), difference)
    })
  }

  it('need not show what nobody can read', async () => {
    const { store, cache, revision } = await setUp(stored => stored.delete(key))
    cache.unreadable.set(key, 'sealed with another key')
    assert.equal(await firstDifference(store, cache, revision), undefined)
  })
})

it('checks are counted by how they went, every five minutes and a half at most', async () => {
  const { clock, store, cache, revision } = await setUp(() => {}, 3)
  const wrong = await setUp(stored => stored.delete(`${PREFIX}ns/00000`), 3)
  const metrics = new MetricsRegistry()
  const abort = new AbortController()
  const place = { store, cache: { revision } }
  const caches: CheckedCache[] = [
    { group: 'g', resource: 'right', cache, place },
    { group: '', resource: 'wrong', cache: wrong.cache, place },
  ]
  const options = { clock, metrics, period: 300_000, logger: silentLogger, caches: () => caches }
  const running = runConsistencyChecks(
    { ...options, random: { next: () => 0.2, bytes: size => new Uint8Array(size) } },
    abort.signal,
  )
  await clock.advance(329_999)
  const lines = (): string[] =>
    metrics
      .text()
      .split('\n')
      .filter(line => line.startsWith('apiserver_storage_consistency'))
  assert.deepEqual(lines(), [])
  await clock.advance(1)
  assert.deepEqual(lines(), [
    'apiserver_storage_consistency_checks_total{group="g",resource="right",status="success"} 1',
    'apiserver_storage_consistency_checks_total{group="",resource="wrong",status="failure"} 1',
  ])
  await store.compact(revision)
  await store.create(`${PREFIX}ns/more`, bytes)
  await store.compact(revision + 1)
  await clock.advance(330_000)
  assert.match(lines().join('\n'), /"right",status="error"\} 1/)
  abort.abort()
  await running
})
