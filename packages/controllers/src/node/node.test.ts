import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { Leases, Nodes, Pods, tolerates } from '@canopus/api'
import type { Pod, Taint, Toleration } from '@canopus/api/core/v1'
import { MetricsRegistry } from '@canopus/base'
import { createWorld, type World } from '../testing/world.ts'
import { CidrSet } from './cidr-set.ts'
import { createNodeIpamController } from './ipam.ts'
import { createNodeLifecycleController } from './lifecycle.ts'
import { createTaintEvictionController, evictionTime } from './taint-eviction.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})
afterEach(() => world.stop())

const addNode = (name: string, ready = 'True', spec: object = {}) =>
  world.server.add(Nodes, { metadata: { name }, spec, status: { conditions: [{ type: 'Ready', status: ready }] } })
const node = (name: string) => world.server.get(Nodes, name)!
const taints = (name: string) => (node(name).spec.taints ?? []).map(taint => `${taint.key}:${taint.effect}`).sort()
const renew = (name: string) => {
  const renewTime = new Date(world.clock.now()).toISOString()
  if (world.server.get(Leases, name, 'kube-node-lease')) {
    world.server.change(Leases, name, 'kube-node-lease', lease => (lease.spec = { renewTime }))
  } else world.server.add(Leases, { metadata: { name, namespace: 'kube-node-lease' }, spec: { renewTime } })
}
const addPod = (name: string, nodeName: string, tolerations: Toleration[] = []) =>
  world.server.add(Pods, {
    metadata: { name, namespace: 'default' },
    spec: { containers: [], nodeName, tolerations },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  })

describe('node lifecycle', () => {
  async function live(milliseconds: number, alive: readonly string[]): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 10_000) {
      for (const name of alive) renew(name)
      await world.settle(10_000)
    }
  }

  test('a node that falls silent is tainted, its pods not ready; it comes back when it speaks again', async () => {
    addNode('good')
    addNode('bad')
    addPod('p', 'bad')
    const metrics = new MetricsRegistry()
    const evictions = () => /^node_collector_evictions_total\{zone=""\} (.*)$/m.exec(metrics.text())?.[1]
    await world.start(createNodeLifecycleController({ ...world.context, metrics }))
    await live(100_000, ['good', 'bad'])
    assert.deepEqual(taints('bad'), [])
    assert.equal(evictions(), '0')
    await live(70_000, ['good'])
    assert.equal(evictions(), '1')
    const ready = node('bad').status!.conditions!.find(each => each.type === 'Ready')!
    assert.equal(ready.status, 'Unknown')
    assert.equal(ready.reason, 'NodeStatusUnknown')
    assert.equal(ready.message, 'Kubelet stopped posting node status.')
    assert.equal(node('bad').status!.conditions!.length, 4)
    assert.deepEqual(taints('bad'), [
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ])
    assert.equal(world.server.get(Pods, 'p', 'default')?.status?.conditions?.[0]?.status, 'False')
    assert.ok(world.events.includes('NodeNotReady Node bad status is now: NodeNotReady'))
    world.server.change(Nodes, 'bad', undefined, object => {
      object.status!.conditions = [{ type: 'Ready', status: 'True' }]
    })
    await live(20_000, ['good', 'bad'])
    assert.deepEqual(taints('bad'), [])
    assert.deepEqual(taints('good'), [])
  })

  test('who comes and goes is told once', async () => {
    addNode('n')
    await world.start(createNodeLifecycleController(world.context))
    await live(20_000, ['n'])
    assert.deepEqual(world.events, ['RegisteredNode Node n event: Registered Node n in Controller'])
    world.events.length = 0
    world.server.remove(Nodes, 'n')
    await world.settle(10_000)
    assert.deepEqual(world.events, ['RemovingNode Node n event: Removing Node n from Controller'])
  })

  test('conditions and cordons become taints; foreign taints stay', async () => {
    addNode('other')
    addNode('n', 'False', { unschedulable: true, taints: [{ key: 'mine', effect: 'NoExecute' }] })
    world.server.change(Nodes, 'n', undefined, object => {
      object.status!.conditions!.push({ type: 'DiskPressure', status: 'True' })
    })
    await world.start(createNodeLifecycleController(world.context))
    await world.settle()
    assert.deepEqual(taints('n'), [
      'mine:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/not-ready:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ])
    world.server.change(Nodes, 'n', undefined, object => {
      object.spec.unschedulable = false
      object.status!.conditions = [{ type: 'Ready', status: 'True' }]
    })
    await world.settle()
    assert.deepEqual(taints('n'), ['mine:NoExecute'])
  })

  test('where every node is silent, nobody is evicted', async () => {
    addNode('a', 'Unknown')
    addNode('b', 'False')
    await world.start(createNodeLifecycleController(world.context))
    await world.settle(20_000)
    assert.deepEqual(
      [...taints('a'), ...taints('b')],
      ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/not-ready:NoSchedule'],
    )
  })

  test('when the last ready node falls silent, nobody is evicted, and those that were lose their taints', async () => {
    addNode('a')
    addNode('b')
    await world.start(createNodeLifecycleController(world.context))
    await live(60_000, ['a', 'b'])
    const unschedulable = 'node.kubernetes.io/unreachable:NoSchedule'
    await live(70_000, ['a'])
    assert.deepEqual(taints('b'), ['node.kubernetes.io/unreachable:NoExecute', unschedulable])
    const written: string[] = []
    for (let passed = 0; passed < 120_000; passed += 50) {
      await world.settle(50)
      written.push(...taints('a'))
    }
    assert.deepEqual([...new Set(written)], [unschedulable], 'not even for a moment')
    assert.deepEqual(taints('b'), [unschedulable])
    world.server.change(Nodes, 'a', undefined, object => {
      object.status!.conditions = [{ type: 'Ready', status: 'True' }]
    })
    await live(10_000, ['a'])
    assert.deepEqual([taints('a'), taints('b')], [[], [unschedulable]], 'the first has to wait')
    await live(20_000, ['a'])
    assert.deepEqual(taints('b'), ['node.kubernetes.io/unreachable:NoExecute', unschedulable])
  })

  test('a pod that comes to a node that is not ready is not ready', async () => {
    addNode('good')
    addNode('bad', 'False')
    await world.start(createNodeLifecycleController(world.context))
    await world.settle(10_000)
    addPod('p', 'bad')
    addPod('q', 'good')
    await world.settle()
    const readiness = (name: string) => world.server.get(Pods, name, 'default')?.status?.conditions?.[0]?.status
    assert.deepEqual([readiness('p'), readiness('q')], ['False', 'True'])
  })
})

describe('taint eviction', () => {
  const evict: Taint = { key: 'k', value: 'v', effect: 'NoExecute' }
  const seconds = (tolerationSeconds: number): Toleration => ({
    key: 'k',
    operator: 'Equal',
    value: 'v',
    effect: 'NoExecute',
    tolerationSeconds,
  })

  test('goes at once, after its patience, or never', async () => {
    addNode('n')
    addPod('now', 'n')
    addPod('later', 'n', [seconds(30)])
    addPod('never', 'n', [{ operator: 'Exists' }])
    await world.start(createTaintEvictionController(world.context))
    await world.settle()
    const isLeaving = (name: string) =>
      world.server.get(Pods, name, 'default')?.metadata.deletionTimestamp !== undefined
    world.server.change(Nodes, 'n', undefined, object => (object.spec.taints = [evict]))
    await world.settle()
    assert.deepEqual([isLeaving('now'), isLeaving('later'), isLeaving('never')], [true, false, false])
    const condition = world.server.get(Pods, 'now', 'default')?.status?.conditions?.at(-1)
    assert.equal(condition?.reason, 'DeletionByTaintManager')
    await world.settle(35_000)
    assert.deepEqual([isLeaving('later'), isLeaving('never')], [true, false])
    assert.deepEqual(world.figures(/^taint_eviction_controller_pod_deletion(s_total|_duration_seconds_count)/), [
      'taint_eviction_controller_pod_deletion_duration_seconds_count 2',
      'taint_eviction_controller_pod_deletions_total 2',
    ])
  })

  test('a taint that goes in time cancels', async () => {
    addNode('n', 'True', { taints: [{ ...evict, timeAdded: '2026-01-01T00:00:00Z' }] })
    addPod('p', 'n', [seconds(30)])
    await world.start(createTaintEvictionController(world.context))
    await world.settle(10_000)
    world.server.change(Nodes, 'n', undefined, object => delete object.spec.taints)
    await world.settle(60_000)
    assert.equal(world.server.get(Pods, 'p', 'default')?.metadata.deletionTimestamp, undefined)
    assert.ok(world.events.includes('TaintManagerEviction Cancelling deletion of Pod default/p'))
  })

  test('the shortest patience counts', () => {
    const other: Taint = { key: 'o', effect: 'NoExecute' }
    const pod = {
      spec: { containers: [], tolerations: [seconds(100), { key: 'o', operator: 'Exists', tolerationSeconds: 7 }] },
    }
    assert.equal(evictionTime(pod as unknown as Pod, [evict, other], 1_000), 8_000)
  })

  const patiences: [string, Toleration[], number | undefined][] = [
    ['none', [], 1_000],
    ['the first that fits counts', [{ operator: 'Exists' }, seconds(5)], undefined],
    ['also where a later one would keep the pod', [seconds(5), { operator: 'Exists' }], 6_000],
    ['others do not', [{ key: 'other', operator: 'Exists' }, seconds(5)], 6_000],
    ['less than none', [seconds(-1)], 1_000],
  ]
  for (const [name, tolerations, expected] of patiences) {
    test(`patience: ${name}`, () => {
      const pod = { spec: { containers: [], tolerations } } as unknown as Pod
      assert.equal(evictionTime(pod, [evict], 1_000), expected)
    })
  }

  test('a pod that comes to a node that has long been tainted has its time too', async () => {
    addNode('n', 'True', { taints: [{ ...evict, timeAdded: '2020-01-01T00:00:00Z' }] })
    addPod('p', 'n', [seconds(30)])
    await world.start(createTaintEvictionController(world.context))
    await world.settle(20_000)
    const isLeaving = () => world.server.get(Pods, 'p', 'default')?.metadata.deletionTimestamp !== undefined
    assert.equal(isLeaving(), false)
    world.server.change(Pods, 'p', 'default', pod => {
      pod.metadata.labels = { touched: 'yes' }
    })
    await world.settle(11_000)
    assert.equal(isLeaving(), true)
  })

  const table: [string, Toleration, boolean][] = [
    ['equal', { key: 'k', value: 'v' }, true],
    ['another value', { key: 'k', value: 'w' }, false],
    ['exists', { key: 'k', operator: 'Exists' }, true],
    ['everything', { operator: 'Exists' }, true],
    ['another effect', { operator: 'Exists', effect: 'NoSchedule' }, false],
    ['nothing', {}, false],
    ['an operator that nobody knows', { key: 'k', operator: 'Near', value: 'v' }, false],
  ]
  for (const [name, toleration, expected] of table) {
    test(`toleration: ${name}`, () => assert.equal(tolerates(toleration, evict), expected))
  }
})

describe('node IPAM', () => {
  test('every node gets ranges of its own, which come back when it goes', async () => {
    addNode('taken', 'True', { podCIDR: '10.244.0.0/24', podCIDRs: ['10.244.0.0/24'] })
    addNode('a')
    addNode('b')
    const options = { clusterCidrs: ['10.244.0.0/22', 'fd00::/56'] }
    await world.start(createNodeIpamController(world.context, options))
    await world.settle()
    assert.deepEqual(node('a').spec.podCIDRs, ['10.244.1.0/24', 'fd00::/64'])
    assert.equal(node('a').spec.podCIDR, '10.244.1.0/24')
    assert.deepEqual(node('b').spec.podCIDRs, ['10.244.2.0/24', 'fd00:0:0:1::/64'])
    addNode('c')
    addNode('d')
    await world.settle()
    assert.equal(node('c').spec.podCIDR, '10.244.3.0/24')
    assert.equal(node('d').spec.podCIDR, undefined)
    assert.ok(world.events.includes('CIDRNotAvailable Node d status is now: CIDRNotAvailable'))
    world.server.remove(Nodes, 'a')
    await world.settle(60_000)
    assert.equal(node('d').spec.podCIDR, '10.244.1.0/24')
    const range = 'clusterCIDR="10.244.0.0/22"'
    // Four that were given, one of them twice; and one that was taken already.
    assert.deepEqual(world.figures(/^node_ipam_controller_(?!.*(bucket|_sum)).*10\.244/), [
      `node_ipam_controller_cidrset_allocation_tries_per_request_count{${range}} 4`,
      `node_ipam_controller_cidrset_cidrs_allocations_total{${range}} 5`,
      `node_ipam_controller_cidrset_cidrs_releases_total{${range}} 1`,
      `node_ipam_controller_cidrset_usage_cidrs{${range}} 1`,
      `node_ipam_controller_cirdset_max_cidrs{${range}} 4`,
    ])
  })

  test('ranges must fit', () => {
    assert.throws(() => new CidrSet('10.0.0.0/24', 16), RangeError)
    assert.throws(() => new CidrSet('nonsense', 16), TypeError)
  })
})
