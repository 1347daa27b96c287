import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { sha256 } from './sha256.ts'

test('the same as everybody’s, whatever the length', () => {
  for (let length = 0; length < 200; length++) {
    const text = 'ä€x'.repeat(length).slice(0, length)
    assert.equal(sha256(text), createHash('sha256').update(text).digest('hex'), `${length}`)
  }
})
