import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withWarnings } from './warnings.ts'

const warningsOf = (...texts: string[]) => withWarnings({ status: 200, headers: {} }, texts).headers?.warning

describe('Warning headers', () => {
  it('carry each text once, quoted', () => {
    assert.deepEqual(warningsOf('say "a"', 'b', 'b'), ['299 - "say \\"a\\""', '299 - "b"'])
  })

  it('carry letters as bytes of UTF-8, and nothing with control characters', () => {
    const bytes = Buffer.from('299 - "Ünï cödé"', 'utf8').toString('latin1')
    assert.deepEqual(warningsOf('Ünï cödé', 'a\nb', ''), [bytes])
    assert.equal(warningsOf('a\u0000b'), undefined)
  })

  it('carry long texts whole where there is room for all', () => {
    const long = 'x'.repeat(4000)
    assert.deepEqual(warningsOf(long, 'b'), [`299 - "${long}"`, '299 - "b"'])
  })

  it('are cut off, and at last left out, where there is not', () => {
    const texts = Array.from({ length: 20 }, (_, index) => String.fromCharCode(97 + index).repeat(300))
    const expected = texts.slice(0, 16).map(text => `299 - "${text.slice(0, 256)}"`)
    assert.deepEqual(warningsOf(...texts), expected)
  })
})
