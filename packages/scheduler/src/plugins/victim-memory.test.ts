import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { type Random, randomInt, SeededRandom } from '@canopus/base'
import type { PostFilterResult } from '../framework.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod, type Scenario, scenario } from '../testing/builders.ts'
import { preemptionPlan } from './default-preemption.ts'

const LABELS = { app: 'x' }
const apart = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: LABELS } }],
    },
  },
}

/** Something by chance that decides who is to be evicted. */
function changeSomething(cluster: Scenario, budgets: PodDisruptionBudget[], random: Random): void {
  const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!
  const { cache } = cluster
  const node = `n${randomInt(random, 5)}`
  const name = `p${randomInt(random, 16)}`
  switch (pick('pod', 'pod', 'pod', 'pod', 'gone', 'node', 'nominated', 'nominated', 'budget', 'budget', 'apart')) {
    case 'pod':
      cache.setPod(
        aPod(name, {
          labels: LABELS,
          requests: { cpu: pick('1', '2') },
          spec: { priority: pick(1, 5, 50, 150, 150), nodeName: node },
          // All different: of pods that are equally important it is chance who goes first.
          status: { startTime: `2026-01-01T00:00:${10 + randomInt(random, 50)}.${name}Z` },
        }),
      )
      break
    case 'gone':
      cache.removePod(`default/${name}`)
      break
    case 'node':
      cache.setNode(aNode(node, { labels: { zone: pick('1', '2') }, allocatable: { cpu: pick('2', '4', '6') } }))
      break
    case 'nominated': {
      const waiting = aPod(`w${randomInt(random, 4)}`, {
        requests: { cpu: pick('1', '2') },
        spec: { priority: pick(100, 200), ...pick<object>({}, {}, apart) },
      })
      cache.nominate(podInfo(waiting), pick(node, undefined))
      break
    }
    case 'budget':
      budgets.splice(0)
      if (pick(true, false)) {
        const metadata = { name: 'b', namespace: 'default' } as PodDisruptionBudget['metadata']
        budgets.push({
          metadata,
          spec: { selector: { matchLabels: LABELS } },
          status: { disruptionsAllowed: 0 },
        } as never)
      }
      break
    default:
      // A placed pod that wants none of the others near.
      if (pick(true, false)) cache.removePod('default/apart')
      else cache.setPod(aPod('apart', { spec: { nodeName: node, priority: 500, ...apart } }))
  }
}

test('whom to evict: what is remembered of nodes is what finding out anew gives', () => {
  const results = { evicts: 0, nobody: 0, worked: 0, asked: 0 }
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed)
    const cluster = scenario({
      nodes: Array.from({ length: 5 }, (_, i) => aNode(`n${i}`, { labels: { zone: `${i % 2}` } })),
    })
    const { cache, cycle } = cluster
    const budgets: PodDisruptionBudget[] = []
    const planWith = (remember: boolean): ReturnType<typeof preemptionPlan> =>
      preemptionPlan({
        random: new SeededRandom('start'),
        check(pod, node) {
          if (remember) results.worked++
          else results.asked++
          return cycle.check(pod, node)
        },
        budgets: () => budgets,
        ...(remember ? { localKey: pod => cycle.localKey(pod) } : {}),
      })
    const remembering = planWith(true)
    const forgetful = planWith(false)
    for (let step = 0; step < 200; step++) {
      if (step % 2 === 0) changeSomething(cluster, budgets, random)
      const cpu = ['3', '3', '4'][randomInt(random, 3)]!
      const pod = podInfo(
        aPod('preemptor', {
          labels: randomInt(random, 2) === 0 ? LABELS : {},
          requests: { cpu },
          spec: { priority: 100 },
        }),
      )
      if (randomInt(random, 5) === 0) cache.nominate(pod, `n${randomInt(random, 5)}`)
      const decision = cycle.decide(pod)
      if ('failure' in decision) {
        const shown = ({ message, nomination }: PostFilterResult): unknown => [
          message,
          nomination?.node,
          nomination?.victims.map(each => each.key).sort(),
        ]
        const found = remembering(pod, cluster.cluster, decision.failure)
        const again = forgetful(pod, cluster.cluster, decision.failure)
        assert.ok(!(found instanceof Promise) && !(again instanceof Promise))
        assert.deepEqual(shown(found), shown(again), `seed ${seed}, step ${step}`)
        results[found.nomination === undefined ? 'nobody' : 'evicts']++
      }
      cache.nominate(pod, undefined)
    }
  }
  assert.ok(results.evicts > 100 && results.nobody > 3, JSON.stringify(results))
  assert.ok(results.worked < results.asked * 0.9, `some is remembered: ${JSON.stringify(results)}`)
})

test('pods that wait for a node are counted on it when others ask for it, also where only the node is looked at', () => {
  const { cache, choose } = scenario({ nodes: [aNode('n')] })
  const ofPriority = (name: string, priority: number): Pod =>
    aPod(name, { requests: { cpu: '3' }, spec: { priority, nodeName: '' } })
  cache.nominate(podInfo(ofPriority('waiting', 10)), 'n')
  const revision = cache.node('n')!.podsRevision
  assert.match(choose(ofPriority('equal', 10)), /1 Insufficient cpu/)
  assert.match(choose(ofPriority('less', 5)), /1 Insufficient cpu/)
  assert.equal(choose(ofPriority('more', 20)), 'n')
  assert.equal(choose(ofPriority('waiting', 10)), 'n', 'not for itself')
  assert.deepEqual([cache.node('n')!.pods.size, cache.node('n')!.podsRevision], [0, revision], 'all is as it was')
})
