import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Device, DeviceClaim, DeviceClass, ResourceClaim, ResourceSlice } from '@canopus/api/resource/v1'
import { allocate } from './allocator.ts'
import { readCapacity } from './capacity.ts'
import { Pools } from './pools.ts'

type Asked = Record<string, unknown>

const node = { name: 'n', labels: {} }
const aClass = { metadata: { name: 'any' }, spec: {} } as unknown as DeviceClass

function aSlice(name: string, pool: string, devices: Device[], more: Asked = {}): ResourceSlice {
  const spec = {
    driver: 'd',
    pool: { name: pool, generation: 1, resourceSliceCount: 1 },
    nodeName: 'n',
    devices,
    ...more,
  }
  return { metadata: { name }, spec } as unknown as ResourceSlice
}

/** A claim with a request for each of these. */
function aClaim(...asked: Asked[]): ResourceClaim {
  const requests = asked.map((each, index) => {
    const exactly = { deviceClassName: 'any', allocationMode: 'ExactCount', ...each }
    return 'firstAvailable' in each ? { name: `r${index}`, ...each } : { name: `r${index}`, exactly }
  })
  const devices = { requests } as unknown as DeviceClaim
  return { metadata: { name: 'c', namespace: 'ns' }, spec: { devices } } as ResourceClaim
}

interface Facts {
  claims: ResourceClaim[]
  slices: ResourceSlice[]
  allocated?: string[]
  shared?: Record<string, Record<string, string>>
}

/** `device` or `device AMOUNTS` for each result, claim by claim. */
function solve({ claims, slices, allocated = [], shared = {} }: Facts): string[][] | undefined {
  let shares = 0
  const results = allocate(claims, node, {
    allocated: new Set(allocated),
    shared: new Map(Object.entries(shared).map(([id, each]) => [id, readCapacity(each)])),
    pools: new Pools(slices).for(node),
    classOf: name => (name === 'any' ? aClass : undefined),
    newShareId: () => `share-${++shares}`,
  })
  return results?.map(({ devices }) =>
    (devices?.results ?? []).map(({ device, consumedCapacity, shareID }) => {
      assert.equal(shareID === undefined, consumedCapacity === undefined)
      return consumedCapacity === undefined ? device : `${device} ${Object.values(consumedCapacity).join()}`
    }),
  )
}

type Policy = NonNullable<NonNullable<Device['capacity']>[string]['requestPolicy']>
const shared = (name: string, value: string, requestPolicy?: Policy): Device => ({
  name,
  allowMultipleAllocations: true,
  capacity: { mem: { value, ...(requestPolicy ? { requestPolicy } : {}) } },
})
const wants = (mem: string, more: Asked = {}): Asked => ({ capacity: { requests: { mem } }, ...more })
const inSteps: Policy = { default: '1Gi', validRange: { min: '1Gi', max: '4Gi', step: '2Gi' } }
const ofValues: Policy = { default: '2Gi', validValues: ['1Gi', '2Gi', '4Gi'] }

const capacities: readonly [what: string, device: Device, asked: Asked[], expected: string[] | undefined][] = [
  ['without a wish and a policy, all of it', shared('x', '8Gi'), [{}], ['x 8Gi']],
  ['all of it, so that nothing is left', shared('x', '8Gi'), [{}, {}], undefined],
  ['without a policy, what is wanted', shared('x', '8Gi'), [wants('3Gi')], ['x 3Gi']],
  ['several shares, one after the other', shared('x', '8Gi'), [wants('3Gi'), wants('5Gi')], ['x 3Gi', 'x 5Gi']],
  ['more than there is', shared('x', '8Gi'), [wants('3Gi'), wants('6Gi')], undefined],
  ['the default of the policy', shared('x', '8Gi', ofValues), [{}], ['x 2Gi']],
  ['the least of the policy', shared('x', '8Gi', inSteps), [wants('5')], ['x 1Gi']],
  ['the next step', shared('x', '8Gi', inSteps), [wants('2Gi')], ['x 3Gi']],
  ['a step beyond the most of the policy', shared('x', '8Gi', inSteps), [wants('3.5Gi')], undefined],
  ['the next valid value', shared('x', '8Gi', ofValues), [wants('3Gi')], ['x 4Gi']],
  ['more than any valid value', shared('x', '8Gi', ofValues), [wants('5Gi')], undefined],
  ['a default of nothing', shared('x', '8Gi', { default: '0', validValues: ['0'] }), [{}], ['x 0']],
  ['a capacity that it does not have', shared('x', '8Gi'), [{ capacity: { requests: { cores: '1' } } }], undefined],
  [
    'two shares of one request, where the device may be taken once per request',
    shared('x', '8Gi'),
    [wants('1Gi', { count: 2 })],
    undefined,
  ],
  ['a share for whoever wants all devices', shared('x', '8Gi'), [wants('1Gi', { allocationMode: 'All' })], ['x 1Gi']],
  [
    'of a device for one claim at most what it has',
    { name: 'x', capacity: { mem: { value: '8Gi' } } },
    [wants('9Gi')],
    undefined,
  ],
  ['a device for one claim, as a whole', { name: 'x', capacity: { mem: { value: '8Gi' } } }, [wants('1Gi')], ['x']],
]
for (const [what, device, asked, expected] of capacities) {
  test(`consumable capacity: ${what}`, () => {
    assert.deepEqual(solve({ claims: [aClaim(...asked)], slices: [aSlice('s', 'p', [device])] })?.[0], expected)
  })
}

test('what other claims have of a device counts, and the next device is taken where it is too much', () => {
  const slices = [aSlice('s', 'p', [shared('x', '8Gi'), shared('y', '8Gi')])]
  const claims = [aClaim(wants('4Gi')), aClaim(wants('4Gi'))]
  assert.deepEqual(solve({ claims, slices }), [['x 4Gi'], ['x 4Gi']])
  assert.deepEqual(solve({ claims, slices, shared: { 'd/p/x': { mem: '4Gi' } } }), [['x 4Gi'], ['y 4Gi']])
  assert.deepEqual(solve({ claims, slices, shared: { 'd/p/x': { mem: '5Gi' } } }), [['y 4Gi'], ['y 4Gi']])
  assert.deepEqual(solve({ claims, slices, allocated: ['d/p/x'] }), [['y 4Gi'], ['y 4Gi']], 'somebody has it alone')
})

test('a share that leads nowhere is given back', () => {
  const slices = [aSlice('s', 'p', [shared('x', '4Gi'), shared('y', '8Gi')])]
  // The first request must leave `x` to the second one, which the third one pushes off `y`.
  const large = wants('8Gi')
  assert.deepEqual(solve({ claims: [aClaim(wants('4Gi'), large)], slices }), [['x 4Gi', 'y 8Gi']])
  assert.deepEqual(solve({ claims: [aClaim(large, wants('4Gi'))], slices }), [['y 8Gi', 'x 4Gi']])
  assert.equal(solve({ claims: [aClaim(large, wants('4Gi'), wants('1Gi'))], slices }), undefined)
})

test('shares of a device take its counters once', () => {
  const consumesCounters = [{ counterSet: 'set', counters: { c: { value: '2' } } }]
  const partition = (name: string): Device => ({ ...shared(name, '8Gi'), consumesCounters })
  const pool = { name: 'p', generation: 1, resourceSliceCount: 2 }
  const slices = [
    aSlice('s', 'p', [partition('x'), partition('y')], { pool }),
    aSlice('counters', 'p', [], { pool, sharedCounters: [{ name: 'set', counters: { c: { value: '3' } } }] }),
  ]
  assert.deepEqual(solve({ claims: [aClaim(wants('4Gi'), wants('4Gi'))], slices }), [['x 4Gi', 'x 4Gi']])
  assert.equal(solve({ claims: [aClaim(wants('4Gi'), wants('4Gi'), wants('4Gi'))], slices }), undefined)
  assert.equal(solve({ claims: [aClaim(wants('5Gi'))], slices, shared: { 'd/p/x': { mem: '4Gi' } } }), undefined)
})

test('devices are taken in the order of pools, slices and their own; pools that need preparing come last', () => {
  const devices = (...names: string[]): Device[] => names.map(name => ({ name }))
  const two = { name: 'b', generation: 1, resourceSliceCount: 2 }
  const slices = [
    aSlice('z', 'b', devices('b2', 'b1'), { pool: two }),
    aSlice('a', 'b', devices('b3'), { pool: two }),
    aSlice('p', 'a', [{ name: 'a1', bindingConditions: ['ready'] }, { name: 'a2' }]),
    aSlice('q', 'c', devices('c1')),
  ]
  assert.deepEqual(solve({ claims: [aClaim({ count: 6 })], slices }), [['b3', 'b2', 'b1', 'c1', 'a1', 'a2']])
})

test('conditions for binding go into the result, and with devices that bind to a node the claim does', () => {
  const device: Device = {
    name: 'x',
    bindingConditions: ['ready'],
    bindingFailureConditions: ['broken'],
    bindsToNode: true,
  }
  const slices = [aSlice('s', 'p', [device], { nodeName: undefined, allNodes: true })]
  const [result] = allocate([aClaim({})], node, {
    allocated: new Set(),
    pools: new Pools(slices).for(node),
    classOf: () => aClass,
    newShareId: () => 'x',
  })!
  assert.deepEqual(result!.devices!.results, [
    {
      request: 'r0',
      driver: 'd',
      pool: 'p',
      device: 'x',
      bindingConditions: ['ready'],
      bindingFailureConditions: ['broken'],
    },
  ])
  assert.deepEqual(result!.nodeSelector?.nodeSelectorTerms[0]?.matchFields?.[0]?.values, ['n'])
})

test('many devices that are alike are tried in one order only', () => {
  const devices = Array.from(
    { length: 24 },
    (_, index): Device => ({ name: `x${index}`, attributes: { a: { int: index } } }),
  )
  const claim = aClaim({ count: 4 })
  claim.spec.devices.constraints = [{ matchAttribute: 'd/a' }]
  assert.equal(solve({ claims: [claim], slices: [aSlice('s', 'p', devices)] }), undefined)
})

const faults: readonly [what: string, facts: Facts, message: string][] = [
  [
    'more devices than fit into a claim',
    { claims: [aClaim({ count: 20 }, { count: 13 })], slices: [] },
    'claim ns/c: number of requested devices 33 exceeds the claim limit of 32',
  ],
  [
    'all devices of a pool that is being updated',
    {
      claims: [aClaim({ allocationMode: 'All' })],
      slices: [aSlice('s', 'p', [], { pool: { name: 'p', generation: 1, resourceSliceCount: 2 } })],
    },
    'claim ns/c, request r0: asks for all devices, but resource pool d/p is currently being updated',
  ],
  [
    'all devices where one is there twice',
    { claims: [aClaim({ allocationMode: 'All' })], slices: [aSlice('s', 'p', [{ name: 'x' }, { name: 'x' }])] },
    'claim ns/c, request r0: asks for all devices, but resource pool d/p is currently invalid',
  ],
  [
    'a class that is gone',
    { claims: [aClaim({ deviceClassName: 'no' })], slices: [] },
    'claim ns/c, request r0: could not retrieve device class no: deviceclass.resource.k8s.io "no" not found',
  ],
]
for (const [what, facts, message] of faults) {
  test(`refused: ${what}`, () => assert.throws(() => solve(facts), { message }))
}

test('a search that takes too long ends', () => {
  const devices = Array.from({ length: 30 }, (_, index): Device => ({ name: `x${index}` }))
  const state = {
    allocated: new Set<string>(),
    pools: new Pools([aSlice('s', 'p', devices)]).for(node),
    classOf: () => aClass,
    newShareId: () => 'x',
    isLate: () => true,
  }
  // No 31st device is there, but that shows only in the end.
  const claims = Array.from({ length: 31 }, () => aClaim({}))
  assert.throws(() => allocate(claims, node, state), { message: 'node n: timed out trying to allocate devices' })
})

test('a name that is there twice matters only to the node that has both', () => {
  const pool = { name: 'p', generation: 1, resourceSliceCount: 2 }
  const slices = [
    aSlice('s', 'p', [{ name: 'x' }], { pool }),
    aSlice('t', 'p', [{ name: 'x' }], { pool, nodeName: 'other' }),
  ]
  assert.deepEqual(solve({ claims: [aClaim({})], slices }), [['x']])
})
