import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod } from '@canopus/api/core/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { SeededRandom } from '@canopus/base'
import { failureMessage } from '../diagnosis.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod, type PodFacts, scenario } from '../testing/builders.ts'
import { type PreemptionArguments, preemptionPlan } from './default-preemption.ts'

function preempt(
  nodes: Node[],
  pods: Pod[],
  pod: Pod,
  budgets: PodDisruptionBudget[] = [],
  args: PreemptionArguments = {},
) {
  const { cycle, cluster, cache } = scenario({ nodes, pods })
  const info = podInfo(pod)
  const decision = cycle.decide(info)
  assert.ok('failure' in decision, 'the pod must not fit as things are')
  const before = nodes.map(node => [...cache.node(node.metadata.name)!.pods.keys()].sort())
  const plan = preemptionPlan({
    ...args,
    random: new SeededRandom(1),
    check: (each, node) => cycle.check(each, node),
    budgets: () => budgets,
  })
  const result = plan(info, cluster, decision.failure)
  assert.ok(!(result instanceof Promise), 'nobody outside is asked')
  const after = nodes.map(node => [...cache.node(node.metadata.name)!.pods.keys()].sort())
  assert.deepEqual(after, before, 'trying changes nothing')
  return {
    message: failureMessage(decision.failure, nodes.length, result.message),
    node: result.nomination?.node,
    victims: result.nomination?.victims.map(each => each.pod.metadata.name).sort(),
  }
}

const on = (nodeName: string, name: string, priority: number, cpu = '2', more: PodFacts = {}): Pod =>
  aPod(name, { ...more, requests: { cpu }, spec: { nodeName, priority } })
const important = (cpu = '2') => aPod('p', { requests: { cpu }, spec: { priority: 100 } })

test('evicts the fewest and least important pods', () => {
  const nodes = [aNode('a'), aNode('b'), aNode('c')]
  const pods = [
    on('a', 'a1', 50),
    on('a', 'a2', 10),
    on('b', 'b1', 50),
    on('b', 'b2', 20),
    on('c', 'c1', 200),
    on('c', 'c2', 200),
  ]
  const { node, victims } = preempt(nodes, pods, important())
  assert.deepEqual([node, victims], ['a', ['a2']])
  assert.deepEqual(preempt(nodes, pods, important('4')), {
    message: '0/3 nodes are available: 3 Insufficient cpu.',
    node: 'a',
    victims: ['a1', 'a2'],
  })
})

test('says why evicting does not help', () => {
  const nodes = [aNode('a'), aNode('b', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })]
  const { message, node } = preempt(nodes, [on('a', 'a1', 200, '4')], important())
  assert.equal(node, undefined)
  assert.equal(
    message,
    '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  )
  const tooBig = preempt([aNode('a')], [on('a', 'a1', 1, '4')], important('8'))
  assert.match(tooBig.message, /preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\.$/)
})

test('pods that never preempt, or already wait for victims, evict nobody', () => {
  const peaceful = aPod('p', { requests: { cpu: '2' }, spec: { priority: 100, preemptionPolicy: 'Never' } })
  assert.match(preempt([aNode('a')], [on('a', 'a1', 1, '4')], peaceful).message, /preemptionPolicy=Never\.$/)
  const leaving = on('a', 'a1', 1, '4')
  leaving.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
  const waiting = aPod('p', {
    requests: { cpu: '2' },
    spec: { priority: 100 },
    status: { nominatedNodeName: 'a' },
  })
  assert.deepEqual(preempt([aNode('a')], [leaving], waiting).victims, ['a1'], 'it goes for reasons of its own')
  const told = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }
  leaving.status = { conditions: [told] } as Pod['status']
  assert.match(preempt([aNode('a')], [leaving], waiting).message, /terminating pod on the nominated node\.$/)
  const closed = aNode('a', { spec: { unschedulable: true } })
  assert.deepEqual(
    preempt([closed, aNode('b')], [leaving, on('b', 'b1', 1, '4')], waiting).victims,
    ['b1'],
    'waiting for the node leads nowhere',
  )
})

test('disruption budgets are kept where that can be', () => {
  const nodes = [aNode('a'), aNode('b')]
  const guarded = { labels: { app: 'db' } }
  const pods = [on('a', 'a1', 1, '4', guarded), on('b', 'b1', 50, '4')]
  const budget = {
    metadata: { name: 'db' },
    spec: { selector: { matchLabels: { app: 'db' } } },
    status: { disruptionsAllowed: 0 },
  } as unknown as PodDisruptionBudget
  assert.deepEqual(preempt(nodes, pods, important()).victims, ['a1'])
  assert.deepEqual(preempt(nodes, pods, important(), [budget]).victims, ['b1'])
})

test('what a budget still allows goes to the more important pods', () => {
  const guarded = { labels: { app: 'db' } }
  const budget = {
    metadata: { name: 'db' },
    spec: { selector: { matchLabels: { app: 'db' } } },
    status: { disruptionsAllowed: 1 },
  } as unknown as PodDisruptionBudget
  // The lesser one is the one too many, whichever came first; so it is spared first.
  for (const pods of [
    [on('a', 'lesser', 1, '2', guarded), on('a', 'greater', 50, '2', guarded)],
    [on('a', 'greater', 50, '2', guarded), on('a', 'lesser', 1, '2', guarded)],
  ]) {
    assert.deepEqual(preempt([aNode('a')], pods, important(), [budget]).victims, ['greater'])
  }
})

test('a pod that waits for room keeps it from less important ones', () => {
  const { cache, choose } = scenario({ nodes: [aNode('a')] })
  cache.nominate(podInfo(important('4')), 'a')
  assert.equal(choose(aPod('small', { requests: { cpu: '1' } })), '0/1 nodes are available: 1 Insufficient cpu.')
  assert.equal(choose(aPod('greater', { requests: { cpu: '1' }, spec: { priority: 200 } })), 'a')
})

test('candidates are looked for until there are enough, and one of them goes against no budget', () => {
  const guarded = { labels: { app: 'db' } }
  const budget = {
    metadata: { name: 'db' },
    spec: { selector: { matchLabels: { app: 'db' } } },
    status: { disruptionsAllowed: 0 },
  } as unknown as PodDisruptionBudget
  const nodes = Array.from({ length: 8 }, (_, i) => aNode(`n${i}`))
  const few = { minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 1 }
  for (let harmless = 0; harmless < 8; harmless++) {
    const pods = nodes.map((_, i) => on(`n${i}`, `v${i}`, 1, '4', i === harmless ? {} : guarded))
    assert.deepEqual(preempt(nodes, pods, important(), [budget], few).victims, [`v${harmless}`])
  }
  const all = nodes.map((_, i) => on(`n${i}`, `v${i}`, 1, '4', guarded))
  assert.equal(preempt(nodes, all, important(), [budget], few).victims?.length, 1, 'better than nothing')
  // A part of the nodes that eviction may help on is enough: the first found is taken, though another one is better.
  const closed = Array.from({ length: 92 }, (_, i) => aNode(`closed${i}`, { spec: { unschedulable: true } }))
  const chosen = new Set<string>()
  for (let i = 0; i < 8; i++) {
    const pods = nodes.map((_, n) => on(`n${n}`, `v${n}`, n === i ? 1 : 50, '4'))
    const share = { minCandidateNodesPercentage: 25, minCandidateNodesAbsolute: 1 }
    const { node } = preempt([...closed, ...nodes], pods, important(), [], share)
    chosen.add(String(node === `n${i}`))
  }
  assert.deepEqual([...chosen].sort(), ['false', 'true'], 'two of eight are looked at')
})
