import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { QueueSet, type Seat } from './queue-set.ts'

const estimate = (initialSeats = 1, finalSeats = 0, finalDelay = 0) => ({ initialSeats, finalSeats, finalDelay })
const level = (queues: number, limit: number, queueLength = 50): QueueSet =>
  new QueueSet({ queues, queueLength }, limit, 0, () => {})

/** Flows that always want to do more: how many milliseconds of service, times seats, each gets. */
function serve(flows: Record<string, { hand: number[]; seats: number; takes: number; atOnce: number }>, limit: number) {
  const set = level(16, limit)
  const got: Record<string, number> = {}
  const executing: { flow: string; seat: Seat; ends: number }[] = []
  const waiting = new Map<string, Set<Seat>>()
  for (let now = 0; now < 20_000; now++) {
    for (const each of executing.filter(one => one.ends === now)) {
      executing.splice(executing.indexOf(each), 1)
      got[each.flow] = (got[each.flow] ?? 0) + flows[each.flow]!.takes * flows[each.flow]!.seats
      set.finish(each.seat, now)
    }
    for (const [flow, { hand, seats, takes, atOnce }] of Object.entries(flows)) {
      const mine = waiting.get(flow) ?? new Set<Seat>()
      waiting.set(flow, mine)
      const begin = (seat: Seat, at: number): void => {
        mine.delete(seat)
        executing.push({ flow, seat, ends: at + takes })
      }
      while (mine.size + executing.filter(each => each.flow === flow).length < atOnce) {
        const seat = set.start(estimate(seats), hand, now)
        if (seat === undefined) break
        if (seat.state === 'executing') begin(seat, now)
        else {
          mine.add(seat)
          seat.onStart = () => begin(seat, seat.startedAt)
        }
      }
    }
  }
  return got
}

describe('fairness', () => {
  const rows: readonly [string, Parameters<typeof serve>[0], number][] = [
    [
      'who asks a hundred times gets no more than who asks always',
      { noisy: { hand: [0], seats: 1, takes: 10, atOnce: 40 }, quiet: { hand: [1], seats: 1, takes: 10, atOnce: 5 } },
      4,
    ],
    [
      'long requests count for what they take',
      { long: { hand: [0], seats: 1, takes: 50, atOnce: 20 }, short: { hand: [1], seats: 1, takes: 5, atOnce: 20 } },
      4,
    ],
    [
      'wide requests count for their seats',
      { wide: { hand: [0], seats: 4, takes: 10, atOnce: 20 }, narrow: { hand: [1], seats: 1, takes: 10, atOnce: 20 } },
      8,
    ],
  ]
  for (const [name, flows, limit] of rows) {
    it(name, () => {
      const [first = 0, second = 0] = Object.values(serve(flows, limit))
      const share = first / (first + second)
      assert.ok(share > 0.42 && share < 0.58, `the first got ${share.toFixed(2)}`)
    })
  }

  it('who asks for less than a fair part never waits for long', () => {
    const set = level(16, 4)
    const noisy = Array.from({ length: 50 }, () => set.start(estimate(), [0], 0)!)
    const one = set.start(estimate(), [1], 0)!
    assert.equal(one.state, 'waiting')
    set.finish(noisy[0]!, 3)
    assert.equal(one.state, 'executing', 'it came last and goes next')
  })
})

it('long requests under way count before they end', () => {
  const set = level(16, 4)
  const long = Array.from({ length: 10 }, () => set.start(estimate(2), [0], 0)!)
  const other = set.start(estimate(), [1], 3000)!
  assert.deepEqual([long[2]!.state, other.state], ['waiting', 'waiting'])
  set.finish(long[0]!, 5000)
  assert.equal(other.state, 'executing')
})

it('wide requests leave a tenth of the seats to narrow ones', () => {
  const set = level(16, 40)
  const states = Array.from({ length: 10 }, () => set.start(estimate(4), [0], 0)!.state)
  assert.equal(states.filter(each => each === 'executing').length, 9)
  assert.equal(set.start(estimate(), [1], 1)!.state, 'executing')
})

it('narrow requests of idle flows pass a wide one that does not fit, a tenth of the level of them', () => {
  const set = level(16, 20)
  for (let n = 0; n < 3; n++) assert.equal(set.start(estimate(6), [0], 0)!.state, 'executing')
  const wide = set.start(estimate(6), [1], 0)!
  assert.equal(wide.state, 'waiting')
  const mine = set.start(estimate(), [0], 1)!
  assert.equal(mine.state, 'waiting', 'a flow that has something under way does not pass')
  const narrow = [2, 3, 4].map(queue => set.start(estimate(), [queue], 1)!)
  assert.deepEqual(
    narrow.map(({ state }) => state),
    ['executing', 'executing', 'waiting'],
  )
  set.finish(narrow[0]!, 2)
  assert.equal(narrow[2]!.state, 'executing')
})

describe('seats', () => {
  it('are taken and given back', () => {
    const set = level(4, 3)
    const first = set.start(estimate(2), [0], 0)!
    const second = set.start(estimate(2), [1], 0)!
    assert.deepEqual([first.state, second.state], ['executing', 'waiting'])
    assert.deepEqual([set.seatsInUse, set.seatsWaiting, set.waiting], [2, 2, 1])
    set.finish(first, 5)
    assert.equal(second.state, 'executing')
    set.finish(second, 9)
    assert.ok(set.idle)
  })

  it('stay taken for the final delay', () => {
    const set = level(4, 3)
    const write = set.start(estimate(1, 3, 5), [0], 0)!
    const next = set.start(estimate(), [1], 0)!
    set.finish(write, 2)
    assert.equal(next.state, 'waiting')
    assert.equal(set.executing, 0)
    set.release(write, 7)
    assert.equal(next.state, 'executing')
  })

  it('may be fewer than a request is wide: it then runs alone', () => {
    const set = level(4, 3)
    const small = set.start(estimate(1), [0], 0)!
    const wide = set.start(estimate(5), [1], 0)!
    assert.equal(wide.state, 'waiting')
    set.finish(small, 1)
    assert.equal(wide.state, 'executing')
    assert.equal(set.start(estimate(1), [2], 2)!.state, 'waiting')
  })

  it('are refused where there are no queues', () => {
    const set = level(0, 1)
    assert.equal(set.start(estimate(), [0], 0)!.state, 'executing')
    assert.equal(set.start(estimate(), [0], 0), undefined)
  })

  it('are without end where the level is exempt', () => {
    const set = level(-1, 0)
    for (let n = 0; n < 1000; n++) assert.equal(set.start(estimate(10), [0], 0)!.state, 'executing')
  })

  it('become more: who waits starts', () => {
    const set = level(4, 1)
    set.start(estimate(), [0], 0)
    const waits = set.start(estimate(), [0], 0)!
    set.configure({ queues: 4, queueLength: 50 }, 2, 1)
    assert.equal(waits.state, 'executing')
  })
})

describe('queues', () => {
  it('turn away what they cannot hold', () => {
    const set = level(2, 1, 3)
    const states = Array.from({ length: 6 }, () => set.start(estimate(), [0], 0)?.state)
    assert.deepEqual(states, ['executing', 'waiting', 'waiting', 'waiting', undefined, undefined])
    assert.equal(set.start(estimate(), [1], 0)?.state, 'waiting', 'the other queue is empty')
  })

  it('of a hand are filled evenly', () => {
    const set = level(4, 1, 2)
    const states = Array.from({ length: 8 }, () => set.start(estimate(), [0, 1, 2], 0)?.state)
    assert.deepEqual(states.slice(0, 7), ['executing', ...Array.from({ length: 6 }, () => 'waiting')])
    assert.equal(states[7], undefined)
  })

  it('forget who gives up', () => {
    const set = level(2, 1)
    const first = set.start(estimate(), [0], 0)!
    const second = set.start(estimate(), [0], 0)!
    const third = set.start(estimate(), [0], 0)!
    set.cancel(second, 1)
    assert.equal(set.waiting, 1)
    set.finish(first, 2)
    assert.deepEqual([second.state, third.state], ['over', 'executing'])
    set.finish(third, 3)
    assert.ok(set.idle)
  })

  it('that are too many go once they are empty', () => {
    const set = level(4, 1)
    const first = set.start(estimate(), [3], 0)!
    const second = set.start(estimate(), [3], 0)!
    set.configure({ queues: 1, queueLength: 50 }, 1, 1)
    set.finish(first, 2)
    assert.equal(second.state, 'executing')
    set.finish(second, 3)
    assert.ok(set.idle)
    assert.equal(set.start(estimate(), [0], 4)?.state, 'executing')
  })
})

it('tells of each nanosecond which part of the seats was in use', () => {
  const set = level(4, 4)
  set.denominator = 4
  const [a, b] = [set.start(estimate(), [0], 0)!, set.start(estimate(2), [1], 2)!]
  set.finish(a, 5)
  set.finish(b, 6)
  set.syncTime(16)
  const { bounds, counts, sum, count } = set.utilization
  assert.equal(count, 16e6)
  assert.equal(sum, 0.25 * 2e6 + 0.75 * 3e6 + 0.5 * 1e6)
  const filled = bounds.flatMap((bound, at) => (counts[at]! > 0 ? [[bound, counts[at]]] : []))
  assert.deepEqual(filled, [
    [0, 10e6],
    [0.3, 2e6],
    [0.5, 1e6],
    [0.8, 3e6],
  ])
})
