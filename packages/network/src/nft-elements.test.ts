import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysOf } from './nft-elements.ts'

test('keys of a map as nft lists them', () => {
  const concat = (...parts: unknown[]) => [{ concat: parts }, { accept: null }]
  const elem = [concat('tcp', 30080), concat('udp', 30053), [80, { accept: null }]]
  assert.deepEqual(keysOf({ nftables: [{}, { map: { elem } }] }), ['tcp . 30080', 'udp . 30053', '80'])
  assert.deepEqual(keysOf({ nftables: [{ map: {} }] }), [])
  assert.deepEqual(keysOf(undefined), [])
})
