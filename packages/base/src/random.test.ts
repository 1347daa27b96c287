import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { randomInt, uuid } from './random.ts'
import { SeededRandom } from './seeded-random.ts'

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.next())

describe('SeededRandom', () => {
  test('the same seed gives the same sequence, another one another', () => {
    assert.deepEqual(draw(new SeededRandom(7), 100), draw(new SeededRandom(7), 100))
    assert.deepEqual(draw(new SeededRandom('pods'), 10), draw(new SeededRandom('pods'), 10))
    const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => new SeededRandom(seed).next()))
    assert.equal(firsts.size, 1000)
  })

  test('numbers lie evenly in [0, 1)', () => {
    const buckets = new Array<number>(10).fill(0)
    for (const number of draw(new SeededRandom(1), 100_000)) {
      assert.ok(number >= 0 && number < 1)
      buckets[Math.floor(number * 10)]!++
    }
    for (const count of buckets) assert.ok(Math.abs(count - 10_000) < 500, `${buckets}`)
  })

  test('bits of bytes are set half of the time', () => {
    const bytes = new SeededRandom(2).bytes(10_001)
    assert.equal(bytes.length, 10_001)
    for (let bit = 0; bit < 8; bit++) {
      const set = bytes.reduce((sum, byte) => sum + ((byte >> bit) & 1), 0)
      assert.ok(Math.abs(set - 5000) < 300, `bit ${bit}: ${set}`)
    }
  })

  test('a fork goes its own way', () => {
    const random = new SeededRandom(3)
    const fork = random.fork()
    assert.notDeepEqual(draw(fork, 5), draw(random, 5))
  })

  test('randomInt stays below its limit and reaches everything', () => {
    const random = new SeededRandom(4)
    assert.deepEqual([...new Set(Array.from({ length: 200 }, () => randomInt(random, 5)))].sort(), [0, 1, 2, 3, 4])
  })

  test('uuid has version 4 and the variant of RFC 9562', () => {
    const random = new SeededRandom(5)
    for (let n = 0; n < 100; n++)
      assert.match(uuid(random), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
