import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodAffinityTerm, TopologySpreadConstraint } from '@canopus/api/core/v1'
import { aNode, aPod, scenario } from '../testing/builders.ts'

const zone = (name: string) => ({ 'topology.kubernetes.io/zone': name })
const preferNo = (key: string) => ({ spec: { taints: [{ key, value: 'x', effect: 'PreferNoSchedule' }] } })

test('resources: what does not fit is named, and pods on the node count', () => {
  const nodes = [aNode('small', { allocatable: { cpu: '1', memory: '1Gi' } }), aNode('big')]
  const { choose } = scenario({ nodes, pods: [aPod('a', { requests: { cpu: '3500m' }, spec: { nodeName: 'big' } })] })
  assert.equal(choose(aPod('p', { requests: { cpu: '600m', memory: '512Mi' } })), 'small')
  assert.equal(choose(aPod('p', { requests: { memory: '2Gi' } })), 'big')
  assert.equal(choose(aPod('p', { requests: { cpu: '2' } })), '0/2 nodes are available: 2 Insufficient cpu.')
  assert.equal(
    choose(aPod('p', { requests: { cpu: '2', memory: '2Gi', 'example.com/gpu': '1' } })),
    '0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu, 2 Insufficient example.com/gpu.',
  )
})

test('resources: a node without room for another pod', () => {
  const nodes = [aNode('n', { allocatable: { pods: '1' } })]
  const full = scenario({ nodes, pods: [aPod('a', { spec: { nodeName: 'n' } })] })
  assert.equal(full.choose(aPod('p')), '0/1 nodes are available: 1 Too many pods.')
  const over = scenario({ nodes, pods: [aPod('a', { spec: { nodeName: 'n' }, status: { phase: 'Succeeded' } })] })
  assert.equal(over.choose(aPod('p')), 'n')
})

test('resources: init containers count by the most, sidecars and overhead on top', () => {
  const container = (name: string, cpu: string, restartPolicy?: string) => ({
    name,
    resources: { requests: { cpu } },
    ...(restartPolicy ? { restartPolicy } : {}),
  })
  const { choose } = scenario({ nodes: [aNode('n', { allocatable: { cpu: '2' } })] })
  const fits = (spec: Parameters<typeof aPod>[1]) => choose(aPod('p', spec)) === 'n'
  assert.equal(fits({ requests: { cpu: '1' }, spec: { initContainers: [container('i', '2')] } }), true)
  assert.equal(fits({ requests: { cpu: '1' }, spec: { initContainers: [container('i', '2100m')] } }), false)
  assert.equal(fits({ requests: { cpu: '1' }, spec: { initContainers: [container('s', '1', 'Always')] } }), true)
  assert.equal(fits({ requests: { cpu: '1' }, spec: { initContainers: [container('s', '1100m', 'Always')] } }), false)
  const sidecarFirst = [container('s', '1', 'Always'), container('i', '1100m')]
  assert.equal(fits({ spec: { initContainers: sidecarFirst } }), false)
  assert.equal(fits({ spec: { initContainers: sidecarFirst.toReversed() } }), true)
  assert.equal(fits({ requests: { cpu: '2' }, spec: { overhead: { cpu: '1m' } } }), false)
})

test('resources: the emptier node, and the one used evenly, wins', () => {
  const nodes = [aNode('used'), aNode('free')]
  const used = aPod('a', { requests: { cpu: '2', memory: '4Gi' }, spec: { nodeName: 'used' } })
  assert.equal(scenario({ nodes, pods: [used] }).choose(aPod('p', { requests: { cpu: '1' } })), 'free')
})

test('taints', () => {
  const infra = { key: 'dedicated', value: 'infra', effect: 'NoSchedule' }
  const nodes = [aNode('n', { spec: { taints: [infra] } })]
  const { choose } = scenario({ nodes })
  const withToleration = (toleration: object) => choose(aPod('p', { spec: { tolerations: [toleration] } }))
  const refused = '0/1 nodes are available: 1 node(s) had untolerated taint(s).'
  assert.equal(choose(aPod('p')), refused)
  const cases: [toleration: object, accepted: boolean][] = [
    [{ key: 'dedicated', operator: 'Equal', value: 'infra', effect: 'NoSchedule' }, true],
    [{ key: 'dedicated', value: 'infra' }, true],
    [{ key: 'dedicated', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true],
    [{ key: 'dedicated', value: 'other' }, false],
    [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }, false],
    [{ key: 'other', operator: 'Exists' }, false],
  ]
  for (const [toleration, accepted] of cases) assert.equal(withToleration(toleration), accepted ? 'n' : refused)
  const soft = scenario({ nodes: [aNode('a', preferNo('k')), aNode('b'), aNode('c', preferNo('k'))] })
  assert.equal(soft.choose(aPod('p')), 'b')
})

test('cordoned nodes', () => {
  const { choose } = scenario({ nodes: [aNode('n', { spec: { unschedulable: true } })] })
  assert.equal(choose(aPod('p')), '0/1 nodes are available: 1 node(s) were unschedulable.')
  const tolerant = aPod('p', {
    spec: { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }] },
  })
  assert.equal(choose(tolerant), 'n')
})

test('node selectors and node affinity', () => {
  const nodes = [aNode('a', { labels: { disk: 'ssd', size: '3' } }), aNode('b', { labels: { disk: 'hdd', size: '9' } })]
  const { choose } = scenario({ nodes })
  const refused = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
  const requiring = (...nodeSelectorTerms: object[]) =>
    choose(
      aPod('p', {
        spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
      }),
    )
  const expression = (key: string, operator: string, ...values: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  })
  assert.equal(choose(aPod('p', { spec: { nodeSelector: { disk: 'hdd' } } })), 'b')
  assert.equal(choose(aPod('p', { spec: { nodeSelector: { disk: 'tape' } } })), refused)
  assert.equal(requiring(expression('disk', 'In', 'ssd')), 'a')
  assert.equal(requiring(expression('disk', 'NotIn', 'ssd')), 'b')
  assert.equal(requiring(expression('size', 'Gt', '5')), 'b')
  assert.equal(requiring(expression('size', 'Lt', '5')), 'a')
  assert.equal(requiring(expression('none', 'Exists'), expression('disk', 'In', 'hdd')), 'b')
  assert.equal(requiring({}), refused)
  assert.equal(requiring({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }), 'b')
  assert.equal(
    requiring({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['gone'] }] }),
    "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  )
  const preferring = aPod('p', {
    spec: {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 10, preference: expression('disk', 'In', 'hdd') },
            { weight: 1, preference: expression('disk', 'In', 'ssd') },
          ],
        },
      },
    },
  })
  assert.equal(choose(preferring), 'b')
})

test('host ports clash by protocol and address', () => {
  const port = (hostPort: number, protocol?: string, hostIP?: string) => ({
    containers: [
      {
        name: 'c',
        ports: [{ containerPort: 1, hostPort, ...(protocol ? { protocol } : {}), ...(hostIP ? { hostIP } : {}) }],
      },
    ],
  })
  const taken = aPod('a', { spec: { ...port(80, 'TCP', '10.0.0.1'), nodeName: 'n' } })
  const { choose } = scenario({ nodes: [aNode('n')], pods: [taken] })
  const refused = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
  assert.equal(choose(aPod('p', { spec: port(80) })), refused)
  assert.equal(choose(aPod('p', { spec: port(80, 'TCP', '0.0.0.0') })), refused)
  assert.equal(choose(aPod('p', { spec: port(80, 'UDP', '0.0.0.0') })), 'n')
  assert.equal(choose(aPod('p', { spec: port(80, 'TCP', '10.0.0.1') })), refused)
  assert.equal(choose(aPod('p', { spec: port(80, 'TCP', '10.0.0.2') })), 'n')
  assert.equal(choose(aPod('p', { spec: port(80, 'UDP') })), 'n')
  assert.equal(choose(aPod('p', { spec: port(81) })), 'n')
})

const term = (app: string, topologyKey = 'topology.kubernetes.io/zone'): PodAffinityTerm => ({
  topologyKey,
  labelSelector: { matchLabels: { app } },
})
const near = (each: PodAffinityTerm) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [each] } },
})
const far = (each: PodAffinityTerm) => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [each] } },
})

test('pod affinity and anti-affinity', () => {
  const nodes = [aNode('a', { labels: zone('1') }), aNode('b', { labels: zone('2') })]
  const web = aPod('web', { labels: { app: 'web' }, spec: { nodeName: 'a' } })
  const { choose } = scenario({ nodes, pods: [web], namespaces: { other: { team: 'x' } } })
  assert.equal(choose(aPod('p', { spec: near(term('web')) })), 'a')
  assert.equal(choose(aPod('p', { spec: far(term('web')) })), 'b')
  assert.equal(
    choose(aPod('p', { spec: near(term('db')) })),
    "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.",
  )
  assert.equal(
    choose(aPod('p', { spec: far(term('web', 'kubernetes.io/os')) })).length,
    1,
    'nodes without the label are in no domain',
  )
  // The first of its kind may go anywhere.
  assert.match(choose(aPod('p', { labels: { app: 'db' }, spec: near(term('db')) })), /^[ab]$/)
  // Pods of other namespaces are meant only where the term says so.
  const fromOther = (each: PodAffinityTerm) => choose(aPod('p', { namespace: 'other', spec: near(each) }))
  assert.match(fromOther(term('web')), /didn't match pod affinity rules/)
  assert.equal(fromOther({ ...term('web'), namespaces: ['default'] }), 'a')
  assert.equal(fromOther({ ...term('web'), namespaceSelector: {} }), 'a')
  assert.match(fromOther({ ...term('web'), namespaceSelector: { matchLabels: { team: 'x' } } }), /didn't match/)
})

test('anti-affinity holds both ways', () => {
  const nodes = [aNode('a', { labels: zone('1') })]
  const shy = aPod('shy', { spec: { ...far(term('web')), nodeName: 'a' } })
  const { choose } = scenario({ nodes, pods: [shy] })
  assert.equal(
    choose(aPod('p', { labels: { app: 'web' } })),
    "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  )
  assert.equal(choose(aPod('p', { labels: { app: 'db' } })), 'a')
})

test('preferred pod affinity draws and repels', () => {
  const nodes = [aNode('a', { labels: zone('1') }), aNode('b', { labels: zone('2') })]
  const web = aPod('web', { labels: { app: 'web' }, spec: { nodeName: 'a' } })
  const preferring = (kind: 'podAffinity' | 'podAntiAffinity') =>
    aPod('p', {
      spec: {
        affinity: {
          [kind]: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term('web') }],
          },
        },
      },
    })
  const { choose } = scenario({ nodes, pods: [web] })
  assert.equal(choose(preferring('podAffinity')), 'a')
  assert.equal(choose(preferring('podAntiAffinity')), 'b')
})

test('hard topology spread', () => {
  const nodes = [
    aNode('a', { labels: zone('1') }),
    aNode('b', { labels: zone('1') }),
    aNode('c', { labels: zone('2') }),
    aNode('unzoned'),
  ]
  const web = (name: string, nodeName: string) => aPod(name, { labels: { app: 'web' }, spec: { nodeName } })
  const spread = (more: Partial<TopologySpreadConstraint> = {}) =>
    aPod('p', {
      labels: { app: 'web' },
      spec: {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'topology.kubernetes.io/zone',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { app: 'web' } },
            ...more,
          },
        ],
      },
    })
  const { choose, cache } = scenario({ nodes, pods: [web('1', 'a')] })
  assert.equal(choose(spread()), 'c')
  assert.equal(
    choose(spread({ minDomains: 3 })),
    'c',
    'too few domains make the minimum zero, which zone 2 still satisfies',
  )
  cache.setPod(web('2', 'c'))
  assert.equal(
    choose(spread({ minDomains: 3 })),
    "0/4 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label), 3 node(s) didn't match pod topology spread constraints.",
  )
  assert.match(choose(spread()), /^[abc]$/)
})

test('soft topology spread and the defaults for pods of a service', () => {
  const nodes = [
    aNode('a', { labels: zone('1') }),
    aNode('b', { labels: zone('1') }),
    aNode('c', { labels: zone('2') }),
  ]
  const web = (name: string, nodeName: string) => aPod(name, { labels: { app: 'web' }, spec: { nodeName } })
  const pods = [web('1', 'a'), web('2', 'b'), web('3', 'c')]
  const soft: TopologySpreadConstraint = {
    maxSkew: 1,
    topologyKey: 'topology.kubernetes.io/zone',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { app: 'web' } },
  }
  const asking = aPod('p', { labels: { app: 'web' }, spec: { topologySpreadConstraints: [soft] } })
  assert.equal(scenario({ nodes, pods }).choose(asking), 'c')
  const ownSelector = [{ key: 'app', operator: '=' as const, values: ['web'] }]
  assert.equal(scenario({ nodes, pods, ownSelector }).choose(aPod('p', { labels: { app: 'web' } })), 'c')
})

test('images that are there already draw', () => {
  const images = [{ names: ['docker.io/library/big:1'], sizeBytes: 900 * 1024 * 1024 }]
  const { choose } = scenario({ nodes: [aNode('a'), aNode('b', { images }), aNode('c')] })
  const pod = aPod('p', { spec: { containers: [{ name: 'c', image: 'docker.io/library/big:1' }] } })
  assert.equal(choose(pod), 'b')
})

test('verdicts that are kept for a class of pods follow the nodes', () => {
  const { choose, cache } = scenario({ nodes: [aNode('a', { labels: { disk: 'ssd' } }), aNode('b')] })
  const pod = (name: string) => aPod(name, { spec: { nodeSelector: { disk: 'ssd' } } })
  assert.equal(choose(pod('1')), 'a')
  cache.setNode(aNode('a'))
  cache.setNode(aNode('b', { labels: { disk: 'ssd' } }))
  assert.equal(choose(pod('2')), 'b')
  cache.removeNode('a')
  cache.setNode(aNode('c', { labels: { disk: 'ssd' }, spec: { unschedulable: true } }))
  assert.equal(choose(pod('3')), 'b')
  cache.removeNode('b')
  assert.equal(choose(pod('4')), '0/1 nodes are available: 1 node(s) were unschedulable.')
})
