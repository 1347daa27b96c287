/** What nodes are worth by their resources: each row is a node as it is, a pod, and the score by upstream's figures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeviceClasses, ResourceClaims, ResourceSlices } from '@canopus/api'
import type { AllocationResult, DeviceClass, ResourceClaim, ResourceSlice } from '@canopus/api/resource/v1'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { SharedDevices } from '../devices/shared-devices.ts'
import type { SchedulerPlugin } from '../framework.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod, scenario } from '../testing/builders.ts'
import { anObject } from '../testing/fake-cluster.ts'
import { createBalancedAllocation } from './balanced-allocation.ts'
import { createNodeResourcesFit } from './node-resources-fit.ts'
import type { ScoringStrategy, WeighedResource } from './resource-scores.ts'

type Amounts = Record<string, string>

const weighed = (...names: string[]): WeighedResource[] => names.map(name => ({ name, weight: 1 }))

/** The plugin's score for the pod of a node with these resources, of which others have some. */
function scoreOf(
  plugin: SchedulerPlugin,
  has: Amounts,
  others: Amounts,
  asks: Amounts,
  name = 'n',
): number | undefined {
  const pods = [aPod('other', { requests: others, spec: { nodeName: name } })]
  const { cluster, cache } = scenario({ nodes: [aNode(name, { allocatable: has })], pods })
  const candidates = { slots: Int32Array.of(0), nodes: cache.nodes }
  const scorer = plugin.score!(podInfo(aPod('p', { requests: asks })), cluster, candidates)
  if (scorer?.scoreAll === undefined) return scorer?.score(cache.nodes[0]!)
  const scores = new Float64Array(1)
  scorer.scoreAll(candidates.slots, scores)
  assert.equal(scorer.score(cache.nodes[0]!), scores[0], 'one by one and all at once are the same')
  return scores[0]
}

const node = (cpu: string, memory: string, more: Amounts = {}): Amounts => ({ cpu, memory, ...more })
const gpu = 'nvidia.com/gpu'

const balances: readonly [what: string, has: Amounts, others: Amounts, asks: Amounts, score: number | undefined][] = [
  ['nothing requested: no opinion', node('4', '10000'), {}, {}, undefined],
  ['87 after 100', node('4', '10000'), {}, node('3', '5000'), 68],
  ['as balanced as before', node('6', '10000'), {}, node('3', '5000'), 75],
  ['82 after 85', node('10', '20000'), node('3', '0'), node('3', '5000'), 73],
  ['95 after 97', node('10', '20000'), node('3', '5000'), node('3', '5000'), 74],
  ['80 after 90', node('10', '50000'), node('3', '5000'), node('3', '5000'), 70],
  ['the best there is', node('3', '5000'), node('3', '0'), node('0', '5000'), 100],
  ['the worst', node('3', '5000'), {}, node('0', '5000'), 50],
  ['what is over full is full', node('6', '10000'), node('3', '0'), node('9', '0'), 62],
  ['no memory at all', node('6', '0'), node('3', '0'), node('3', '0'), 75],
]
for (const [what, has, others, asks, score] of balances) {
  test(`balanced allocation: ${what}`, () => {
    assert.equal(scoreOf(createBalancedAllocation(), has, others, asks), score)
  })
}

const scalars: typeof balances = [
  ['asked for', node('3500m', '40000', { [gpu]: '8' }), node('3', '5000', { [gpu]: '3' }), { [gpu]: '1' }, 75],
  ['asked for, where nobody has any', node('3500m', '40000', { [gpu]: '8' }), node('3', '5000'), { [gpu]: '1' }, 76],
  ['not asked for', node('3500m', '40000', { [gpu]: '8' }), {}, node('3', '5000'), 56],
  ['not there', node('3500m', '40000'), {}, node('3', '5000'), 56],
]
for (const [what, has, others, asks, score] of scalars) {
  test(`balanced allocation: a scalar resource ${what}`, () => {
    const plugin = createBalancedAllocation({ resources: weighed('cpu', 'memory', gpu) })
    assert.equal(scoreOf(plugin, has, others, asks), score)
  })
}

const line = [
  { utilization: 0, score: 0 },
  { utilization: 100, score: 10 },
]
const fits: readonly [type: ScoringStrategy['type'], resources: string[], asks: Amounts, score: number][] = [
  ['LeastAllocated', ['cpu', 'hugepages-2Mi'], { cpu: '1' }, 75],
  ['LeastAllocated', ['cpu', 'hugepages-2Mi'], { cpu: '1', 'hugepages-2Mi': '4' }, 62],
  ['LeastAllocated', ['cpu', 'pods'], { cpu: '1' }, 75],
  ['MostAllocated', ['ephemeral-storage', 'cpu'], { cpu: '1' }, 12],
  ['RequestedToCapacityRatio', ['ephemeral-storage', 'cpu'], { cpu: '1' }, 25],
]
for (const [type, resources, asks, score] of fits) {
  test(`${type} over ${resources} for ${JSON.stringify(asks)}: scalar resources count where they are asked for`, () => {
    const scoringStrategy = { type, resources: weighed(...resources), shape: line }
    const has = { 'hugepages-2Mi': '8', 'ephemeral-storage': '100' }
    assert.equal(scoreOf(createNodeResourcesFit({ scoringStrategy }), has, { cpu: '0' }, asks), score)
  })
}

const dra = 'x.com/gpu'
type Slice = Partial<ResourceSlice['spec']>
const eight = Array.from({ length: 8 }, (_, index) => ({ name: `g${index}` }))

/** What is known of devices where there are these slices, and claims for so many devices of the first one. */
async function devicesOf(
  t: { after(fn: () => void): void },
  slices: readonly Slice[],
  { allocated = 0, spec = {} }: { allocated?: number; spec?: DeviceClass['spec'] } = {},
): Promise<SharedDevices> {
  const clock = new SimulatedClock()
  const server = createFakeServer({ clock })
  server.add(DeviceClasses, anObject(DeviceClasses, 'gpus', { spec: { extendedResourceName: dra, ...spec } }))
  const pool = { name: 'pool', generation: 1, resourceSliceCount: 1 }
  for (const [index, slice] of slices.entries()) {
    const whole = { driver: 'd.com', pool, devices: eight, ...slice }
    server.add(ResourceSlices, anObject(ResourceSlices, `s${index}`, { spec: whole }))
  }
  const results = eight.slice(0, allocated).map(({ name }) => ({ driver: 'd.com', pool: 'pool', device: name }))
  const allocation = { devices: { results } } as unknown as AllocationResult
  server.add(ResourceClaims, anObject(ResourceClaims, 'c', { spec: {}, status: { allocation } }) as ResourceClaim)
  const stop = new AbortController()
  t.after(() => stop.abort())
  const factory = { client: createClient(server), clock, random: new SeededRandom(1), logger: silentLogger }
  const informers = createInformerFactory(factory)
  const devices = new SharedDevices(informers)
  informers.start(stop.signal)
  await clock.advance(0)
  devices.connect()
  return devices
}

const here = { nodeName: 'n' }
const labels = (value: string) => ({
  nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [value] }] }],
})
const perDevice = [
  { name: 'g0', nodeName: 'n' },
  { name: 'g1', nodeName: 'other' },
  { name: 'g2', allNodes: true },
  { name: 'g3', nodeSelector: labels('n') },
  { name: 'g4', nodeSelector: labels('other') },
]
const ofType = (...indices: number[]) =>
  eight.map((each, index) => ({ ...each, attributes: { fast: { bool: indices.includes(index) } } }))
const fast = { selectors: [{ cel: { expression: 'device.attributes["d.com"].fast' } }] }
const broken = { selectors: [{ cel: { expression: 'device.attributes["d.com"].missing' } }] }

type Facts = Parameters<typeof devicesOf>[2]
const totals: readonly [what: string, slices: Slice[], facts: Facts, free: number][] = [
  ['one of eight', [here], {}, 87],
  ['those that claims have are taken', [here], { allocated: 3 }, 50],
  ['slices of other nodes do not count', [here, { nodeName: 'other' }], {}, 87],
  ['those of all nodes do', [{ allNodes: true }], {}, 87],
  ['those that select the node', [{ nodeSelector: labels('n') }], {}, 87],
  ['those that select another one do not', [{ nodeSelector: labels('other') }], {}, 0],
  ['devices may be for nodes each', [{ perDeviceNodeSelection: true, devices: perDevice }], {}, 66],
  ['of those that the class selects', [{ ...here, devices: ofType(0, 1, 2, 3) }], { spec: fast }, 75],
  ['a selector that fails selects none', [here], { spec: broken }, 0],
]
for (const [what, slices, facts, free] of totals) {
  test(`devices for an extended resource: ${what}`, async t => {
    const devices = await devicesOf(t, slices, facts)
    const scoringStrategy = { type: 'LeastAllocated', resources: weighed(dra) } as const
    const plugin = createNodeResourcesFit({ scoringStrategy, devices })
    assert.equal(scoreOf(plugin, {}, { cpu: '0' }, { [dra]: '1' }), free)
  })
}

test('a node that has the resource itself is compared by that', async t => {
  const devices = await devicesOf(t, [here])
  const scoringStrategy = { type: 'LeastAllocated', resources: weighed(dra) } as const
  const plugin = createNodeResourcesFit({ scoringStrategy, devices })
  assert.equal(scoreOf(plugin, { [dra]: '2' }, { [dra]: '0' }, { [dra]: '1' }), 50)
})

test('what is decided counts before anybody has told of it', async t => {
  const devices = await devicesOf(t, [here])
  const results = [{ driver: 'd.com', pool: 'pool', device: 'g7' }]
  devices.unseen.set('default/q', { allocation: { devices: { results } } as unknown as AllocationResult })
  const scoringStrategy = { type: 'MostAllocated', resources: weighed(dra) } as const
  assert.equal(scoreOf(createNodeResourcesFit({ scoringStrategy, devices }), {}, { cpu: '0' }, { [dra]: '1' }), 25)
})

test('balanced allocation counts devices as well', async t => {
  const devices = await devicesOf(t, [here])
  const plugin = createBalancedAllocation({ resources: weighed('cpu', 'memory', dra), devices })
  assert.equal(scoreOf(plugin, node('3500m', '40000'), node('3', '0'), { [dra]: '1' }), 76)
  const elsewhere = scoreOf(plugin, node('3500m', '40000'), node('3', '5000'), { [dra]: '1' }, 'none')
  assert.equal(elsewhere, 75, 'nothing changes on a node that has none')
})
