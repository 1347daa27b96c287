import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withWarnings } from './warnings.ts'

const warningsOf = (...texts: string[]) => withWarnings({ status: 200, headers: {} }, texts).headers?.warning

describe('Warning headers', () => {
  it('carry each text once, quoted', () => {
    assert.deepEqual(warningsOf('say "a"', 'b', 'b'), ['299 - "say \\"a\\""', '299 - "b"'])
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
