import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod } from '@canopus/api/core/v1'
import { randomInt, SeededRandom } from '@canopus/base'
import type { Profile } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { defaultProfile } from './profile.ts'
import { aNode, aPod, scenario } from './testing/builders.ts'

/** The same plugins without anything that makes them fast. */
const plainProfile: Profile = defaultProfile.map(({ plugin, weight }) => {
  const { staticKey: _, filter, score, ...rest } = plugin
  return {
    weight,
    plugin: {
      ...rest,
      ...(filter && {
        filter(pod, cluster) {
          const made = filter(pod, cluster)
          if (made === undefined || 'reasons' in made) return made
          return { check: made.check, ...(made.only ? { only: made.only } : {}) }
        },
      }),
      ...(score && {
        score(pod, cluster, candidates) {
          const made = score(pod, cluster, candidates)
          return made && { score: made.score, ...(made.normalise ? { normalise: made.normalise } : {}) }
        },
      }),
    },
  }
})

const random = new SeededRandom('cycle')
const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!

function someNode(name: string): Node {
  return aNode(name, {
    labels: {
      disk: pick('ssd', 'hdd'),
      ...pick<Record<string, string>>({}, { 'topology.kubernetes.io/zone': pick('1', '2', '3') }),
    },
    allocatable: { cpu: pick('500m', '1', '4'), memory: pick('1Gi', '8Gi'), pods: pick('3', '110') },
    spec: {
      unschedulable: pick(false, false, false, true),
      taints: pick(
        [],
        [],
        [{ key: 'a', effect: pick('NoSchedule', 'PreferNoSchedule') }],
        [{ key: 'b', effect: 'NoExecute' }],
      ),
    },
  })
}

function somePod(name: string): Pod {
  const app = pick('web', 'db')
  const term = { topologyKey: pick('kubernetes.io/hostname', 'disk'), labelSelector: { matchLabels: { app } } }
  return aPod(name, {
    labels: { app: pick('web', 'db') },
    requests: { cpu: pick('10m', '200m', '1'), ...pick<Record<string, string>>({}, { memory: '512Mi' }) },
    spec: {
      priority: pick(0, 10),
      nodeSelector: pick<Record<string, string>>({}, {}, { disk: 'ssd' }),
      tolerations: pick([], [{ key: 'a', operator: 'Exists' }]),
      topologySpreadConstraints: pick(
        [],
        [
          {
            maxSkew: 1,
            topologyKey: 'topology.kubernetes.io/zone',
            whenUnsatisfiable: pick('DoNotSchedule', 'ScheduleAnyway'),
            labelSelector: { matchLabels: { app } },
          },
        ],
      ),
      affinity: pick({}, { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }),
    },
  })
}

test('the fast ways decide as the plain ones, while nodes and pods come, change and go', () => {
  const fast = scenario({ nodes: [] })
  const plain = scenario({ nodes: [], profile: plainProfile })
  const both = [fast.cache, plain.cache]
  const placed: string[] = []
  let chosen = 0
  for (let step = 0; step < 1500; step++) {
    const what = pick('node', 'pod', 'pod', 'pod', 'pod', 'gone', 'nodeGone')
    if (what === 'node') {
      const node = someNode(`n${randomInt(random, 20)}`)
      for (const cache of both) cache.setNode(node)
    } else if (what === 'nodeGone' && step % 3 === 0) {
      for (const cache of both) cache.removeNode(`n${step % 20}`)
    } else if (what === 'gone' && placed.length > 0) {
      const [key] = placed.splice(randomInt(random, placed.length), 1)
      for (const cache of both) cache.removePod(key!)
    } else if (what === 'pod') {
      const pod = somePod(`p${step}`)
      const choice = fast.choose(pod)
      assert.equal(choice, plain.choose(pod), `step ${step}`)
      if (!choice.startsWith('n')) continue
      chosen++
      placed.push(podInfo(pod).key)
      for (const cache of both) cache.assume(podInfo(pod), choice)
    }
  }
  assert.ok(chosen > 100, `${chosen} pods found a node`)
})

test('the figures of the nodes are the sums over their pods', () => {
  const { cache, choose } = scenario({ nodes: Array.from({ length: 5 }, (_, i) => aNode(`n${i}`)) })
  for (let i = 0; i < 40; i++) {
    const pod = aPod(`p${i}`, { requests: { cpu: '300m', memory: '100Mi' } })
    cache.assume(podInfo(pod), choose(pod))
    if (i % 3 === 0) cache.removePod(podInfo(pod).key)
    if (i === 20) cache.removeNode('n1')
  }
  for (const node of cache.nodes) {
    const pods = [...node.pods.values()]
    assert.equal(cache.figures.pods[node.slot], pods.length)
    assert.equal(cache.figures.requestedCpu[node.slot], pods.length * 300)
    assert.equal(cache.figures.requestedMemory[node.slot], pods.length * 100 * 1024 * 1024)
    assert.equal(cache.node(node.name), node)
  }
})

test('ties are decided by chance, the same way for the same seed', () => {
  const names = (): string[] => {
    const { choose } = scenario({ nodes: Array.from({ length: 8 }, (_, i) => aNode(`n${i}`)) })
    return Array.from({ length: 30 }, (_, i) => choose(aPod(`p${i}`)))
  }
  assert.deepEqual(names(), names())
  assert.ok(new Set(names()).size > 3)
})

test('pods whose nodes are not known yet count as soon as they are', () => {
  const { cache, choose } = scenario({
    nodes: [],
    pods: [aPod('a', { requests: { cpu: '4' }, spec: { nodeName: 'n' } })],
  })
  assert.equal(choose(aPod('p')), '0/0 nodes are available:')
  cache.setNode(aNode('n'))
  assert.equal(choose(aPod('p', { requests: { cpu: '1' } })), '0/1 nodes are available: 1 Insufficient cpu.')
  cache.removePod('default/a')
  assert.equal(choose(aPod('p', { requests: { cpu: '1' } })), 'n')
})
