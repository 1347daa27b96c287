import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { joinedFrames, release } from './joined-frames.ts'

const KB = 1024
const frame = (kilobytes: number, byte: number): Uint8Array => new Uint8Array(kilobytes * KB).fill(byte)
const joined = (...frames: Uint8Array[]): Uint8Array[] => [...joinedFrames(frames)]

describe('frames of an initial state', () => {
  it('are joined and never split', () => {
    const sizes = (...kilobytes: number[]): number[] =>
      joined(...kilobytes.map(each => frame(each, 1))).map(piece => piece.byteLength / KB)
    assert.deepEqual(sizes(), [])
    assert.deepEqual(sizes(1, 2, 3), [6])
    assert.deepEqual(sizes(100, 100, 100), [200, 100])
    assert.deepEqual(sizes(128, 128, 1), [256, 1])
    assert.deepEqual(sizes(1, 300, 1), [1, 300, 1])
  })

  it('use memory again that was given back, and no other', () => {
    const [first] = joined(frame(1, 1)) as [Uint8Array]
    const [second] = joined(frame(1, 2)) as [Uint8Array]
    assert.deepEqual([first[0], second[0]], [1, 2])
    release(first)
    const [third] = joined(frame(1, 3)) as [Uint8Array]
    assert.equal(third.buffer, first.buffer)
    assert.deepEqual([first[0], second[0], third[0]], [3, 2, 3])
    const foreign = frame(256, 4)
    release(foreign)
    assert.notEqual(joined(frame(1, 5))[0]!.buffer, foreign.buffer)
    assert.equal(foreign[0], 4)
  })
})
