import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesOfPiece, carriedBy } from '@canopus/client'
import { Frame, joined } from './frame.ts'

describe('frames', () => {
  function frame(text: string) {
    let made = 0
    const bytes = (): Uint8Array => {
      made++
      return Buffer.from(text)
    }
    return { frame: new Frame(text.length, bytes, () => [text]), made: () => made }
  }

  it('are made when somebody asks for their bytes, and once', () => {
    const [a, b] = [frame('a;'), frame('bb;')]
    const both = joined([a.frame, b.frame])
    assert.equal(both.byteLength, 5)
    assert.deepEqual(carriedBy(both), ['a;', 'bb;'])
    assert.equal(a.made(), 0)
    assert.equal(Buffer.from(bytesOfPiece(both)).toString(), 'a;bb;')
    assert.equal(bytesOfPiece(both), bytesOfPiece(both))
    bytesOfPiece(a.frame)
    assert.deepEqual([a.made(), b.made()], [1, 1])
  })

  it('carry nothing together with what carries nothing', () => {
    const text = Buffer.from('text')
    assert.equal(carriedBy(joined([frame('a').frame, text])), undefined)
    assert.equal(joined([text]), text)
  })
})
