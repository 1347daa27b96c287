import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { readConfiguration } from './config/configuration.ts'
import type { AskExtender } from './extenders.ts'
import { aNode, aPod } from './testing/builders.ts'
import { type FakeCluster, startFakeCluster } from './testing/fake-cluster.ts'

let cluster: FakeCluster | undefined
afterEach(() => cluster?.stop())

type Answers = Record<string, (body: Body) => unknown>
type ByNode<T> = Partial<Record<'a' | 'b', { Pods: T[]; NumPDBViolations: number }>>
interface Body {
  Pod: Pod
  NodeNameToVictims: ByNode<Pod> | null
  NodeNameToMetaVictims: ByNode<{ UID: string }> | null
}

const isLeaving = (pod: Pod | undefined): boolean => pod === undefined || pod.metadata.deletionTimestamp !== undefined

/** Two nodes, each full of one lesser pod (that on `a` is the lesser one), and a pod that needs room. */
async function preempting(extenders: readonly Record<string, unknown>[], answers: Answers) {
  const asked: string[] = []
  const bodies: Body[] = []
  const askExtender: AskExtender = async ({ urlPrefix }, verb, body) => {
    asked.push(`${urlPrefix}/${verb}`)
    bodies.push(body as Body)
    return answers[urlPrefix]!(body as Body)
  }
  const victim = (node: string, priority: number): Pod => {
    const pod = aPod(`on-${node}`, { requests: { cpu: '4' }, spec: { nodeName: node, priority } })
    pod.metadata.uid = `uid-${node}`
    return pod
  }
  cluster = await startFakeCluster(
    server => {
      for (const each of ['a', 'b']) server.add(Nodes, aNode(each))
      server.add(Pods, victim('a', 1))
      server.add(Pods, victim('b', 2))
      server.add(Pods, aPod('p', { requests: { cpu: '2' }, spec: { priority: 100 } }))
    },
    { configuration: readConfiguration({ extenders }), askExtender },
  )
  await cluster.settle()
  const { server } = cluster
  return {
    asked,
    bodies,
    left: ['a', 'b'].filter(each => !isLeaving(server.get(Pods, `on-${each}`, 'default'))),
    nominated: server.get(Pods, 'p', 'default')?.status?.nominatedNodeName,
    condition: cluster.scheduled('p'),
  }
}

const only = (node: string, uid = `uid-${node}`) => ({ NodeNameToMetaVictims: { [node]: { Pods: [{ UID: uid }] } } })
const first = { urlPrefix: 'http://1', preemptVerb: 'preempt' }
const second = { urlPrefix: 'http://2', preemptVerb: 'preempt' }
const UNFIT = '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: '

test('an extender chooses among the candidates', async () => {
  const { asked, bodies, left, nominated } = await preempting([first], { 'http://1': () => only('b') })
  assert.deepEqual(asked, ['http://1/preempt'])
  const { Pod: preemptor, NodeNameToVictims: victims, NodeNameToMetaVictims: uids } = bodies[0]!
  assert.equal(preemptor.metadata.name, 'p')
  assert.equal(uids, null)
  assert.deepEqual(Object.keys(victims!).toSorted(), ['a', 'b'])
  assert.equal(victims!.a!.Pods[0]!.metadata.name, 'on-a')
  assert.equal(victims!.a!.NumPDBViolations, 0)
  assert.deepEqual(left, ['a'])
  assert.equal(nominated, 'b')
})

test('one that knows pods itself is told their uids, and the next is asked about what is left', async () => {
  const { bodies, left } = await preempting([{ ...first, nodeCacheCapable: true }, second], {
    'http://1': () => ({ nodeNameToMetaVictims: { b: { pods: [{ uid: 'uid-b' }], numPDBViolations: 1 } } }),
    'http://2': () => only('b'),
  })
  assert.equal(bodies[0]!.NodeNameToVictims, null)
  assert.deepEqual(bodies[0]!.NodeNameToMetaVictims!.a, { Pods: [{ UID: 'uid-a' }], NumPDBViolations: 0 })
  const { b, ...others } = bodies[1]!.NodeNameToVictims!
  assert.deepEqual(others, {})
  assert.equal(b!.NumPDBViolations, 1)
  assert.deepEqual(left, ['a'])
})

const broken: readonly [what: string, answer: () => unknown, message: string][] = [
  [
    'it fails',
    () => {
      throw new Error('failed preempt with extender at URL http://1/preempt, code 500')
    },
    'failed preempt with extender at URL http://1/preempt, code 500',
  ],
  ['it names nobody', () => ({ NodeNameToMetaVictims: { a: {} } }), 'expected at least one victim pod on node "a"'],
  ['it names a node that is not there', () => only('c'), 'nodeinfo not found for node name "c"'],
  [
    'it names a pod that is not there',
    () => only('a', 'x'),
    'extender: http://1 claims to preempt pod (UID: &{x}) on node: a, but the pod is not found on that node',
  ],
]
for (const [what, answer, message] of broken) {
  test(`nobody is evicted where ${what}`, async () => {
    const { left, condition, nominated } = await preempting([first], { 'http://1': answer })
    assert.deepEqual(left, ['a', 'b'])
    assert.equal(nominated, undefined)
    assert.equal(condition?.reason, 'Unschedulable')
    assert.equal(condition?.message, `0/2 nodes are available: 2 Insufficient cpu. preemption: ${message}`)
  })
  test(`one that may be left out is, where ${what}`, async () => {
    const { left, condition } = await preempting([{ ...first, ignorable: true }], { 'http://1': answer })
    // Naming nobody takes a node out of the choice; nothing else counts as an answer.
    if (what !== 'it names nobody') assert.deepEqual(left, ['b'])
    else assert.equal(condition?.message, `${UNFIT}no candidate node for preemption`)
  })
}

test('an extender that allows no node ends it, and those after it are not asked', async () => {
  const { asked, left, condition } = await preempting([first, second], { 'http://1': () => ({}) })
  assert.deepEqual(asked, ['http://1/preempt'])
  assert.deepEqual(left, ['a', 'b'])
  assert.equal(condition?.message, `${UNFIT}no candidate node for preemption`)
})

test('one that manages what the pod does not ask for has no say', async () => {
  const managedResources = [{ name: 'example.com/thing' }]
  const { asked, left } = await preempting([{ ...first, managedResources }], {})
  assert.deepEqual(asked, [])
  assert.deepEqual(left, ['b'])
})
