import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { CSINodes, Nodes, PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { whenAborted } from '@canopus/base'
import { asNote } from './diagnosis.ts'
import type { SchedulerPlugin } from './framework.ts'
import { aNode, aPod, type PodFacts } from './testing/builders.ts'
import { anObject, type FakeCluster, startFakeCluster } from './testing/fake-cluster.ts'

/** What users read where a pod is not scheduled, in upstream's words (1.36). */

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

type Other = readonly [type: ResourceType<KubeObject>, object: KubeObject]
interface Row {
  what: string
  node?: Node
  /** What runs on the node. */
  others?: PodFacts[]
  objects?: Other[]
  pod: PodFacts
  /** The reason, once for the only node; or, with a point at its end, for all nodes at once. */
  says: string
  /** What is said of preemption; default: that it does not help. */
  preemption?: string
}

const UNHELPFUL = '1 Preemption is not helpful for scheduling'
const NO_VICTIMS = '1 No preemption victims found for incoming pod'

const other = <T extends KubeObject>(type: ResourceType<T>, name: string, rest: Record<string, unknown>): Other => [
  type as unknown as ResourceType<KubeObject>,
  anObject(type, name, rest),
]
const claim = (name: string, spec: Record<string, unknown>, status?: Record<string, unknown>): Other =>
  other(PersistentVolumeClaims, name, { spec, ...(status ? { status } : {}) })
const volume = (name: string, spec: Record<string, unknown>, labels?: Record<string, string>): Other =>
  other(PersistentVolumes, name, {
    metadata: { ...(labels ? { labels } : {}) },
    spec: { claimRef: { name: 'c' }, ...spec },
  })
const mounts = (name: string): PodFacts['spec'] => ({
  volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }],
})
const bound = (more: Record<string, unknown> = {}): Other =>
  other(PersistentVolumeClaims, 'c', {
    metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { volumeName: 'v', ...more },
    status: { phase: 'Bound' },
  })
const apart = {
  requiredDuringSchedulingIgnoredDuringExecution: [
    { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'x' } } },
  ],
}
const onPort = { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort: 80 }] }] }
const named = (...names: string[]) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: names }] }],
    },
  },
})
const spread = (topologyKey: string): PodFacts => ({
  labels: { app: 'x' },
  spec: {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        minDomains: 5,
        topologyKey,
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'x' } },
      },
    ],
  },
})

const rows: readonly Row[] = [
  {
    what: 'cordoned',
    node: aNode('n', { spec: { unschedulable: true } }),
    pod: {},
    says: 'node(s) were unschedulable',
  },
  {
    what: 'tainted',
    node: aNode('n', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } }),
    pod: {},
    says: 'node(s) had untolerated taint(s)',
  },
  {
    what: 'node selector',
    pod: { spec: { nodeSelector: { a: 'b' } } },
    says: "node(s) didn't match Pod's node affinity/selector",
  },
  {
    what: 'names of nodes',
    pod: { spec: { affinity: named('m') } },
    says: "node(s) didn't satisfy plugin(s) [NodeAffinity]",
  },
  { what: 'no names of nodes', pod: { spec: { affinity: named() } }, says: 'pod affinity terms conflict.' },
  {
    what: 'host ports',
    others: [{ spec: onPort }],
    pod: { spec: onPort },
    says: "node(s) didn't have free ports for the requested pod ports",
    preemption: NO_VICTIMS,
  },
  {
    what: 'pods',
    node: aNode('n', { allocatable: { pods: '0' } }),
    pod: {},
    says: 'Too many pods',
    preemption: NO_VICTIMS,
  },
  { what: 'more cpu than there is', pod: { requests: { cpu: '5' } }, says: 'Insufficient cpu' },
  {
    what: 'more memory than is left',
    others: [{ requests: { memory: '5Gi' } }],
    pod: { requests: { memory: '5Gi' } },
    says: 'Insufficient memory',
    preemption: NO_VICTIMS,
  },
  { what: 'storage', pod: { requests: { 'ephemeral-storage': '5Gi' } }, says: 'Insufficient ephemeral-storage' },
  { what: 'huge pages', pod: { requests: { 'hugepages-2Mi': '4Mi' } }, says: 'Insufficient hugepages-2Mi' },
  { what: 'an extended resource', pod: { requests: { 'x.com/y': '1' } }, says: 'Insufficient x.com/y' },
  {
    what: 'several things',
    pod: { requests: { memory: '90Gi', cpu: '90' } },
    says: 'Insufficient cpu, 1 Insufficient memory',
  },
  {
    what: 'a disk',
    others: [{ spec: { volumes: [{ name: 'v', gcePersistentDisk: { pdName: 'd' } }] } }],
    pod: { spec: { volumes: [{ name: 'v', gcePersistentDisk: { pdName: 'd' } }] } },
    says: 'node(s) had no available disk',
    preemption: NO_VICTIMS,
  },
  {
    what: 'a claim for one pod',
    others: [{ spec: mounts('c')! }],
    objects: [bound({ accessModes: ['ReadWriteOncePod'] }), volume('v', {})],
    pod: { spec: mounts('c')! },
    says: 'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
    preemption: NO_VICTIMS,
  },
  {
    what: 'too many volumes',
    objects: [
      bound(),
      volume('v', { csi: { driver: 'd', volumeHandle: 'h' } }),
      other(CSINodes, 'n', { spec: { drivers: [{ name: 'd', nodeID: 'n', allocatable: { count: 0 } }] } }),
    ],
    pod: { spec: mounts('c')! },
    says: 'node(s) exceed max volume count',
    preemption: NO_VICTIMS,
  },
  { what: 'no such claim', pod: { spec: mounts('c')! }, says: 'persistentvolumeclaim "c" not found.' },
  {
    what: 'a claim that nobody binds',
    objects: [claim('c', {})],
    pod: { spec: mounts('c')! },
    says: 'pod has unbound immediate PersistentVolumeClaims.',
  },
  {
    what: 'a volume of other nodes',
    objects: [
      bound(),
      volume('v', {
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] } },
      }),
    ],
    pod: { spec: mounts('c')! },
    says: "node(s) didn't match PersistentVolume's node affinity",
  },
  {
    what: 'no volume to bind',
    objects: [
      claim('c', { storageClassName: 's' }),
      other(StorageClasses, 's', {
        provisioner: 'kubernetes.io/no-provisioner',
        volumeBindingMode: 'WaitForFirstConsumer',
      }),
    ],
    pod: { spec: mounts('c')! },
    says: "node(s) didn't find available persistent volumes to bind",
  },
  {
    what: 'a volume of another zone',
    node: aNode('n', { labels: { 'topology.kubernetes.io/zone': 'y' } }),
    objects: [bound(), volume('v', {}, { 'topology.kubernetes.io/zone': 'z' })],
    pod: { spec: mounts('c')! },
    says: 'node(s) had no available volume zone',
  },
  {
    what: 'spreading',
    others: [{ labels: { app: 'x' } }],
    pod: spread('kubernetes.io/hostname'),
    says: "node(s) didn't match pod topology spread constraints",
    preemption: NO_VICTIMS,
  },
  {
    what: 'spreading by a label that is not there',
    pod: spread('zone'),
    says: "node(s) didn't match pod topology spread constraints (missing required label)",
  },
  {
    what: 'affinity',
    pod: { spec: { affinity: { podAffinity: apart } } },
    says: "node(s) didn't match pod affinity rules",
  },
  {
    what: 'anti-affinity',
    others: [{ labels: { app: 'x' } }],
    pod: { spec: { affinity: { podAntiAffinity: apart } } },
    says: "node(s) didn't match pod anti-affinity rules",
    preemption: NO_VICTIMS,
  },
  {
    what: 'anti-affinity of others',
    others: [{ spec: { affinity: { podAntiAffinity: apart } } }],
    pod: { labels: { app: 'x' } },
    says: "node(s) didn't satisfy existing pods anti-affinity rules",
    preemption: NO_VICTIMS,
  },
  {
    what: 'features',
    pod: { spec: { hostNetwork: true, hostUsers: false } },
    says: "node(s) didn't match Pod's required features",
  },
  {
    what: 'preemption that is not wanted',
    pod: { requests: { cpu: '5' }, spec: { preemptionPolicy: 'Never' } },
    says: 'Insufficient cpu',
    preemption: 'not eligible due to preemptionPolicy=Never',
  },
]

async function run({ node = aNode('n'), others = [], objects = [], pod }: Row): Promise<Pod> {
  cluster = await startFakeCluster(server => {
    server.add(Nodes, node)
    for (const [type, object] of objects) server.add(type, object)
    for (const [index, each] of others.entries()) {
      server.add(Pods, aPod(`other${index}`, { ...each, spec: { ...each.spec, nodeName: 'n' } }))
    }
    server.add(Pods, aPod('p', pod))
  })
  return cluster.server.get(Pods, 'p', 'default')!
}

for (const row of rows) {
  test(`unschedulable: ${row.what}`, async () => {
    const pod = await run(row)
    const { says, preemption = UNHELPFUL } = row
    const reason = says.endsWith('.') ? says : `1 ${says}.`
    const tried = preemption.startsWith('1 ') ? `0/1 nodes are available: ${preemption}.` : `${preemption}.`
    // No conflict of affinities but one that the plugin for devices does not hear of leaves a way to look for.
    const after = says.endsWith('.') ? 'not found' : `no new claims to deallocate, preemption: ${tried}`
    const message = `0/1 nodes are available: ${reason} ${after}`
    assert.equal(cluster!.scheduled('p')?.message, message)
    assert.equal(cluster!.scheduled('p')?.reason, 'Unschedulable')
    assert.equal(cluster!.scheduled('p')?.status, 'False')
    assert.equal(pod.status?.nominatedNodeName, undefined)
    assert.deepEqual(cluster!.events, [`p Warning FailedScheduling: ${message}`])
  })
}

test('reasons are counted over all nodes, in the order of their texts', async () => {
  cluster = await startFakeCluster(server => {
    server.add(Nodes, aNode('a', { spec: { unschedulable: true } }))
    for (const name of ['b', 'c']) server.add(Nodes, aNode(name, { allocatable: { cpu: '1' } }))
    server.add(Nodes, aNode('d', { allocatable: { cpu: '1', memory: '1' } }))
    server.add(Pods, aPod('p', { requests: { cpu: '2', memory: '1Gi' } }))
  })
  assert.equal(
    cluster.scheduled('p')?.message,
    '0/4 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable, 3 Insufficient cpu. no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.',
  )
})

const failing: readonly [what: string, plugin: Partial<SchedulerPlugin>, reason: string, message: string][] = [
  ['PreFilter', { filter: fail }, 'SchedulerError', 'running PreFilter plugin "Mine": on fire'],
  ['Filter', { filter: () => ({ check: fail }) }, 'SchedulerError', 'running "Mine" filter plugin: on fire'],
  ['Reserve', { reserve: fail }, 'SchedulerError', 'running Reserve plugin "Mine": on fire'],
  [
    'Reserve, rejected',
    { reserve: () => ({ plugin: 'Mine', reasons: ['no'] }) },
    'Unschedulable',
    '0/1 nodes are available: 1 no.',
  ],
  ['Permit', { permit: async () => fail() }, 'SchedulerError', 'running Permit plugin "Mine": on fire'],
  [
    'Permit, rejected',
    { permit: async () => ({ plugin: 'Mine', reasons: ['no'] }) },
    'Unschedulable',
    '0/1 nodes are available: 1 no.',
  ],
  ['PreBind', { preBind: async () => fail() }, 'SchedulerError', 'running PreBind plugin "Mine": on fire'],
  ['Bind', { bind: async () => fail() }, 'SchedulerError', 'running Bind plugin "Mine": on fire'],
]
function fail(): never {
  throw new Error('on fire')
}
for (const [what, hooks, reason, message] of failing) {
  test(`a plugin fails: ${what}`, async () => {
    const plugin = { name: 'Mine', ...hooks } as SchedulerPlugin
    cluster = await startFakeCluster(
      server => {
        server.add(Nodes, aNode('n'))
        server.add(Pods, aPod('p', { status: { nominatedNodeName: 'n' } }))
      },
      { plugins: [{ plugin, weight: 0 }] },
    )
    assert.equal(cluster.scheduled('p')?.reason, reason)
    assert.equal(cluster.scheduled('p')?.message, message)
    assert.equal(cluster.events[0], `p Warning FailedScheduling: ${message}`)
    assert.equal(cluster.server.get(Pods, 'p', 'default')?.status?.nominatedNodeName, undefined, 'it waits for no node')
  })
}

test('a node that the pod waits for is taken where it does, whatever others are like', async () => {
  cluster = await startFakeCluster(server => {
    for (const name of ['a', 'b', 'c']) server.add(Nodes, aNode(name))
    server.add(Pods, aPod('full', { requests: { cpu: '3' }, spec: { nodeName: 'b' } }))
    server.add(Pods, aPod('p', { requests: { cpu: '1' }, spec: { priority: 1 }, status: { nominatedNodeName: 'b' } }))
    server.add(Pods, aPod('q', { requests: { cpu: '2' }, status: { nominatedNodeName: 'b' } }))
  })
  assert.equal(cluster.nodeOf('p'), 'b')
  assert.notEqual(cluster.nodeOf('q'), 'b')
  assert.equal(typeof cluster.nodeOf('q'), 'string')
})

test('notes of events have an end', () => {
  assert.equal(asNote('x'.repeat(1024)).length, 1024)
  assert.equal(asNote('x'.repeat(1025)), `${'x'.repeat(1020)} ...`)
})

test('where a pod will go is said while a plugin holds it back, and only then', async () => {
  const hold: SchedulerPlugin = {
    name: 'Mine',
    async permit(pod, _, signal) {
      if (pod.pod.metadata.name === 'held') await whenAborted(signal)
      return undefined
    },
  }
  cluster = await startFakeCluster(
    server => {
      server.add(Nodes, aNode('n'))
      server.add(Pods, aPod('held', { requests: { cpu: '3' } }))
      server.add(Pods, aPod('free', { requests: { cpu: '1' } }))
    },
    { plugins: [{ plugin: hold, weight: 0 }] },
  )
  const { server } = cluster
  assert.equal(server.get(Pods, 'held', 'default')?.status?.nominatedNodeName, 'n')
  assert.equal(cluster.nodeOf('free'), 'n', 'the room of the other one is taken once only')
  const patched = server.requests.filter(each => each.method === 'PATCH').map(each => each.path)
  assert.deepEqual(patched, ['/api/v1/namespaces/default/pods/held/status'])
})
