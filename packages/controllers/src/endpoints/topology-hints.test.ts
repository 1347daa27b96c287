import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { EndpointSlices, Namespaces, Nodes, Pods, Services } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { createWorld, type World } from '../testing/world.ts'
import { createEndpointSliceController } from './slices-controller.ts'
import { hasTopologyMode, placeHints, zoneShares } from './topology-hints.ts'

const node = (
  zone: string | undefined,
  cpu: string,
  more: { ready?: string; labels?: Record<string, string> } = {},
) => ({
  metadata: {
    name: `${zone}-${cpu}`,
    labels: { ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }), ...more.labels },
  },
  spec: {},
  status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: more.ready ?? 'True' }] },
})

describe('zoneShares', () => {
  const cases: [what: string, nodes: object[], expected: [string, number][] | undefined][] = [
    [
      'by CPU',
      [node('b', '1'), node('a', '2'), node('b', '1')],
      [
        ['a', 0.5],
        ['b', 0.5],
      ],
    ],
    [
      'unequal',
      [node('a', '3'), node('b', '1000m')],
      [
        ['a', 0.75],
        ['b', 0.25],
      ],
    ],
    ['one zone', [node('a', '3')], undefined],
    ['a node without a zone', [node('a', '1'), node('b', '1'), node(undefined, '1')], undefined],
    ['a node without CPUs', [node('a', '1'), node('b', '1'), node('c', '0')], undefined],
    [
      'nodes that are not ready do not count',
      [node('a', '1'), node('b', '1'), node('c', '8', { ready: 'False' })],
      [
        ['a', 0.5],
        ['b', 0.5],
      ],
    ],
    [
      'nor does the control plane',
      [node('a', '1'), node('b', '1'), node('c', '8', { labels: { 'node-role.kubernetes.io/control-plane': '' } })],
      [
        ['a', 0.5],
        ['b', 0.5],
      ],
    ],
  ]
  for (const [what, nodes, expected] of cases)
    test(what, () => {
      const shares = zoneShares(nodes as unknown as Node[])
      assert.deepEqual(shares && [...shares], expected)
    })
})

describe('placeHints', () => {
  const half = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ])
  const thirds = new Map([
    ['a', 0.3],
    ['b', 0.3],
    ['c', 0.4],
  ])
  /** `a` an endpoint in that zone, `a>b` one that is meant for another, `a!` one that is not ready. */
  const slice = (name: string, endpoints: string): EndpointSlice => ({
    metadata: { name } as EndpointSlice['metadata'],
    addressType: 'IPv4',
    endpoints: endpoints.split(' ').map((text, index) => {
      const [zone, hint] = text.replace('!', '').split('>')
      return {
        addresses: [`10.0.0.${index}`],
        conditions: { ready: !text.includes('!') },
        ...(zone ? { zone } : {}),
        ...(hint ? { hints: { forZones: [{ name: hint }] } } : {}),
      }
    }),
  })
  const shown = ({ metadata, endpoints }: EndpointSlice): string =>
    `${metadata.name}: ${endpoints!.map(each => `${each.zone ?? ''}>${each.hints?.forZones?.map(zone => zone.name).join() ?? ''}`).join(' ')}`
  const cases: [
    what: string,
    shares: Map<string, number> | undefined,
    written: string[],
    unchanged: string[],
    expected: string[],
    problem?: string,
  ][] = [
    ['each its own zone', half, ['a b'], [], ['w0: a>a b>b']],
    ['a zone gives what it has too much', half, ['a a a b'], [], ['w0: a>b a>a a>a b>b']],
    ['none is given for less than a whole one', thirds, ['a a b b c c c'], [], ['w0: a>a a>a b>b b>b c>c c>c c>c']],
    ['what is not ready has none', half, ['a b a!>a'], [], ['w0: a>a b>b a>']],
    ['what is right stays unwritten', half, ['a b'], ['a>a b>b'], ['w0: a>a b>b']],
    ['of a zone that is not counted any more', half, [], ['a>a b>b', 'a>c b>b'], ['u1: a>a b>b']],
    ['without hints yet', half, [], ['a b'], ['u0: a>a b>b']],
    [
      'nobody knows the nodes',
      undefined,
      ['a>a b'],
      ['a>a', 'b'],
      ['w0: a> b>', 'u0: a>'],
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
    ['fewer than zones', thirds, ['a b'], [], ['w0: a> b>'], 'Insufficient number of endpoints (2 endpoints, 3 zones)'],
    [
      'an endpoint without a zone',
      half,
      ['a b >'],
      ['a>a'],
      ['w0: a> b> >', 'u0: a>'],
      'One or more endpoints do not have a zone specified',
    ],
    [
      'too uneven',
      new Map([
        ['a', 0.9],
        ['b', 0.05],
        ['c', 0.05],
      ]),
      ['a b c'],
      [],
      ['w0: a> b> c>'],
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)',
    ],
  ]
  for (const [what, shares, written, unchanged, expected, problem] of cases)
    test(what, () => {
      const slices = {
        written: written.map((endpoints, index) => slice(`w${index}`, endpoints)),
        unchanged: unchanged.map((endpoints, index) => slice(`u${index}`, endpoints)),
      }
      const before = structuredClone(slices.unchanged)
      const result = placeHints(slices, shares)
      assert.deepEqual([...slices.written, ...result.changed].map(shown), expected)
      assert.equal(result.problem, problem)
      assert.deepEqual(slices.unchanged, before, 'what is shared is not changed')
    })
})

test('the older annotation goes before the newer one', () => {
  const asks = (annotations: Record<string, string>): boolean =>
    hasTopologyMode({ metadata: { name: 's', annotations } } as unknown as Parameters<typeof hasTopologyMode>[0])
  const [old, now] = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'] as const
  assert.deepEqual(
    [
      asks({}),
      ...['Auto', 'auto', 'Other'].map(mode => asks({ [now]: mode })),
      asks({ [old]: 'Disabled', [now]: 'Auto' }),
    ],
    [false, true, true, false, false],
  )
})

describe('the controller', () => {
  let world: World
  beforeEach(async () => {
    world = createWorld()
    world.server.add(Namespaces, { metadata: { name: 'default' }, spec: {} })
    await world.start(createEndpointSliceController(world.context))
  })
  afterEach(() => world.stop())

  const add = (name: string, nodeName: string) =>
    world.server.add(Pods, {
      metadata: { name, namespace: 'default', labels: { app: 'web' } },
      spec: { containers: [], nodeName },
      status: { phase: 'Running', podIPs: [{ ip: `10.1.0.${name}` }], conditions: [{ type: 'Ready', status: 'True' }] },
    })
  const hints = () =>
    world.server
      .list(EndpointSlices)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .map(({ targetRef, hints }) => `${targetRef!.name}>${hints?.forZones?.[0]?.name ?? ''}`)

  test('follows nodes, pods and the annotation, and tells what it does', async () => {
    for (const zone of ['a', 'b']) world.server.add(Nodes, node(zone, '2') as never)
    for (const name of ['1', '2', '3']) add(name, 'a-2')
    add('4', 'b-2')
    await world.settle()
    const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' }
    world.server.add(Services, {
      metadata: { name: 'web', namespace: 'default', annotations },
      spec: {
        selector: { app: 'web' },
        clusterIP: '10.0.0.1',
        ports: [{ port: 80 }],
        trafficDistribution: 'PreferClose',
      },
    })
    await world.settle()
    assert.deepEqual(hints(), ['1>b', '2>a', '3>a', '4>b'])
    const [{ metadata }] = world.server.list(EndpointSlices) as [EndpointSlice]
    world.server.change(Services, 'web', 'default', service => (service.metadata.labels = { any: 'thing' }))
    await world.settle()
    assert.deepEqual(hints(), ['1>b', '2>a', '3>a', '4>b'])
    assert.equal(world.server.list(EndpointSlices)[0]!.metadata.name, metadata.name)
    world.server.change(Nodes, 'b-2', undefined, each => (each.status!.conditions![0]!.status = 'False'))
    await world.settle()
    assert.deepEqual(hints(), ['1>', '2>', '3>', '4>'])
    world.server.change(Nodes, 'b-2', undefined, each => (each.status!.conditions![0]!.status = 'True'))
    await world.settle()
    assert.deepEqual(hints(), ['1>b', '2>a', '3>a', '4>b'])
    world.server.change(Services, 'web', 'default', service => {
      service.metadata.annotations = {}
      delete service.spec!.trafficDistribution
    })
    await world.settle()
    assert.deepEqual(hints(), ['1>', '2>', '3>', '4>'])
    const enabled = 'TopologyAwareHintsEnabled Topology Aware Hints has been enabled, addressType: IPv4'
    const disabled =
      'TopologyAwareHintsDisabled Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, addressType: IPv4'
    const told = world.events.filter(text => text.includes('TopologyAwareHints'))
    assert.deepEqual(
      told.filter((text, index) => text !== told[index - 1]),
      [
        enabled,
        disabled,
        enabled,
        'TopologyAwareHintsDisabled Topology Aware Hints has been disabled, addressType: IPv4',
      ],
    )
  })
})
