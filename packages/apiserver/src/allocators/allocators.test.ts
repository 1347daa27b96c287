import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Service } from '@canopus/api/core/v1'
import { SeededRandom } from '@canopus/base'
import { Allocator, RangeFullError } from './allocator.ts'
import { reservedAddresses, reservedPorts, ServiceRange } from './service-range.ts'
import { ServiceAllocators } from './services.ts'

describe('ranges', () => {
  const cases: readonly [string, string, number, string, string][] = [
    ['10.96.0.0/16', 'IPv4', 65534, '10.96.0.1', '10.96.255.254'],
    ['10.96.7.9/24', 'IPv4', 254, '10.96.7.1', '10.96.7.254'],
    ['2001:db8:1::/125', 'IPv6', 7, '2001:db8:1::1', '2001:db8:1::7'],
    ['fd00::/108', 'IPv6', 2 ** 20 - 1, 'fd00::1', 'fd00::f:ffff'],
  ]
  for (const [cidr, family, size, first, last] of cases) {
    it(cidr, () => {
      const range = new ServiceRange(cidr)
      assert.equal(range.family, family)
      assert.equal(range.size, size)
      assert.equal(range.addressAt(0), first)
      assert.equal(range.addressAt(size - 1), last)
      assert.equal(range.indexOf(first), 0)
      assert.equal(range.indexOf(last), size - 1)
      assert.equal(range.indexOf('192.168.0.1'), undefined)
      assert.equal(range.indexOf('fe80::1'), undefined)
    })
  }

  it('knows all addresses of a range that is larger than what is given out', () => {
    const range = new ServiceRange('2001:db8::/64')
    assert.equal(range.size, 2 ** 20)
    assert.equal(range.indexOf('2001:db8::10:0'), 2 ** 20 - 1)
    assert.equal(range.indexOf('2001:db8::10:1'), 2n ** 20n)
    assert.equal(range.indexOf('2001:db8::ffff:ffff:ffff:ffff'), 2n ** 64n - 2n)
    assert.equal(range.indexOf('2001:db8:0:1::'), undefined)
    const taken = new Allocator('serviceIP', range.size, 0, new SeededRandom(1))
    assert.equal(taken.take(2n ** 64n - 2n, 'one'), true)
    assert.equal(taken.take(2n ** 64n - 2n, 'two'), false)
  })

  it('refuses what has no room', () => {
    assert.throws(() => new ServiceRange('10.0.0.0/32'))
    assert.throws(() => new ServiceRange('ten'))
  })

  it('keeps the first addresses for those who ask, as upstream', () => {
    assert.deepEqual([8, 254, 4094, 65534].map(reservedAddresses), [0, 16, 255, 256])
    assert.deepEqual([10, 2768].map(reservedPorts), [0, 86])
  })
})

describe('allocator', () => {
  it('gives numbers of its own share first', () => {
    const numbers = (share: { index: number; of: number }): number[] => {
      const allocator = new Allocator('nodePort', 2768, 86, new SeededRandom(1), share)
      return Array.from({ length: 167 }, (_, index) => allocator.takeAny(`${index}`))
    }
    const shares = Array.from({ length: 16 }, (_, index) => numbers({ index, of: 16 }))
    assert.equal(new Set(shares.flat()).size, 16 * 167)
    assert.ok(shares.flat().every(number => number >= 86 && number < 2768))
    const small = new Allocator('nodePort', 10, 2, new SeededRandom(1), { index: 1, of: 4 })
    const given = Array.from({ length: 10 }, (_, index) => small.takeAny(`${index}`))
    assert.deepEqual(given.slice(0, 2).sort(), [4, 5])
    assert.ok(given.slice(2, 8).every(number => number >= 2))
    assert.equal(new Set(given).size, 10)
  })

  it('gives each number once, the reserved ones last', () => {
    const allocator = new Allocator('number', 32, 16, new SeededRandom(1))
    const taken = Array.from({ length: 32 }, (_, i) => allocator.takeAny(`owner-${i}`))
    assert.equal(new Set(taken).size, 32)
    assert.ok(taken.slice(0, 16).every(each => each >= 16))
    assert.throws(() => allocator.takeAny('late'), RangeFullError)
    allocator.release(taken[3]!, 'somebody else')
    assert.throws(() => allocator.takeAny('late'), RangeFullError)
    allocator.release(taken[3]!, 'owner-3')
    assert.equal(allocator.takeAny('late'), taken[3])
  })
})

describe('services', () => {
  const service = (spec: object, uid = 'u'): Service =>
    ({ metadata: { name: 's', uid }, spec: { type: 'ClusterIP', ...spec } }) as Service
  const dual = (): ServiceAllocators =>
    new ServiceAllocators(['10.96.0.0/24', 'fd00::/112'], { from: 30000, to: 30001 }, new SeededRandom(1))

  it('get two addresses where they ask for both families', () => {
    const both = service({ ipFamilyPolicy: 'PreferDualStack' })
    dual().allocate(both, undefined)
    assert.deepEqual(both.spec.ipFamilies, ['IPv4', 'IPv6'])
    assert.match(both.spec.clusterIPs![0]!, /^10\.96\.0\./)
    assert.match(both.spec.clusterIPs![1]!, /^fd00::/)
    const one = service({})
    dual().allocate(one, undefined)
    assert.equal(one.spec.clusterIPs!.length, 1)
  })

  it('may have addresses with leading zeros where StrictIPCIDRValidation is off', () => {
    const ask = (allocators: ServiceAllocators, uid = 'u'): Service => {
      const asking = service({ clusterIP: '10.96.0.011', clusterIPs: ['10.96.0.011'] }, uid)
      allocators.allocate(asking, undefined)
      return asking
    }
    assert.throws(() => ask(dual()), /spec.clusterIPs\[0\]: Invalid value: "10.96.0.011": must not have leading 0s/)
    const isOn = (feature: string): boolean => feature !== 'StrictIPCIDRValidation'
    const lax = new ServiceAllocators(['10.96.0.0/24'], { from: 30000, to: 30001 }, new SeededRandom(1), isOn)
    assert.deepEqual(ask(lax).spec.clusterIPs, ['10.96.0.011'])
    assert.throws(() => ask(lax, 'other'), /provided IP is already allocated/)
  })

  it('give everything back where one part fails', () => {
    const allocators = dual()
    const ports = [1, 2, 3].map(port => ({ port, protocol: 'TCP', name: `p${port}` }))
    const wanted = { type: 'NodePort', ports, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }
    assert.throws(
      () => allocators.allocate(service(wanted, 'a'), undefined),
      /failed to allocate a nodePort: range is full/,
    )
    allocators.allocate(service({ ...wanted, ports: ports.slice(0, 2) }, 'b'), undefined)
  })
})
