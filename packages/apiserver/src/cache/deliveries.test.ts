import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Deliveries } from './deliveries.ts'

/** Receivers that write down what they get, and turns of the event loop that the test takes. */
function setUp(count: number) {
  const turns: (() => void)[] = []
  let idle = 0
  const deliveries = new Deliveries(
    () => void idle++,
    work => void turns.push(work),
  )
  const got = Array.from({ length: count }, () => '')
  const receivers = new Set(
    got.map((_, index) => ({
      send(bytes: Uint8Array) {
        got[index] += Buffer.from(bytes).toString()
      },
    })),
  )
  return {
    deliveries,
    receivers,
    got,
    idle: () => idle,
    turn: () => turns.shift()!(),
    turns,
    served: (text: string) => got.filter(each => each === text).length,
  }
}

describe('deliveries', () => {
  it('serves few receivers at once', () => {
    const { deliveries, receivers, served, turn, turns, idle } = setUp(50)
    deliveries.add(Buffer.from('a'), receivers)
    deliveries.add(Buffer.from('b'), receivers)
    assert.equal(served('ab'), 50)
    turn()
    assert.equal(turns.length, 0)
    assert.equal(idle(), 0)
  })

  it('serves many in slices, each in a turn, in order', () => {
    const { deliveries, receivers, served, turn, idle } = setUp(500)
    deliveries.add(Buffer.from('a'), receivers)
    assert.equal(served('a'), 0)
    turn()
    assert.equal(served('a'), 200)
    deliveries.add(Buffer.from('b'), receivers)
    turn()
    turn()
    assert.equal(served('a'), 400)
    assert.equal(served('ab'), 100)
    assert.equal(idle(), 0)
    turn()
    turn()
    assert.equal(served('ab'), 500)
    assert.equal(idle(), 1)
  })

  it('counts what was sent at once into the slice of the turn', () => {
    const { deliveries, receivers, served, turn } = setUp(150)
    deliveries.add(Buffer.from('a'), receivers)
    deliveries.add(Buffer.from('b'), receivers)
    assert.equal(served('a'), 150)
    turn()
    assert.equal(served('ab'), 150)
  })

  it('sends to those who were there when it was added', () => {
    const { deliveries, receivers, turn, got } = setUp(250)
    deliveries.add(Buffer.from('a'), receivers)
    const [first] = receivers
    receivers.delete(first!)
    receivers.add({ send: () => assert.fail('came later') })
    turn()
    turn()
    assert.equal(got.join(''), 'a'.repeat(250))
  })

  it('finishes at once where it must', () => {
    const { deliveries, receivers, served, turn, idle } = setUp(500)
    deliveries.add(Buffer.from('a'), receivers)
    turn()
    deliveries.add(Buffer.from('b'), receivers)
    deliveries.finish()
    assert.equal(served('ab'), 500)
    assert.equal(deliveries.busy, false)
    turn()
    assert.equal(served('ab'), 500)
    assert.equal(idle(), 0)
  })
})
