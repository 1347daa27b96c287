import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requestInfo } from '../filters/request-info.ts'
import { allocate, type Claim } from './allocation.ts'
import { RetryAfter } from './retry-after.ts'
import { SeatDemand, smoothed } from './seat-demand.ts'
import { dealHand, flowHash } from './shuffle.ts'
import { estimateWork, type WorkEstimate } from './work-estimate.ts'

describe('seats are divided', () => {
  const claim = (target: number, lower = 0, upper = 1000): Claim => ({ target, lower, upper })
  const rows: readonly [string, number, Claim[], number[] | undefined][] = [
    ['in proportion', 60, [claim(10), claim(20)], [20, 40]],
    ['with an upper bound', 60, [claim(10, 0, 15), claim(20)], [15, 45]],
    ['with a lower bound', 60, [claim(40, 40), claim(80)], [40, 20]],
    ['equally where nobody asks for any', 30, [claim(0), claim(0), claim(0)], [10, 10, 10]],
    ['where only the lower bounds fit', 30, [claim(10, 10), claim(20, 20)], [10, 20]],
    ['not where the lower bounds are too much', 29, [claim(10, 10), claim(20, 20)], undefined],
    ['not where the upper bounds are too little', 50, [claim(10, 0, 20), claim(20, 0, 20)], undefined],
  ]
  for (const [name, total, claims, expected] of rows) {
    it(name, () => {
      const seats = allocate(total, claims)?.seats
      assert.deepEqual(
        seats?.map(each => Math.round(each * 1000) / 1000),
        expected,
      )
    })
  }
})

describe('demand', () => {
  it('is averaged over time, with its deviation and its highest', () => {
    const demand = new SeatDemand(0)
    demand.set(4, 1000)
    demand.set(0, 2000)
    assert.deepEqual(demand.reset(4000), { high: 4, figures: { average: 1, deviation: Math.sqrt(3), high: 4 } })
    assert.deepEqual(demand.reset(4000), { high: 0, figures: undefined })
  })
  it('is forgotten slowly, and seen at once', () => {
    assert.equal(smoothed(100, { average: 0, deviation: 0, high: 0 }), 97.7)
    assert.equal(smoothed(1, { average: 8, deviation: 2, high: 12 }), 10)
  })
})

describe('hands', () => {
  it('hold different queues of the deck', () => {
    for (let flow = 0; flow < 500; flow++) {
      const hand = dealHand(flowHash('s', `user-${flow}`), 128, 6)
      assert.equal(new Set(hand).size, 6)
      assert.ok(hand.every(card => card >= 0 && card < 128))
    }
  })
  it('are the same for one flow, and nearly never the same for two', () => {
    const hands = Array.from({ length: 300 }, (_, flow) =>
      dealHand(flowHash('s', `user-${flow}`), 128, 6)
        .sort()
        .join(),
    )
    assert.equal(hands[0], dealHand(flowHash('s', 'user-0'), 128, 6).sort().join())
    assert.equal(new Set(hands).size, hands.length)
  })
  // Remainders 0, 0, 0 and the greatest, worked out by hand.
  const rows: readonly [bigint, number, number, number[]][] = [
    [0n, 4, 3, [0, 1, 2]],
    [3n + 4n * 2n, 4, 2, [3, 2]],
    [1n + 4n * 1n, 4, 2, [1, 2]],
  ]
  for (const [hash, deck, size, hand] of rows) {
    it(`of ${hash} out of ${deck} is ${hand}`, () => assert.deepEqual(dealHand(hash, deck, size), hand))
  }
})

describe('the work of a request', () => {
  const pods = '/api/v1/namespaces/a/pods'
  const one: WorkEstimate = { initialSeats: 1, finalSeats: 0, finalDelay: 0 }
  const seats = (initialSeats: number): WorkEstimate => ({ ...one, initialSeats })
  interface Row {
    name: string
    method?: string
    path: string
    count?: number
    each?: number
    watchers?: number
    most?: number
    expected: WorkEstimate
  }
  const rows: readonly Row[] = [
    { name: 'a get', path: `${pods}/p`, count: 10_000, expected: one },
    { name: 'a list of few', path: pods, count: 20, expected: one },
    { name: 'a list of many', path: pods, count: 100, expected: seats(5) },
    { name: 'a list is streamed', path: pods, count: 100_000, expected: seats(10) },
    { name: 'a list with a limit', path: `${pods}?limit=50`, count: 100_000, expected: seats(3) },
    { name: 'a list within the level', path: pods, count: 100_000, most: 4, expected: seats(4) },
    { name: 'a list of one', path: `${pods}?fieldSelector=metadata.name=p`, count: 100_000, expected: one },
    { name: 'a list of nothing', path: pods, count: 0, expected: one },
    { name: 'a watch from a revision', path: `${pods}?watch=true&resourceVersion=7`, count: 100_000, expected: one },
    { name: 'a watch that lists', path: `${pods}?watch=true`, count: 100, expected: seats(5) },
    {
      name: 'a watch list',
      path: `${pods}?watch=true&sendInitialEvents=true&resourceVersion=7`,
      count: 100,
      expected: seats(5),
    },
    { name: 'a write that few see', method: 'POST', path: pods, watchers: 9, expected: one },
    {
      name: 'a write that many see',
      method: 'POST',
      path: pods,
      watchers: 25,
      expected: { initialSeats: 1, finalSeats: 3, finalDelay: 5 },
    },
    {
      name: 'a write that very many see takes longer rather than more',
      method: 'POST',
      path: pods,
      watchers: 1000,
      expected: { initialSeats: 1, finalSeats: 10, finalDelay: 50 },
    },
    {
      name: 'a token is no event',
      method: 'POST',
      path: '/api/v1/namespaces/a/serviceaccounts/s/token',
      watchers: 1000,
      expected: one,
    },
  ]
  for (const { name, method = 'GET', path, count = 0, each = 4500, watchers = 0, most = 0, expected } of rows) {
    it(name, () => {
      const [target = '', query = ''] = path.split('?')
      const facts = { stored: () => ({ count, bytes: count * each }), watchers: () => watchers }
      const { watchers: _told, ...work } = estimateWork(requestInfo(method, target, query), facts, most)
      assert.deepEqual(work, expected)
    })
  }
})

describe('Retry-After', () => {
  const rows: readonly [string, [second: number, drops: number][], number][] = [
    ['begins with one second', [[0, 1]], 1],
    [
      'stays while few are dropped',
      [
        [0, 2],
        [1, 1],
      ],
      1,
    ],
    [
      'doubles where many are',
      [
        [0, 3],
        [1, 1],
      ],
      2,
    ],
    [
      'doubles again only after that time',
      [
        [0, 100],
        [1, 100],
        [2, 1],
      ],
      2,
    ],
    [
      'doubles again',
      [
        [0, 100],
        [1, 100],
        [2, 100],
        [3, 1],
      ],
      4,
    ],
    [
      'comes down by one',
      [
        [0, 3],
        [1, 1],
        [60, 1],
      ],
      1,
    ],
    ['has an end', Array.from({ length: 200 }, (_, second) => [second, 1000]), 32],
  ]
  for (const [name, drops, expected] of rows) {
    it(name, () => {
      const retry = new RetryAfter()
      for (const [second, count] of drops) for (let n = 0; n < count; n++) retry.drop(second)
      assert.equal(retry.seconds, expected)
    })
  }
})
