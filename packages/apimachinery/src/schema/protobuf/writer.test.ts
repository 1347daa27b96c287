import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProtobufWriter } from './writer.ts'

describe('ProtobufWriter', () => {
  it('keeps everything in order while its buffer grows', () => {
    for (const size of [1, 16, 100]) {
      const writer = new ProtobufWriter(size)
      const expected: number[] = []
      for (let count = 0; count < 300; count += 7) {
        const piece = Uint8Array.from({ length: count }, (_, index) => (index + count) & 0xff)
        writer.bytes(piece)
        expected.unshift(...piece)
        writer.varint(count)
        expected.unshift(...(count < 128 ? [count] : [(count & 0x7f) | 0x80, count >> 7]))
        writer.text('text')
        expected.unshift(...Buffer.from('text'))
      }
      assert.deepEqual([...writer.finish()], expected)
    }
  })
})
