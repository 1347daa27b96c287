import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { abortable, onAbort, TimeoutError, whenAborted, withTimeout } from './abort.ts'
import { AsyncQueue } from './async-queue.ts'
import { deferred } from './deferred.ts'
import { SimulatedClock } from './simulated-clock.ts'

async function drain<T>(queue: AsyncQueue<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of queue) items.push(item)
  return items
}

describe('AsyncQueue', () => {
  test('hands out in order, what waits and what comes, and ends when closed', async () => {
    const queue = new AsyncQueue<number>()
    queue.push(1)
    const drained = drain(queue)
    queue.push(2)
    await Promise.resolve()
    queue.push(3)
    queue.close()
    assert.equal(queue.push(4), false)
    assert.deepEqual(await drained, [1, 2, 3])
  })

  test('several consumers share the items', async () => {
    const queue = new AsyncQueue<number>()
    const consumers = [drain(queue), drain(queue)]
    for (let n = 0; n < 10; n++) queue.push(n)
    queue.close()
    assert.deepEqual((await Promise.all(consumers)).flat().sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('a bound refuses pushes and has puts wait', async () => {
    const queue = new AsyncQueue<number>({ limit: 2 })
    assert.deepEqual([queue.push(1), queue.push(2), queue.push(3)], [true, true, false])
    let added = false
    const put = queue.put(4).then(answer => {
      added = answer
    })
    await Promise.resolve()
    assert.equal(added, false)
    assert.equal((await queue.next()).value, 1)
    await put
    assert.deepEqual([added, queue.length], [true, 2])
    const late = queue.put(5)
    queue.close()
    assert.equal(await late, false)
  })

  test('a failure is thrown at every consumer, now and later', async () => {
    const queue = new AsyncQueue<number>()
    const drained = drain(queue)
    queue.fail(new Error('broken'))
    await assert.rejects(drained, /broken/)
    await assert.rejects(queue.next(), /broken/)
  })
})

describe('abort helpers', () => {
  test('abortable settles like its promise', async () => {
    const { signal } = new AbortController()
    assert.equal(await abortable(Promise.resolve(1), signal), 1)
    await assert.rejects(abortable(Promise.reject(new Error('no')), signal), /no/)
  })

  test('abortable gives up with the reason of its signal', async () => {
    const controller = new AbortController()
    const waiting = abortable(deferred().promise, controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    await assert.rejects(abortable(Promise.resolve(), controller.signal), /enough/)
    await whenAborted(controller.signal)
  })

  test('onAbort calls once, at once where it is late, and not after release', () => {
    const controller = new AbortController()
    let calls = 0
    const count = (): void => void calls++
    const release = onAbort(controller.signal, count)
    onAbort(controller.signal, count)
    release()
    controller.abort()
    assert.equal(calls, 1)
    onAbort(controller.signal, count)
    onAbort(undefined, count)
    assert.equal(calls, 2)
  })

  test('withTimeout aborts the work when the time is up', async () => {
    const clock = new SimulatedClock()
    let aborted = false
    const running = withTimeout(clock, 1000, 'the work', signal => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      return deferred().promise
    })
    const failed = assert.rejects(running, (error: TimeoutError) => {
      assert.ok(error instanceof TimeoutError)
      assert.equal(error.message, 'the work took longer than 1000 ms')
      return true
    })
    await clock.advance(1000)
    await failed
    assert.equal(aborted, true)
  })

  test('withTimeout leaves no timer behind', async () => {
    const clock = new SimulatedClock()
    assert.equal(await withTimeout(clock, 1000, 'the work', async () => 5), 5)
    const controller = new AbortController()
    const running = withTimeout(clock, 1000, 'the work', () => deferred().promise, controller.signal)
    controller.abort(new Error('stop'))
    await assert.rejects(running, /stop/)
    assert.equal(clock.pending, 0)
  })
})
