import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import type { FakeServer } from '@canopus/client/testing'
import type { AskExtender } from '../extenders.ts'
import type { SchedulerPlugin } from '../framework.ts'
import { defaultPlugins } from '../profile.ts'
import type { SchedulerOptions } from '../scheduler.ts'
import { aNode, aPod } from '../testing/builders.ts'
import { type FakeCluster, startFakeCluster } from '../testing/fake-cluster.ts'
import { readConfiguration } from './configuration.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

const large = { allocatable: { cpu: '8', memory: '16Gi' } }

/** Two nodes, one of them half full; a pod for each of the names, by the scheduler of that name. */
async function choices(
  value: unknown,
  names: readonly string[],
  options: SchedulerOptions = {},
): Promise<(string | undefined)[]> {
  cluster = await startFakeCluster(
    (server: FakeServer) => {
      server.add(Nodes, aNode('empty', { labels: { disk: 'hdd' }, ...large }))
      server.add(Nodes, aNode('half', { labels: { disk: 'ssd' }, ...large }))
      server.add(Pods, aPod('old', { requests: { cpu: '2', memory: '4Gi' }, spec: { nodeName: 'half' } }))
      for (const schedulerName of names) {
        server.add(Pods, aPod(schedulerName, { requests: { cpu: '1', memory: '2Gi' }, spec: { schedulerName } }))
      }
    },
    { configuration: readConfiguration(value), ...options },
  )
  const chosen = names.map(cluster.nodeOf)
  return chosen
}

test('the defaults: upstream, with all nodes scored', () => {
  const { profiles, ...rest } = readConfiguration({})
  assert.deepEqual(rest, {
    extenders: [],
    percentageOfNodesToScore: 0,
    initialBackoff: 1000,
    maxBackoff: 10_000,
    clientConnection: {},
    leaderElection: {},
  })
  assert.deepEqual(
    profiles[0]!.plugins,
    defaultPlugins.map(({ name, weight }) => ({ name, weight })),
  )
})

const wrong: readonly [value: Record<string, unknown>, message: string][] = [
  [
    { apiVersion: 'kubescheduler.config.k8s.io/v1beta3' },
    'no kind "KubeSchedulerConfiguration" is registered for version "kubescheduler.config.k8s.io/v1beta3" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [{ profils: [] }, 'unknown field "profils"'],
  [{ profiles: [{ schedulerName: 'a' }, { schedulerName: 'a' }] }, 'profiles[1].schedulerName: Duplicate value: {}'],
  [{ parallelism: -1 }, 'parallelism: Invalid value: -1: should be an integer value greater than zero'],
  [
    { profiles: [{ pluginConfig: [{ name: 'InterPodAffinity', args: { hardPodAffinityWeight: 200 } }] }] },
    'profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 200: not in valid range [0, 100]',
  ],
  [
    { profiles: [{ pluginConfig: [{ name: 'InterPodAffinity', args: { foo: 1 } }] }] },
    'strict decoding error: decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin InterPodAffinity: strict decoding error: unknown field "foo"',
  ],
  [
    { leaderElection: { leaseDuration: '1s', renewDeadline: '10s' } },
    'leaderElection.leaseDuration: Invalid value: "10s": must be greater than `RenewDeadline`',
  ],
  [{ profiles: [{ plugin: {} }] }, 'unknown field "profiles[0].plugin"'],
  [{ percentageOfNodesToScore: 101 }, 'percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]'],
  [
    { podInitialBackoffSeconds: 5, podMaxBackoffSeconds: 2 },
    'podMaxBackoffSeconds: Invalid value: 2: must be greater than or equal to PodInitialBackoffSeconds',
  ],
  [
    { extenders: [{ prioritizeVerb: 'p', urlPrefix: 'http://x' }] },
    'extenders[0].weight: Invalid value: 0: must have a positive weight applied to it',
  ],
  [{ extenders: [{ filterVerb: 'f' }] }, 'extenders[0].urlPrefix: Required value'],
  [
    { profiles: [{ plugins: { score: { enabled: [{ name: 3 }] } } }] },
    'profiles[0].plugins.score.enabled[0].name: must be a string',
  ],
]
for (const [value, message] of wrong) {
  test(`refused: ${message}`, () => assert.throws(() => readConfiguration(value), { message }))
}

const withArgs = (name: string, args: unknown) => ({ profiles: [{ pluginConfig: [{ name, args }] }] })
const wrongProfiles: readonly [value: Record<string, unknown>, message: string][] = [
  [
    withArgs('DynamicResources', { bindingTimeout: '500ms' }),
    'profile default-scheduler: plugin DynamicResources: args.bindingTimeout: Invalid value: "500ms": must be at least 1 second',
  ],
  [
    { profiles: [{ plugins: { multiPoint: { enabled: [{ name: 'Mine' }] } } }] },
    'profile default-scheduler: there is no plugin "Mine"',
  ],
  [
    { profiles: [{ plugins: { bind: { disabled: [{ name: '*' }] } } }] },
    'profile default-scheduler: at least one bind plugin is needed',
  ],
  [
    { profiles: [{ plugins: { queueSort: { disabled: [{ name: '*' }] } } }] },
    'profile default-scheduler: no queue sort plugin is enabled',
  ],
  [
    withArgs('NodeResourcesFit', { scoringStrategy: { type: 'Best' } }),
    'profile default-scheduler: plugin NodeResourcesFit: args.scoringStrategy.type: Unsupported value: "Best": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
  ],
  [
    withArgs('InterPodAffinity', { hardPodAffinityWeight: 101 }),
    'profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]',
  ],
  [
    withArgs('PodTopologySpread', {
      defaultConstraints: [{ maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'ScheduleAnyway' }],
    }),
    'profile default-scheduler: plugin PodTopologySpread: args.defaultingType: when .defaultConstraints are specified, must be "List"',
  ],
  [withArgs('Nothing', {}), 'profile default-scheduler: pluginConfig for Nothing: there is no such plugin'],
]
for (const [value, message] of wrongProfiles) {
  test(`refused: ${message}`, async () => {
    await assert.rejects(choices(value, []), { message })
  })
}

test('the defaults as kube-scheduler writes them out (--write-config-to) are read', async () => {
  const points = ['preEnqueue', 'queueSort', 'preFilter', 'filter', 'postFilter', 'preScore', 'score', 'reserve']
  points.push('permit', 'preBind', 'bind', 'postBind', 'placementGenerate', 'placementScore')
  const resources = [
    { name: 'cpu', weight: 1 },
    { name: 'memory', weight: 1 },
  ]
  const args: Record<string, object> = {
    DefaultPreemption: { minCandidateNodesAbsolute: 100, minCandidateNodesPercentage: 10 },
    DynamicResources: { bindingTimeout: '10m0s', filterTimeout: '10s' },
    InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
    NodeAffinity: {},
    NodeResourcesBalancedAllocation: { resources },
    NodeResourcesFit: { scoringStrategy: { resources, type: 'LeastAllocated' } },
    PodTopologySpread: { defaultingType: 'System' },
    VolumeBinding: { bindTimeoutSeconds: 600 },
  }
  const apiVersion = 'kubescheduler.config.k8s.io/v1'
  const pluginConfig = Object.entries(args).map(([name, own]) => ({
    name,
    args: { apiVersion, kind: `${name}Args`, ...own },
  }))
  const plugins = Object.fromEntries(points.map(point => [point, {}]))
  const enabled = defaultPlugins.map(({ name, weight }) => ({ name, weight }))
  const profile = { schedulerName: 'default-scheduler', pluginConfig, plugins: { ...plugins, multiPoint: { enabled } } }
  const written = {
    apiVersion,
    kind: 'KubeSchedulerConfiguration',
    clientConnection: { acceptContentTypes: '', burst: 100, contentType: 'application/json', kubeconfig: '', qps: 50 },
    leaderElection: {
      leaderElect: true,
      leaseDuration: '15s',
      resourceLock: 'leases',
      resourceNamespace: 'kube-system',
    },
    parallelism: 16,
    percentageOfNodesToScore: 0,
    profiles: [profile],
  }
  assert.deepEqual(await choices(written, ['default-scheduler']), ['empty'])
})

test('profiles: each pod goes through that of its scheduler', async () => {
  const packing = { name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }
  const ratio = {
    type: 'RequestedToCapacityRatio',
    requestedToCapacityRatio: {
      shape: [
        { utilization: 0, score: 0 },
        { utilization: 100, score: 10 },
      ],
    },
  }
  const onSsd = {
    addedAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }],
      },
    },
  }
  const profiles = [
    {},
    { schedulerName: 'packs', pluginConfig: [packing] },
    { schedulerName: 'ratio', pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy: ratio } }] },
    { schedulerName: 'ssd', pluginConfig: [{ name: 'NodeAffinity', args: onSsd }] },
  ]
  assert.deepEqual(await choices({ profiles }, ['default-scheduler', 'packs', 'ratio', 'ssd', 'unknown']), [
    'empty',
    'half',
    'half',
    'half',
    undefined,
  ])
})

test('points of plugins are turned off and on, and weighed', async () => {
  const likesHdd: SchedulerPlugin = {
    name: 'LikesHdd',
    score: () => ({ score: node => (node.labels.disk === 'hdd' ? 100 : 0) }),
    filter: () => ({ check: () => ({ plugin: 'LikesHdd', reasons: ['never'] }) }),
  }
  const packing = [{ name: 'NodeResourcesFit', args: { scoringStrategy: { type: 'MostAllocated' } } }]
  const only = { score: { enabled: [{ name: 'LikesHdd', weight: 5 }] } }
  const profiles = [
    { schedulerName: 'likes', pluginConfig: packing, plugins: only },
    { schedulerName: 'no-fit', plugins: { multiPoint: { disabled: [{ name: 'NodeResourcesFit' }] } } },
  ]
  const factories = { LikesHdd: () => likesHdd }
  assert.equal((await choices({ profiles }, ['likes'], { factories }))[0], 'empty', 'its filter is not on')
  cluster!.server.add(Pods, aPod('big', { requests: { cpu: '100' }, spec: { schedulerName: 'no-fit' } }))
  await cluster!.settle()
  assert.equal(typeof cluster!.nodeOf('big'), 'string')
})

test('a share of the nodes is enough, and all get their turn', async () => {
  cluster = await startFakeCluster(
    server => {
      for (let i = 0; i < 300; i++) server.add(Nodes, aNode(`n${i}`))
    },
    { configuration: readConfiguration({ percentageOfNodesToScore: 10 }) },
  )
  for (let i = 0; i < 30; i++) cluster.server.add(Pods, aPod(`p${i}`))
  while (cluster.events.length < 30) await cluster.settle(1)
  await cluster.settle(1)
  const nodes = Array.from({ length: 30 }, (_, i) => cluster!.nodeOf(`p${i}`))
  assert.deepEqual(
    cluster.events.filter(each => !each.includes('Scheduled')),
    [],
  )
  assert.equal(nodes.includes(undefined), false)
  const hundreds = new Set(nodes.map(each => Math.floor(Number(each!.slice(1)) / 100)))
  assert.equal(hundreds.size, 3)
})

test('extenders filter, score and bind, in any case of names', async () => {
  const asked: string[] = []
  const ask: AskExtender = async ({ urlPrefix }, verb, body) => {
    const { NodeNames, Node } = body as { NodeNames?: string[]; Node?: string }
    asked.push(`${urlPrefix}/${verb} ${NodeNames?.toSorted().join() ?? Node}`)
    if (urlPrefix === 'http://down') throw new Error('nobody there')
    const half = NodeNames?.filter(each => each === 'half')
    if (verb === 'filter') return { nodenames: half, failedNodes: { empty: 'too empty' } }
    if (verb === 'score') return [{ Host: 'half', Score: 10 }]
    return {}
  }
  const base = { nodeCacheCapable: true, urlPrefix: 'http://x' }
  const chosen = await choices(
    {
      extenders: [
        { ...base, filterVerb: 'filter' },
        { ...base, urlPrefix: 'http://down', filterVerb: 'f', ignorable: true },
      ],
    },
    ['default-scheduler'],
    { askExtender: ask },
  )
  assert.deepEqual(chosen, ['half'])
  assert.deepEqual(asked, ['http://x/filter empty,half', 'http://down/f half'])
  cluster!.server.add(Pods, aPod('big', { requests: { cpu: '7' } }))
  await cluster!.settle()
  assert.match(cluster!.scheduled('big')!.message!, /^0\/2 nodes are available: 1 Insufficient cpu, 1 too empty\./)
  await cluster!.stop()
  asked.length = 0
  const managed = { managedResources: [{ name: 'example.com/thing', ignoredByScheduler: true }] }
  const scores = { ...base, ...managed, prioritizeVerb: 'score', bindVerb: 'bind', weight: 10 }
  assert.deepEqual(await choices({ extenders: [scores] }, ['default-scheduler'], { askExtender: ask }), ['empty'])
  assert.deepEqual(asked, [], 'not its business')
  cluster!.server.add(Pods, aPod('mine', { requests: { 'example.com/thing': '1' } }))
  await cluster!.settle()
  assert.deepEqual(
    asked,
    ['http://x/score empty,half', 'http://x/bind half'],
    'no node has the resource, and that is fine',
  )
})
