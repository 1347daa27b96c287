import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import { ClusterCache } from './cache.ts'
import { podInfo } from './pod-info.ts'
import { aNode, aPod } from './testing/builders.ts'

const first = (): Pod => {
  const pod = aPod('p', { labels: { app: 'web' }, requests: { cpu: '1', memory: '1Gi' } })
  pod.metadata.generation = 1
  return pod
}

const granted = {
  containerStatuses: [
    { name: 'main', ready: true, restartCount: 0, image: '', imageID: '', resources: { requests: { cpu: '2' } } },
  ],
}

const versions: readonly [what: string, isKept: boolean, change: (pod: Pod) => void][] = [
  ['bound', true, ({ spec }) => Object.assign(spec!, { nodeName: 'n1' })],
  ['told about', true, pod => Object.assign(pod, { status: { phase: 'Pending' } })],
  ['annotated', true, ({ metadata }) => Object.assign(metadata, { annotations: { a: 'b' } })],
  ['labelled', true, ({ metadata }) => Object.assign(metadata, { labels: { app: 'db' } })],
  ['leaving', false, ({ metadata }) => Object.assign(metadata, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
  ['another of that name', false, ({ metadata }) => Object.assign(metadata, { uid: 'other' })],
  ['granted more', false, pod => Object.assign(pod, { status: granted })],
  [
    'changed',
    false,
    ({ metadata, spec }) => {
      metadata.generation = 2
      spec!.containers[0]!.resources = { requests: { cpu: '3' } }
    },
  ],
  [
    'from a server that does not count changes',
    false,
    ({ metadata, spec }) => {
      delete metadata.generation
      spec!.containers[0]!.resources = { requests: { cpu: '3' } }
    },
  ],
]

for (const [what, isKept, change] of versions) {
  test(`a pod that is ${what}: the facts are those of its own, ${isKept ? 'taken over' : 'worked out anew'}`, () => {
    const before = first()
    if (what.startsWith('from')) delete before.metadata.generation
    const after = structuredClone(before)
    change(after)
    const info = podInfo(after, podInfo(before))
    assert.deepEqual(info, { ...podInfo(structuredClone(after)), pod: after })
    assert.equal(info.requests === podInfo(before).requests, isKept)
  })
}

test('a pod that is seen on the node that it was given counts once, in its newest version', () => {
  const cache = new ClusterCache()
  for (const name of ['n1', 'n2']) cache.setNode(aNode(name))
  const pod = first()
  cache.assume(podInfo(pod), 'n1')
  const seen = cache.figures.changes
  const bound = structuredClone(pod)
  bound.spec!.nodeName = 'n1'
  podInfo(bound, podInfo(pod))
  cache.setPod(bound)
  assert.equal(cache.figures.changes, seen, 'nothing is counted anew')
  assert.equal(cache.isAssumed('default/p'), false)
  assert.equal(cache.node('n1')!.pods.get('default/p')!.pod, bound)
  assert.equal(cache.figures.requestedCpu[0], 1000)
  const moved = structuredClone(bound)
  moved.spec!.nodeName = 'n2'
  podInfo(moved, podInfo(bound))
  cache.setPod(moved)
  assert.deepEqual([...cache.figures.requestedCpu.subarray(0, 2)], [0, 1000])
  cache.removePod('default/p')
  assert.deepEqual([...cache.figures.requestedCpu.subarray(0, 2)], [0, 0])
  assert.equal(cache.selectorCounts.of('default', [], true).empty, true)
})

test('of a pod that is bound with other labels only those are counted anew', () => {
  const cache = new ClusterCache()
  cache.setNode(aNode('n1'))
  const pod = first()
  cache.assume(podInfo(pod), 'n1')
  const count = (key: string, value: string): number | undefined =>
    cache.selectorCounts.of('default', [{ key, operator: 'in', values: [value] }], false).byNode.get('n1')
  assert.deepEqual([count('app', 'web'), count('zone', 'a')], [1, undefined])
  const seen = cache.figures.changes
  const bound = structuredClone(pod)
  bound.spec!.nodeName = 'n1'
  bound.metadata.labels = { app: 'web', zone: 'a' }
  podInfo(bound, podInfo(pod))
  cache.setPod(bound)
  assert.deepEqual([count('app', 'web'), count('zone', 'a')], [1, 1])
  assert.equal(cache.figures.changes, seen + 1, 'groups of nodes may be others')
  assert.equal(cache.figures.requestedCpu[0], 1000)
  const other = structuredClone(bound)
  other.metadata.labels = { app: 'db', zone: 'a' }
  podInfo(other, podInfo(bound))
  cache.setPod(other)
  assert.deepEqual([count('app', 'web'), count('app', 'db'), count('zone', 'a')], [undefined, 1, 1])
})

test('pods that want nothing of a kind share one list of nothing', () => {
  const [one, other] = [podInfo(aPod('a')), podInfo(aPod('b'))]
  const lists = [
    'requiredAffinity',
    'requiredAntiAffinity',
    'preferredAffinity',
    'preferredAntiAffinity',
    'hostPorts',
    'claims',
  ] as const
  for (const list of lists) {
    assert.equal(one[list], other[list], list)
    assert.equal(one[list].length, 0, list)
  }
})
