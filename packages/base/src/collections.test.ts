import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Deque } from './deque.ts'
import { Heap } from './heap.ts'
import { LruCache } from './lru-cache.ts'
import { RingBuffer } from './ring-buffer.ts'
import { compareText, compareUtf8, SortedMap } from './sorted-map.ts'

describe('Heap', () => {
  test('gives items in order, however they came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), numbers => {
        const heap = new Heap<number>((a, b) => a - b)
        for (const number of numbers) heap.push(number)
        assert.equal(heap.size, numbers.length)
        const taken: (number | undefined)[] = []
        while (heap.size > 0) {
          assert.equal(heap.peek(), heap.peek())
          taken.push(heap.pop())
        }
        assert.deepEqual(
          taken,
          numbers.toSorted((a, b) => a - b),
        )
        assert.equal(heap.pop(), undefined)
      }),
    )
  })
})

describe('Deque', () => {
  test('does what an array does', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), item: fc.nat() }),
      fc.record({ do: fc.constant('unshift' as const), item: fc.nat() }),
      fc.record({ do: fc.constant('shift' as const) }),
      fc.record({ do: fc.constant('pop' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const deque = new Deque<number>()
        const array: number[] = []
        for (const each of steps) {
          if (each.do === 'push') deque.push(each.item)
          else if (each.do === 'unshift') deque.unshift(each.item)
          else assert.equal(deque[each.do](), array[each.do]())
          if (each.do === 'push') array.push(each.item)
          if (each.do === 'unshift') array.unshift(each.item)
          assert.equal(deque.length, array.length)
          assert.equal(deque.at(1), array[1])
        }
        assert.deepEqual([...deque], array)
      }),
    )
  })
})

describe('RingBuffer', () => {
  test('keeps the newest and answers what had to go', () => {
    const ring = new RingBuffer<number>(3)
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(item => ring.push(item)),
      [undefined, undefined, undefined, 1, 2],
    )
    assert.deepEqual([...ring], [3, 4, 5])
    assert.deepEqual([ring.at(0), ring.at(2), ring.at(3), ring.length], [3, 5, undefined, 3])
    ring.clear()
    assert.deepEqual([[...ring], ring.push(9), ring.at(0)], [[], undefined, 9])
    assert.throws(() => new RingBuffer(0), RangeError)
  })
})

describe('LruCache', () => {
  test('forgets what was used longest ago', () => {
    const cache = new LruCache<string, number>({ capacity: 2 })
    cache.set('a', 1)
    cache.set('b', 2)
    assert.equal(cache.get('a'), 1)
    cache.set('c', 3)
    assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3])
    assert.equal(cache.peek('a'), 1)
    cache.set('d', 4)
    assert.deepEqual([cache.peek('a'), cache.size], [undefined, 2])
  })

  test('counts weights', () => {
    const cache = new LruCache<string, string>({ capacity: 10, weigh: value => value.length })
    cache.set('a', '12345')
    cache.set('b', '12345')
    cache.set('a', '1')
    assert.equal(cache.weight, 6)
    cache.set('too heavy', '12345678901')
    assert.deepEqual([cache.size, cache.weight], [2, 6])
    cache.set('c', '123456')
    assert.deepEqual([cache.get('b'), cache.weight], [undefined, 7])
    cache.clear()
    assert.deepEqual([cache.size, cache.weight], [0, 0])
  })
})

describe('SortedMap', () => {
  test('agrees with a sorted array of entries, in any order of writes', () => {
    const key = fc.integer({ min: 0, max: 3000 })
    fc.assert(
      fc.property(fc.array(key, { maxLength: 3000 }), fc.array(key, { maxLength: 500 }), key, (set, removed, from) => {
        const map = new SortedMap<number, string>((a, b) => a - b)
        const model = new Map<number, string>()
        for (const each of set) {
          map.set(each, `v${each}`)
          model.set(each, `v${each}`)
        }
        for (const each of removed) assert.equal(map.delete(each), model.delete(each))
        const sorted = [...model].sort(([a], [b]) => a - b)
        assert.deepEqual([...map], sorted)
        assert.deepEqual([map.size, map.first(), map.last()], [sorted.length, sorted[0], sorted.at(-1)])
        assert.deepEqual(
          [...map.range(from, from + 100)],
          sorted.filter(([each]) => each >= from && each < from + 100),
        )
        const walked: number[] = []
        map.walk(from, (_, each) => walked.push(each) < 10)
        assert.deepEqual(
          walked,
          sorted
            .map(([each]) => each)
            .filter(each => each >= from)
            .slice(0, 10),
        )
        assert.deepEqual([map.get(from), map.has(from)], [model.get(from), model.has(from)])
        assert.equal(map.countFrom(from), sorted.filter(([each]) => each >= from).length)
      }),
      { numRuns: 50 },
    )
  })

  test('holds 150,000 keys that come in any order', () => {
    const map = new SortedMap<string, number>(compareText)
    const count = 150_000
    for (let n = 0; n < count; n++) map.set(`/registry/pods/default/pod-${(n * 48_271) % count}`, n)
    assert.equal(map.size, count)
    let last = ''
    for (const [key] of map) {
      assert.ok(last < key)
      last = key
    }
  })
})

describe('compareUtf8', () => {
  test('orders like the bytes', () => {
    const encoder = new TextEncoder()
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '/', '\u{e9}', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{1f600}', '\u{10ffff}'),
    })
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(Math.sign(compareUtf8(a, b)), Buffer.compare(encoder.encode(a), encoder.encode(b)))
      }),
    )
  })
})
