import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, randomInt, SeededRandom } from '@canopus/base'
import { failureMessage, rejectingPlugins } from './diagnosis.ts'
import { rejectionsByName } from './node-rejections.ts'
import { podInfo } from './pod-info.ts'
import { aNode, aPod, type Scenario, scenario } from './testing/builders.ts'

const NODES = 6
const LABELS = { app: 'x' }
const apart = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: LABELS } }],
    },
  },
}

/** Something by chance that decides where a pod may go. */
function changeSomething({ cache }: Scenario, random: Random): void {
  const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!
  const node = `n${randomInt(random, NODES)}`
  const name = `p${randomInt(random, 20)}`
  switch (pick('pod', 'pod', 'pod', 'gone', 'node', 'node gone', 'nominated', 'nominated', 'nominated', 'many')) {
    case 'pod':
      cache.setPod(aPod(name, { requests: { cpu: pick('1', '2') }, spec: { nodeName: node, priority: pick(1, 200) } }))
      break
    case 'gone':
      cache.removePod(`default/${name}`)
      break
    case 'node': {
      const taints = pick([], [{ key: 'k', effect: 'NoSchedule' }])
      const labels = { zone: pick('1', '2') }
      cache.setNode(aNode(node, { labels, allocatable: { cpu: pick('1', '3', '4') }, spec: { taints } }))
      break
    }
    case 'node gone':
      cache.removeNode(node)
      break
    case 'nominated': {
      const facts = {
        requests: { cpu: pick('1', '3') },
        spec: { priority: pick(5, 100, 200), ...pick<object>({}, {}, apart) },
      }
      cache.nominate(podInfo(aPod(`w${randomInt(random, 4)}`, facts)), pick(node, node, undefined))
      break
    }
    default:
      // More than are remembered.
      for (let i = 0; i < 5000; i++) cache.figures.changed(0)
  }
}

test('why nodes do not do: what is remembered is what asking each node anew gives', () => {
  const seen = { failures: 0, nodes: 0, chosen: 0 }
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed)
    const cluster = scenario({
      nodes: Array.from({ length: NODES }, (_, i) => aNode(`n${i}`, { labels: { zone: `${i % 2}` } })),
    })
    const { cache, cycle } = cluster
    for (let step = 0; step < 150; step++) {
      changeSomething(cluster, random)
      const facts = {
        labels: randomInt(random, 4) === 0 ? LABELS : {},
        requests: { cpu: ['2', '4'][randomInt(random, 2)]! },
        spec: { priority: [10, 100][randomInt(random, 2)]! },
      }
      const pod = podInfo(aPod('asks', facts))
      if (randomInt(random, 4) === 0) cache.nominate(pod, `n${randomInt(random, NODES)}`)
      const where = `seed ${seed}, step ${step}`
      const anew = cycle.rejections(pod)
      const decision = cycle.decide(pod)
      if ('failure' in decision) {
        const { failure } = decision
        seen.failures++
        for (const node of cache.nodes) {
          seen.nodes++
          assert.deepEqual(failure.rejections.of(node), anew.get(node.name), where)
        }
        const plain = { rejections: rejectionsByName(anew) }
        assert.equal(failureMessage(failure, cache.nodes.length), failureMessage(plain, cache.nodes.length), where)
        assert.deepEqual([...rejectingPlugins(failure)].sort(), [...rejectingPlugins(plain)].sort(), where)
        assert.equal(anew.size, cache.nodes.length, where)
      } else {
        seen.chosen++
        assert.equal(anew.get(decision.node.name), undefined, where)
      }
      cache.nominate(pod, undefined)
    }
  }
  assert.ok(seen.failures > 1000 && seen.chosen > 1000, JSON.stringify(seen))
})
