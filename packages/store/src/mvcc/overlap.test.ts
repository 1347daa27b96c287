import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Deferred, deferred, SimulatedClock } from '@canopus/base'
import { MemoryLog } from '../memory/memory-log.ts'
import { RevisionMismatchError, StoreClosedError } from '../store.ts'
import { collect, nextEvents, text, utf8 } from '../testing/watching.ts'
import { MvccStore } from './mvcc-store.ts'
import type { LogRecord } from './revision-log.ts'

/** A log on a disk that takes its time, until the test says how each append ends. */
class SlowLog extends MemoryLog {
  /** Revisions of the appends that were begun. */
  readonly begun: number[][] = []
  #waiting: Deferred<void>[] = []

  override append(records: readonly LogRecord[]): Promise<void> {
    assert.equal(this.#waiting.length, 0, 'an append has begun while another is under way')
    super.append(records)
    this.begun.push(records.map(record => record.revision))
    const end = deferred()
    this.#waiting.push(end)
    return end.promise
  }

  succeed(): void {
    this.#waiting.shift()!.resolve()
  }

  fail(): void {
    this.#waiting.shift()!.reject(new Error('the disk is gone'))
  }
}

/** Long enough for everything that only waits for promises. */
const moment = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function slowStore(commitLimit = 1000) {
  const log = new SlowLog()
  const store = new MvccStore({ log, clock: new SimulatedClock(), defer: queueMicrotask, commitLimit })
  return { log, store }
}

/** What has become of a promise by now. */
function outcomeOf(promise: Promise<unknown>): { now: string } {
  const outcome = { now: 'open' }
  promise.then(
    () => {
      outcome.now = 'fulfilled'
    },
    reason => {
      outcome.now = `${reason}`
    },
  )
  return outcome
}

describe('MvccStore while an append is under way', () => {
  test('nobody sees what is not durable, and what comes meanwhile is decided on top of it and goes into the next append', async () => {
    const { log, store } = slowStore()
    const watch = collect(store, '/', 1)
    const created = store.create('/a', () => utf8('1'))
    const first = outcomeOf(created)
    await moment()
    const again = outcomeOf(store.create('/a', () => utf8('never')))
    const update = outcomeOf(store.update('/a', () => utf8('2'), 2))
    const stale = store.update('/a', () => utf8('never'), 2)
    const refusal = outcomeOf(stale)
    const other = outcomeOf(store.create('/b', () => utf8('b')))
    await moment()
    assert.deepEqual(log.begun, [[2]])
    assert.deepEqual(
      [first, again, update, refusal, other].map(outcome => outcome.now),
      Array(5).fill('open'),
    )
    assert.equal(await store.revision(), 1)
    assert.equal(await store.get('/a'), undefined)
    assert.equal((await store.list('/')).items.length, 0)
    assert.equal(watch.events.length, 0)

    log.succeed()
    await moment()
    // That /a exists holds for what is durable now; the other answers rest on the second append.
    assert.deepEqual([first.now, update.now, refusal.now, other.now], ['fulfilled', 'open', 'open', 'open'])
    assert.match(again.now, /exists already/)
    assert.deepEqual(log.begun, [[2], [3, 4]])
    assert.equal(text((await store.get('/a'))!.value), '1')
    assert.deepEqual(
      (await nextEvents(watch, 1)).map(event => event.revision),
      [2],
    )

    log.succeed()
    await moment()
    assert.deepEqual([update.now, other.now], ['fulfilled', 'fulfilled'])
    await assert.rejects(
      stale,
      (error: unknown) => error instanceof RevisionMismatchError && error.current?.revision === 3,
    )
    assert.deepEqual(
      (await nextEvents(watch, 2)).map(event => event.revision),
      [3, 4],
    )
    await watch.stop()
    await store.close()
  })

  test('where it fails, all that was decided on top of it fails too, and its revisions are given out anew', async () => {
    const { log, store } = slowStore()
    const watch = collect(store, '/', 1)
    const a = store.create('/a', () => utf8('1'))
    await moment()
    log.succeed()
    await a
    const writes = [store.update('/a', () => utf8('2'), 2), store.create('/b', () => utf8('b'))]
    await moment()
    writes.push(
      store.update('/a', () => utf8('3'), 3),
      store.create('/b', () => utf8('never')),
      store.create('/c', () => utf8('c')),
    )
    const outcomes = Promise.allSettled(writes)
    assert.deepEqual(log.begun, [[2], [3, 4]])
    log.fail()
    for (const outcome of await outcomes)
      assert.match(`${outcome.status === 'rejected' && outcome.reason}`, /the disk is gone/)
    await moment()
    assert.deepEqual(log.begun, [[2], [3, 4]], 'nothing is left to be appended')
    assert.equal(await store.revision(), 2)
    assert.equal(text((await store.get('/a'))!.value), '1')

    const next = store.update('/a', () => utf8('again'), 2)
    await moment()
    log.succeed()
    assert.equal((await next).revision, 3)
    assert.deepEqual(
      (await nextEvents(watch, 2)).map(event => [event.revision, text(event.value)]),
      [
        [2, '1'],
        [3, 'again'],
      ],
    )
    await watch.stop()
    await store.close()
  })

  test('closing waits for it and for what was decided since, and lets nobody in', async () => {
    const { log, store } = slowStore(1)
    const watch = collect(store, '/', 1)
    const a = store.create('/a', () => utf8('1'))
    await moment()
    const b = store.create('/b', () => utf8('1'))
    const closing = store.close()
    const closed = outcomeOf(closing)
    await assert.rejects(
      store.create('/c', () => utf8('1')),
      StoreClosedError,
    )
    await assert.rejects(store.get('/a'), StoreClosedError)
    log.succeed()
    assert.equal((await a).revision, 2)
    await moment()
    assert.equal(closed.now, 'open')
    assert.equal(store.close(), closing)
    log.succeed()
    assert.equal((await b).revision, 3)
    await closing
    await watch.ended
    assert.deepEqual(
      watch.events.map(event => event.key),
      ['/a', '/b'],
    )
    assert.deepEqual(log.begun, [[2], [3]])
  })
})
