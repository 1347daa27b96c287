import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from './field-error.ts'
import { formatIp, isGlobalUnicast, isIpv4, isIpv6, parseIp, validateCidr, validateIp } from './ip.ts'

test('addresses read and print in canonical form', () => {
  const cases: [text: string, canonical: string | undefined][] = [
    ['10.0.0.1', '10.0.0.1'],
    ['010.000.0.01', '10.0.0.1'],
    ['256.0.0.1', undefined],
    ['1.2.3', undefined],
    ['::', '::'],
    ['::1', '::1'],
    ['FE80:0:0:0:0:0:0:0abc', 'fe80::abc'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['1::2::3', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['12345::', undefined],
    ['', undefined],
  ]
  for (const [text, canonical] of cases) {
    const bytes = parseIp(text)
    assert.equal(bytes && formatIp(bytes), canonical, text)
  }
  assert.deepEqual([isIpv4('1.2.3.4'), isIpv6('::1'), isIpv4('::1'), isIpv6('1.2.3.4')], [true, true, false, false])
})

test('addresses and ranges are validated with upstream words', () => {
  const ip = (text: string) => validateIp('ip', text).map(fieldErrorText)
  assert.deepEqual(ip('10.0.0.1'), [])
  assert.deepEqual(ip('x'), ['ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'])
  assert.deepEqual(ip('10.0.0.01'), ['ip: Invalid value: "10.0.0.01": must not have leading 0s'])
  assert.deepEqual(ip('::ffff:1.2.3.4'), [
    'ip: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
  ])
  assert.deepEqual(validateIp('ip', '10.0.0.01', ['10.0.0.01']), [])
  const cidr = (text: string) => validateCidr('cidr', text).map(fieldErrorText)
  assert.deepEqual(cidr('10.0.0.0/8'), [])
  assert.deepEqual(cidr('2001:db8::/32'), [])
  assert.deepEqual(cidr('10.0.0.1/8'), [
    'cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
  ])
  assert.deepEqual(cidr('10.0.0.0/33'), [
    'cidr: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ])
  assert.deepEqual(cidr('10.0.0.0/08'), [
    'cidr: Invalid value: "10.0.0.0/08": must not have leading 0s in IP or prefix length',
  ])
})

test('addresses that others could have', () => {
  const global = ['10.0.0.1', '192.168.0.1', '8.8.8.8', '2001:db8::1', 'fd00::1', '::ffff:10.0.0.1']
  const ofNobodyElse = ['127.0.0.1', '127.1.2.3', '169.254.169.254', '224.0.0.1', '0.0.0.0', '255.255.255.255']
  const alsoV6 = ['::', '::1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '', 'name']
  for (const each of global) assert.ok(isGlobalUnicast(each), each)
  for (const each of [...ofNobodyElse, ...alsoV6]) assert.ok(!isGlobalUnicast(each), each)
})
