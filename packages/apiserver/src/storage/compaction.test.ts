import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { CompactedError, createMemoryStore } from '@canopus/store'
import { runCompaction } from './compaction.ts'

it('keeps one interval of history and forgets what is older', async () => {
  const clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
  const store = createMemoryStore({ clock })
  const stop = new AbortController()
  const value = (): Uint8Array => new Uint8Array([1])
  const first = await store.create('/registry/a', value)
  const running = runCompaction({ store, clock, logger: silentLogger, interval: 1000 }, stop.signal)
  await clock.advance(500)
  const second = await store.create('/registry/b', value)
  await clock.advance(600)
  assert.equal(await store.compactedRevision(), first.revision)
  assert.equal((await store.list('/registry/', { revision: first.revision })).items.length, 1)
  await clock.advance(1000)
  assert.equal(await store.compactedRevision(), second.revision)
  await assert.rejects(store.list('/registry/', { revision: first.revision }), CompactedError)
  stop.abort()
  await running
  await store.close()
})
