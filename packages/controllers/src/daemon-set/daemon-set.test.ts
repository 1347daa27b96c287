import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ControllerRevisions, DaemonSets, Nodes, Pods } from '@canopus/api'
import type { ControllerRevision, DaemonSet, DaemonSetSpec } from '@canopus/api/apps/v1'
import type { Node, PodSpec } from '@canopus/api/core/v1'
import { StatusError } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createDaemonSetController } from './controller.ts'
import { placementOn, targetNode } from './placement.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  for (const name of ['n1', 'n2', 'n3'])
    world.server.add(Nodes, { metadata: { name, labels: { disk: 'ssd' } }, spec: {} })
  await world.start(createDaemonSetController(world.context))
})
afterEach(() => world.stop())

const templateOf = (image: string, spec: Partial<PodSpec> = {}) => ({
  metadata: { labels: { app: 'agent' } },
  spec: { containers: [{ name: 'c', image }], ...spec },
})
const add = (spec: Partial<DaemonSetSpec> = {}) =>
  world.server.add(DaemonSets, {
    metadata: { name: 'agent', namespace: 'default', annotations: { cause: 'first' } },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: templateOf('v1'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
  })
const status = () => world.server.get(DaemonSets, 'agent', 'default')!.status!
const nodes = () => world.server.list(Pods).map(targetNode).sort()
const patch = (spec: object) =>
  world.context.client.resource(DaemonSets).patch('agent', 'merge', { spec }, { namespace: 'default' })
const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }
/** Pods are bound and run; answers the fewest that ran at any time. */
async function tend(steps = 15): Promise<{ fewest: number; most: number }> {
  let fewest = Number.POSITIVE_INFINITY
  let most = 0
  for (let step = 0; step < steps; step++) {
    await world.settle(100)
    const pods = world.server.list(Pods)
    most = Math.max(most, pods.filter(pod => !pod.metadata.deletionTimestamp).length)
    for (const pod of pods) {
      if (pod.metadata.deletionTimestamp) world.server.remove(Pods, pod.metadata.name, 'default')
    }
    fewest = Math.min(fewest, world.server.list(Pods).filter(pod => pod.status?.phase === 'Running').length)
    for (const pod of world.server.list(Pods)) {
      if (pod.status?.phase === 'Running' || pod.status?.phase === 'Failed') continue
      world.server.change(Pods, pod.metadata.name, 'default', each => {
        each.spec!.nodeName = targetNode(pod)!
        each.status = { phase: 'Running', conditions: [ready] }
      })
    }
  }
  await world.settle()
  return { fewest, most }
}

test('one pod per node, pinned there, tolerant of trouble', async () => {
  add()
  await tend(3)
  assert.deepEqual(nodes(), ['n1', 'n2', 'n3'])
  const pod = world.server.list(Pods)[0]!
  assert.match(pod.metadata.name, /^agent-/)
  assert.deepEqual(
    pod.spec?.tolerations?.map(each => `${each.key}:${each.effect}`),
    [
      'node.kubernetes.io/not-ready:NoExecute',
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/disk-pressure:NoSchedule',
      'node.kubernetes.io/memory-pressure:NoSchedule',
      'node.kubernetes.io/pid-pressure:NoSchedule',
      'node.kubernetes.io/unschedulable:NoSchedule',
    ],
  )
  assert.deepEqual(status(), {
    currentNumberScheduled: 3,
    numberMisscheduled: 0,
    desiredNumberScheduled: 3,
    numberReady: 3,
    updatedNumberScheduled: 3,
    numberAvailable: 3,
    numberUnavailable: 0,
    observedGeneration: 1,
  })
})

test('follows nodes as they come, change and go', async () => {
  add({ template: templateOf('v1', { nodeSelector: { disk: 'ssd' } }) })
  await tend(3)
  world.server.add(Nodes, { metadata: { name: 'n4', labels: { disk: 'ssd' } }, spec: {} })
  world.server.change(Nodes, 'n1', undefined, node => (node.metadata.labels = { disk: 'hdd' }))
  await tend(3)
  assert.deepEqual(nodes(), ['n2', 'n3', 'n4'])
  world.server.change(Nodes, 'n1', undefined, node => (node.metadata.labels = { disk: 'ssd' }))
  await tend(3)
  assert.deepEqual(nodes(), ['n1', 'n2', 'n3', 'n4'])
})

test('a revision names its fields in order, as clients that compare its text expect', async () => {
  add()
  await tend(3)
  const [revision] = world.server.list(ControllerRevisions)
  const { template } = (revision!.data as { spec: { template: Record<string, unknown> } }).spec
  assert.deepEqual(Object.keys(template), ['$patch', 'metadata', 'spec'])
  const [container] = (template.spec as { containers: object[] }).containers
  assert.deepEqual(Object.keys(container!), Object.keys(container!).sort())
})

test('rolls one node at a time; going back keeps pods that are right already', async () => {
  add()
  await tend(3)
  await patch({ template: templateOf('v2') })
  const { fewest } = await tend()
  assert.ok(fewest >= 2)
  assert.ok(world.server.list(Pods).every(pod => pod.spec?.containers[0]?.image === 'v2'))
  assert.equal(status().updatedNumberScheduled, 3)
  const revisions = () =>
    world.server
      .list(ControllerRevisions)
      .map(each => each.revision)
      .sort()
  assert.deepEqual(revisions(), [1, 2])
  const causes = world.server.list(ControllerRevisions).map(each => each.metadata.annotations?.cause)
  assert.deepEqual(causes, ['first', 'first'])
  const uids = world.server.list(Pods).map(pod => pod.metadata.uid)
  await patch({ template: templateOf('v3') })
  await world.settle(100)
  await patch({ template: templateOf('v2') })
  await tend()
  assert.equal(world.server.list(Pods).filter(pod => uids.includes(pod.metadata.uid)).length, 2)
  assert.deepEqual(revisions(), [1, 3, 4])
})

test('of several revisions of one template the newest is left, and pods are of it without being replaced', async () => {
  add()
  await tend(3)
  const uids = world.server.list(Pods).map(pod => pod.metadata.uid)
  const [{ metadata, data }] = world.server.list(ControllerRevisions) as [ControllerRevision]
  const { namespace, labels, ownerReferences } = metadata
  const marked = { ...labels, 'controller-revision-hash': 'twin' }
  world.server.add(ControllerRevisions, {
    metadata: { name: 'agent-twin', namespace: namespace!, labels: marked, ownerReferences: ownerReferences! },
    data,
    revision: 2,
  })
  const names = (): string[] => world.server.list(ControllerRevisions).map(each => each.metadata.name)
  await world.settle(100)
  assert.equal(names().length, 2, 'a revision that comes with its owner is no reason to look')
  await patch({ revisionHistoryLimit: 5 })
  await tend(3)
  assert.deepEqual(names(), ['agent-twin'])
  const pods = world.server.list(Pods)
  assert.deepEqual(
    pods.map(pod => pod.metadata.uid),
    uids,
  )
  assert.ok(pods.every(pod => pod.metadata.labels?.['controller-revision-hash'] === 'twin'))
  assert.equal(status().updatedNumberScheduled, 3)
})

test('a revision without an owner is adopted when it comes, and when its labels come to match', async () => {
  add()
  await tend(3)
  const [{ metadata }] = world.server.list(ControllerRevisions) as [ControllerRevision]
  const { namespace, labels } = metadata
  const orphan = (name: string, its: typeof labels) =>
    world.server.add(ControllerRevisions, {
      metadata: { name, namespace: namespace!, labels: { ...its, 'controller-revision-hash': name } },
      data: { spec: { template: { spec: { hostname: name } } } },
      revision: 1,
    })
  const owner = (name: string) =>
    world.server.list(ControllerRevisions).find(each => each.metadata.name === name)?.metadata.ownerReferences?.[0]
      ?.name
  orphan('early', labels)
  orphan('late', {})
  await world.settle(100)
  assert.deepEqual([owner('early'), owner('late')], ['agent', undefined])
  world.server.change(ControllerRevisions, 'late', namespace!, each => (each.metadata.labels = labels!))
  await world.settle(100)
  assert.equal(owner('late'), 'agent')
})

test('with surge the new pod comes before the old one goes', async () => {
  add({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } })
  await tend(3)
  await patch({ template: templateOf('v2') })
  const { fewest, most } = await tend(25)
  assert.equal(fewest, 3)
  assert.equal(most, 4)
  assert.ok(world.server.list(Pods).every(pod => pod.spec?.containers[0]?.image === 'v2'))
})

test('while surging a node counts as updated only when the old pod has gone', async () => {
  add({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '100%' } } })
  await tend(3)
  await patch({ template: templateOf('v2') })
  await world.settle(1_500)
  assert.ok(world.server.list(Pods).some(pod => pod.spec?.containers[0]?.image === 'v2'))
  assert.equal(status().updatedNumberScheduled, 0)
  await tend(25)
  assert.equal(status().updatedNumberScheduled, 3)
})

test('OnDelete waits for somebody to delete', async () => {
  add({ updateStrategy: { type: 'OnDelete' } })
  await tend(3)
  await patch({ template: templateOf('v2') })
  await tend(5)
  assert.equal(status().updatedNumberScheduled, 0)
  world.server.remove(Pods, world.server.list(Pods)[0]!.metadata.name, 'default')
  await tend(3)
  assert.equal(status().updatedNumberScheduled, 1)
})

for (const [phase, what, isRight, event] of [
  ['Failed', 'later and later', (count: number) => count >= 3 && count <= 6, 'FailedDaemonPod Found failed'],
  ['Succeeded', 'at once', (count: number) => count > 20, 'SucceededDaemonPod Found succeeded'],
] as const)
  test(`a pod that has ${phase.toLowerCase()} is replaced, ${what}`, async () => {
    add({ template: templateOf('v1', { nodeName: 'n1' }) })
    const uids = new Set<string>()
    for (let step = 0; step < 100; step++) {
      await world.settle(100)
      for (const pod of world.server.list(Pods)) {
        uids.add(pod.metadata.uid)
        if (pod.metadata.deletionTimestamp) world.server.remove(Pods, pod.metadata.name, 'default')
        else world.server.change(Pods, pod.metadata.name, 'default', each => (each.status = { phase }))
      }
    }
    assert.ok(isRight(uids.size), `${uids.size} pods in ten seconds`)
    assert.ok(world.events.some(each => each.startsWith(`${event} daemon pod default/agent-`)))
  })

test('a pod that cannot be deleted is told of, and tried again', async () => {
  add()
  await tend(3)
  const failure = new StatusError({ code: 403, reason: 'Forbidden', message: 'not this one' })
  world.server.failNext({ method: 'DELETE', path: /\/pods\// }, failure)
  world.server.change(Nodes, 'n1', undefined, node => (node.spec = { taints: [{ key: 'k', effect: 'NoExecute' }] }))
  await tend(5)
  assert.ok(world.events.includes('FailedDelete Error deleting: not this one'))
  assert.deepEqual(nodes(), ['n2', 'n3'])
})

describe('placementOn', () => {
  const set = (spec: Partial<PodSpec>) => ({ spec: { template: templateOf('v', spec) } }) as unknown as DaemonSet
  const node = (taints: Node['spec']['taints'], labels = {}) =>
    ({ metadata: { name: 'n', labels }, spec: { taints } }) as unknown as Node
  const affinity = (key: string, operator: string, values: string[]) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
        },
      },
    },
  })
  const table: [string, Partial<PodSpec>, Node, [boolean, boolean]][] = [
    ['a plain node', {}, node([]), [true, true]],
    ['NoSchedule keeps new ones away', {}, node([{ key: 'k', effect: 'NoSchedule' }]), [false, true]],
    ['NoExecute drives off', {}, node([{ key: 'k', effect: 'NoExecute' }]), [false, false]],
    ['tolerated', { tolerations: [{ operator: 'Exists' }] }, node([{ key: 'k', effect: 'NoExecute' }]), [true, true]],
    ['not ready is tolerated', {}, node([{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }]), [true, true]],
    ['preference is no obstacle', {}, node([{ key: 'k', effect: 'PreferNoSchedule' }]), [true, true]],
    ['another node name', { nodeName: 'm' }, node([]), [false, false]],
    ['node selector', { nodeSelector: { a: 'b' } }, node([]), [false, false]],
    ['affinity holds', affinity('a', 'In', ['b']), node([], { a: 'b' }), [true, true]],
    ['affinity does not', affinity('a', 'NotIn', ['b']), node([], { a: 'b' }), [false, false]],
    ['greater than', affinity('cores', 'Gt', ['4']), node([], { cores: '8' }), [true, true]],
  ]
  for (const [name, spec, on, [run, stay]] of table) {
    test(name, () => assert.deepEqual(placementOn(set(spec), on), { run, stay }))
  }
})
