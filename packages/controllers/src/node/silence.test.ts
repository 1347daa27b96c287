import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Lease } from '@canopus/api/coordination/v1'
import type { Node } from '@canopus/api/core/v1'
import { EvictionTurns } from './eviction-turns.ts'
import { type Heartbeats, type ImpliedHeartbeat, Silence } from './silence.ts'

const START = 1_000
const node = (name: string, lastHeartbeatTime?: string): Node =>
  ({
    metadata: { name },
    spec: {},
    status:
      lastHeartbeatTime === undefined ? {} : { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime }] },
  }) as unknown as Node
const lease = (second: number, resourceVersion = '1'): Lease =>
  ({
    metadata: { name: 'n', resourceVersion },
    spec: { renewTime: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000Z` },
  }) as unknown as Lease

function create(heartbeats?: Heartbeats): Silence {
  const periods = { period: 5_000, start: START, grace: 50_000, startupGrace: 60_000 }
  return new Silence({ ...periods, ...(heartbeats ? { heartbeats } : {}) })
}

/** When the node turns out to be silent, asked whenever it has to be. */
function silentAt(silence: Silence): number | undefined {
  for (let at = silence.nextAt(); at !== undefined; at = silence.nextAt()) if (silence.due(at).includes('n')) return at
  return undefined
}

describe('when a node has been silent for too long', () => {
  const seen = node('n', 'a')
  const table: [name: string, heard: [at: number, node: Node, lease?: Lease][], expected: number][] = [
    ['never since it was seen', [[START, seen]], START + 50_000],
    ['one seen between rounds counts from the next', [[START + 1_000, seen]], START + 55_000],
    ['one that has never reported has longer', [[START, node('n')]], START + 60_000],
    [
      'a renewal counts from the next round',
      [
        [START, seen, lease(0)],
        [START + 12_000, seen, lease(9)],
      ],
      START + 65_000,
    ],
    [
      'the same lease again says nothing',
      [
        [START, seen, lease(9)],
        [START + 12_000, seen, lease(9)],
      ],
      START + 50_000,
    ],
    [
      'nor an earlier renewal',
      [
        [START, seen, lease(9)],
        [START + 12_000, seen, lease(5)],
      ],
      START + 50_000,
    ],
    [
      'a first lease does',
      [
        [START, seen],
        [START + 10_000, seen, lease(5)],
      ],
      START + 60_000,
    ],
    [
      'so does a status',
      [
        [START, seen],
        [START + 10_000, node('n', 'b')],
      ],
      START + 60_000,
    ],
    [
      'its first status shortens its time',
      [
        [START, node('n')],
        [START + 3_000, node('n', 'a')],
      ],
      START + 55_000,
    ],
  ]
  for (const [name, heard, expected] of table) {
    test(name, () => {
      const silence = create()
      for (const [at, each, its] of heard) silence.hear(each, its, at)
      assert.equal(silentAt(silence), expected)
      assert.deepEqual([silence.isSilent('n', expected - 1), silence.isSilent('n', expected)], [false, true])
    })
  }

  test('a grace shorter than a round: nothing is decided before the next one', () => {
    const silence = new Silence({ period: 1_000, start: START, grace: 1, startupGrace: 60_000 })
    silence.hear(seen, undefined, START + 300)
    assert.deepEqual([silence.isSilent('n', START + 1_999), silentAt(silence)], [false, START + 2_000])
  })

  test('once told it is not told again until something is heard', () => {
    const silence = create()
    silence.hear(seen, undefined, START)
    assert.equal(silentAt(silence), START + 50_000)
    assert.equal(silentAt(silence), undefined)
    silence.hear(node('n', 'b'), undefined, START + 100_000)
    assert.equal(silentAt(silence), START + 150_000)
    silence.forget('n')
    assert.equal(silence.isSilent('n', START + 900_000), false)
  })
})

describe('heartbeats that are not written', () => {
  const world = (): { silence: Silence; say(implied: ImpliedHeartbeat): void } => {
    let now: ImpliedHeartbeat | undefined
    const silence = create({ of: () => now, onChange: () => () => {}, lost: () => undefined })
    const say = (implied: ImpliedHeartbeat): void => {
      now = implied
      silence.changed('n')
    }
    return { silence, say }
  }
  const last = { at: START + 300_000, renewTime: '2026-01-01T00:00:40.000000Z' }

  test('keep a node alive until they end, and count from then', () => {
    const { silence, say } = world()
    silence.hear(node('n', 'a'), lease(0, '7'), START)
    say({ since: '7' })
    assert.equal(silentAt(silence), undefined)
    say({ since: '7', last })
    assert.equal(silentAt(silence), START + 350_000)
    // The lease that says so afterwards is not another one.
    silence.hear(node('n', 'a'), lease(40, '9'), START + 320_000)
    assert.equal(silence.isSilent('n', START + 350_000), true)
    silence.hear(node('n', 'a'), lease(41, '10'), START + 330_000)
    assert.equal(silence.isSilent('n', START + 350_000), false)
  })

  test('are known only to whoever has seen the lease that they follow', () => {
    const { silence, say } = world()
    silence.hear(node('n', 'a'), lease(0, '7'), START)
    say({ since: '8' })
    assert.equal(silence.isSilent('n', START + 50_000), true)
    silence.hear(node('n', 'a'), lease(20, '8'), START + 40_000)
    assert.equal(silence.isSilent('n', START + 500_000), false)
    silence.loseLease('n', START + 600_000)
    assert.equal(silence.isSilent('n', START + 649_000), false)
    assert.equal(silence.isSilent('n', START + 650_000), true)
  })
})

describe('turns of evictions', () => {
  test('come at the rate, none at rate 0, and those that wait are woken', () => {
    const woken: [string, number][] = []
    const turns = new EvictionTurns(0.1, (name, after) => woken.push([name, after]))
    assert.equal(turns.isTurnOf('a', 0), false, 'the others that failed with it may not be known yet')
    assert.equal(turns.isTurnOf('b', 0), false)
    assert.deepEqual([turns.isTurnOf('a', 100), turns.isTurnOf('b', 100)], [true, false])
    assert.deepEqual(woken.splice(0), [
      ['a', 100],
      ['b', 100],
      ['b', 10_000],
    ])
    turns.setRate(0, 10_050)
    assert.equal(turns.isTurnOf('b', 10_100), false)
    assert.deepEqual(woken, [])
    turns.setRate(0.01, 10_200)
    assert.deepEqual(woken.splice(0), [['b', 0]])
    assert.equal(turns.isTurnOf('b', 10_200), false, 'where nobody could go, the first has to wait as well')
    assert.deepEqual(woken.splice(0), [['b', 100_000]])
    turns.setRate(0.1, 11_000)
    assert.equal(turns.isTurnOf('b', 20_999), false)
    assert.equal(turns.isTurnOf('b', 21_000), true)
    turns.forget('b')
  })
})
