import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EndpointSubset } from '@canopus/api/core/v1'
import { repackSubsets } from './repack.ts'

const subset = (ports: number[], addresses: string[], notReady: string[] = []): EndpointSubset => ({
  addresses: addresses.map(ip => ({ ip })),
  notReadyAddresses: notReady.map(ip => ({ ip })),
  ports: ports.map(port => ({ port, protocol: 'TCP' })),
})

describe('subsets in their canonical form', () => {
  const table: [name: string, subsets: EndpointSubset[], expected: EndpointSubset[]][] = [
    ['none', [], []],
    ['ports of the same address stand together', [subset([80], ['a']), subset([90], ['a'])], [subset([80, 90], ['a'])]],
    ['so do addresses of the same port', [subset([80], ['a']), subset([80], ['b'])], [subset([80], ['a', 'b'])]],
    [
      'what one has that the other has not is apart',
      [subset([80, 90], ['a']), subset([90], ['b'])],
      [subset([80], ['a']), subset([90], ['a', 'b'])],
    ],
    [
      'readiness tells them apart too',
      [subset([80], ['a']), subset([90], [], ['a'])],
      [subset([80], ['a']), subset([90], [], ['a'])],
    ],
    [
      'not ready goes before ready',
      [subset([80], ['a'], ['b']), subset([80], ['b'], ['a'])],
      [subset([80], [], ['a', 'b'])],
    ],
    ['an address without ports', [subset([], ['a', 'a'])], [subset([], ['a'])]],
    ['and with, elsewhere', [subset([], ['a']), subset([80], ['a'])], [subset([80], ['a'])]],
  ]
  for (const [name, subsets, expected] of table) test(name, () => assert.deepEqual(repackSubsets(subsets), expected))

  test('an address of two objects is two', () => {
    const of = (uid: string) => ({ ip: 'a', targetRef: { uid } })
    const [packed] = repackSubsets([{ addresses: [of('1'), of('2'), of('1')] }])
    assert.deepEqual(packed?.addresses, [of('1'), of('2')])
  })
})
