import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemRandom } from './system-random.ts'

describe('systemRandom', () => {
  test('gives as many bytes as were asked for', () => {
    for (const length of [0, 1, 16, 64, 65, 5000]) assert.equal(systemRandom.bytes(length).length, length)
  })

  test('never gives the same bytes twice, and what was given stays', () => {
    const given = Array.from({ length: 2000 }, (_, n) => systemRandom.bytes(16 + (n % 7)))
    const texts = given.map(bytes => Buffer.from(bytes).toString('hex'))
    assert.equal(new Set(texts).size, given.length)
    assert.equal(new Set(texts.map(text => text.slice(0, 16))).size, given.length)
    assert.deepEqual(
      given.map(bytes => Buffer.from(bytes).toString('hex')),
      texts,
    )
  })

  test('bits are set half of the time', () => {
    let set = 0
    for (let n = 0; n < 1000; n++)
      for (const byte of systemRandom.bytes(32)) set += byte.toString(2).split('1').length - 1
    assert.ok(Math.abs(set - 128_000) < 2000, `${set}`)
  })
})
