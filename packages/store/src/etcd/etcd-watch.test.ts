/** What is said on the stream of a watch, where the server says nothing. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { utf8 } from '../testing/watching.ts'
import type { EtcdConnection } from './connection.ts'
import { EtcdWatch } from './etcd-watch.ts'

/** The server's end of a stream that never is too full. */
class Stream extends EventEmitter {
  readonly asked: string[] = []
  write(request: object): void {
    this.asked.push(...Object.keys(request))
  }
  isPaused(): boolean {
    return false
  }
  cancel(): void {}
  answer(revision: number, created = false): void {
    this.emit('data', { created, events: [], header: { revision }, compactRevision: 0 })
  }
}

it('progress is asked for until it is told: a server keeps silent while the watch reads history', async () => {
  const clock = new SimulatedClock()
  const stream = new Stream()
  const stop = new AbortController()
  const watch = new EtcdWatch({
    connection: { stream: async () => stream } as unknown as EtcdConnection,
    clock,
    logger: silentLogger,
    key: utf8('/a'),
    rangeEnd: utf8('/b'),
    from: 5,
    signal: stop.signal,
    trustsProgress: () => true,
    toEvent: () => assert.fail('there are no events'),
  })
  const batch = watch.batches().next()
  watch.requestProgress()
  await setImmediate()
  stream.answer(9, true)
  const asked = (): number => stream.asked.filter(each => each === 'progressRequest').length
  assert.equal(asked(), 1)
  await clock.advance(99)
  assert.equal(asked(), 1)
  await clock.advance(101)
  assert.equal(asked(), 3)
  stream.answer(9)
  assert.deepEqual((await batch).value, { events: [], revision: 9 })
  await clock.advance(1000)
  assert.equal(asked(), 3)
  stop.abort()
})
