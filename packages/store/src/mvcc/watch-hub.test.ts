import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { MemoryLog } from '../memory/memory-log.ts'
import { createMemoryStore } from '../memory/memory-store.ts'
import { utf8 } from '../testing/watching.ts'
import { MvccStore } from './mvcc-store.ts'

/** A store, its clock, and a watch of `/p/` that is read by hand. */
function watching() {
  const clock = new SimulatedClock()
  const store = createMemoryStore({ clock })
  const controller = new AbortController()
  const reader = store.watch('/p/', 1, controller.signal)[Symbol.asyncIterator]()
  const next = async (): Promise<[number, number]> => {
    const { value: batch } = await reader.next()
    return [batch!.events.length, batch!.revision]
  }
  return { clock, store, controller, next }
}

describe('WatchHub', () => {
  test('writes of one moment come as one batch, also what has queued up', async () => {
    const { store, next } = watching()
    const first = next()
    await Promise.all([1, 2, 3].map(n => store.create(`/p/${n}`, () => utf8('x'))))
    assert.deepEqual(await first, [3, 4])
    await store.create('/p/4', () => utf8('x'))
    await store.create('/p/5', () => utf8('x'))
    assert.deepEqual(await next(), [2, 6])
    await store.close()
  })

  test('who writes goes first where watchers wake later, and what came meanwhile waits for the next batch', async () => {
    const later: (() => void)[] = []
    const store = new MvccStore({
      log: new MemoryLog(),
      clock: new SimulatedClock(),
      defer: queueMicrotask,
      wakeLater: callback => later.push(callback),
      commitLimit: 1000,
    })
    const seen: string[] = []
    const reader = store.watch('/p/', 1, new AbortController().signal)[Symbol.asyncIterator]()
    const read = async (): Promise<void> => {
      const { value: batch } = await reader.next()
      for (const { key } of batch!.events) seen.push(key)
    }
    const first = read()
    await store.create('/p/1', () => utf8('x'))
    await store.create('/p/2', () => utf8('x'))
    assert.deepEqual([seen, later.length], [[], 1])
    later.pop()!()
    await first
    assert.deepEqual(seen, ['/p/1'])
    await read()
    assert.deepEqual([seen, later.length], [['/p/1', '/p/2'], 0])
    await store.close()
  })

  test('progress comes a tenth of a second after writes elsewhere, and once', async () => {
    const { clock, store, next } = watching()
    const waiting = next()
    await store.create('/q/1', () => utf8('x'))
    await store.create('/q/2', () => utf8('x'))
    assert.equal(clock.pending, 1)
    await clock.advance(100)
    assert.deepEqual(await waiting, [0, 3])
    assert.equal(clock.pending, 0)
    await store.close()
  })

  test('progress is not lost on a reader that still has events to read', async () => {
    const { store, next } = watching()
    const first = next()
    await store.create('/p/1', () => utf8('x'))
    assert.deepEqual(await first, [1, 2])
    await store.create('/p/2', () => utf8('x'))
    await store.create('/q/1', () => utf8('x'))
    await store.revision()
    assert.deepEqual(await next(), [1, 3])
    assert.deepEqual(await next(), [0, 4])
    await store.close()
  })

  test('a reader that falls behind reads on from the history, in pieces', async () => {
    const { store, next } = watching()
    const first = next()
    await store.create('/p/first', () => utf8('x'))
    assert.deepEqual(await first, [1, 2])
    for (let moment = 0; moment < 25; moment++)
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.create(`/p/${moment}-${n}`, () => utf8('x'))))
    assert.deepEqual(await next(), [1000, 1002])
    await store.create('/p/meanwhile', () => utf8('x'))
    assert.deepEqual(await next(), [1000, 2002])
    assert.deepEqual(await next(), [500, 2502])
    assert.deepEqual(await next(), [1, 2503])
    await store.close()
  })

  test('a watch that has ended is forgotten', async () => {
    const { clock, store, controller, next } = watching()
    const waiting = next()
    await store.create('/p/1', () => utf8('x'))
    await waiting
    controller.abort()
    await store.create('/q/1', () => utf8('x'))
    assert.equal(clock.pending, 0)
    await store.close()
  })
})
