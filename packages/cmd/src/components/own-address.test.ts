import assert from 'node:assert/strict'
import { test } from 'node:test'
import { localHosts, ownAddress } from './own-address.ts'

const of = (address: string, internal = false) => ({
  address,
  internal,
  family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
})
const lo = [of('127.0.0.1', true), of('::1', true)]
const both = { lo, eth0: [of('fe80::1'), of('192.0.2.1'), of('2001:db8::1')] }
const onlyIpv6 = { lo, eth0: [of('fe80::1'), of('2001:db8::1')] }
const none = { lo, eth0: [of('fe80::1')] }

const table: [bind: string, interfaces: typeof both, expected: string][] = [
  ['192.0.2.9', both, '192.0.2.9'],
  ['2001:db8::9', both, '2001:db8::9'],
  ['0.0.0.0', both, '192.0.2.1'],
  ['127.0.0.1', both, '192.0.2.1'],
  ['::', both, '2001:db8::1'],
  ['::1', both, '2001:db8::1'],
  ['0.0.0.0', onlyIpv6, '2001:db8::1'],
  ['::', { lo, eth0: [of('192.0.2.1')] }, '192.0.2.1'],
  ['0.0.0.0', none, '127.0.0.1'],
  ['::', none, '::1'],
]
for (const [bind, interfaces, expected] of table) {
  test(`who listens on ${bind} and has ${interfaces.eth0.map(each => each.address)} is ${expected} to others`, () =>
    assert.equal(ownAddress(bind, interfaces), expected))
}

test('a certificate is good for what is listened on', () => {
  assert.deepEqual(localHosts('0.0.0.0'), ['localhost', '127.0.0.1', '::1'])
  assert.deepEqual(localHosts('2001:db8::9'), ['localhost', '127.0.0.1', '::1', '2001:db8::9'])
})
