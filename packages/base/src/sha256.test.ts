import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { hmacSha256, sha256 } from './sha256.ts'

test('the same as everybody’s, whatever the length', () => {
  for (let length = 0; length < 200; length++) {
    const text = 'ä€x'.repeat(length).slice(0, length)
    assert.equal(sha256(text), createHash('sha256').update(text).digest('hex'), `${length}`)
  }
})

test('keyed, with short and long keys', () => {
  for (const key of ['', 'secret', 'k'.repeat(64), 'ä'.repeat(100)]) {
    const expected = createHmac('sha256', key).update('some text').digest('hex')
    assert.equal(Buffer.from(hmacSha256(key, 'some text')).toString('hex'), expected, key)
  }
})
