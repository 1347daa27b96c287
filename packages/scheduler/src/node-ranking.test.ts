import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, randomInt, SeededRandom } from '@canopus/base'
import { type Decision, SchedulingCycle } from './cycle.ts'
import type { Profile } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { defaultProfile } from './profile.ts'
import { aNode, aPod, type Scenario, scenario } from './testing/builders.ts'

/** The usual plugins, but that it is counted of how many nodes they say what they are worth, and whether that can be kept. */
function watched(counts: { scored: number }, mayKeep: boolean): Profile {
  return defaultProfile.map(({ plugin, weight }) => {
    const { score } = plugin
    if (score === undefined || plugin.staticKey !== undefined) return { plugin, weight }
    const counting: NonNullable<typeof score> = (...all) => {
      const scorer = score(...all)
      if (scorer === undefined) return undefined
      const { bySlot, scoreAll, ...others } = scorer
      return {
        ...others,
        score(node) {
          counts.scored++
          return scorer.score(node)
        },
        ...(bySlot === undefined || !mayKeep
          ? {}
          : {
              bySlot(slot: number) {
                counts.scored++
                return bySlot(slot)
              },
            }),
      }
    }
    return { plugin: { ...plugin, score: counting }, weight }
  })
}

const NODES = 40

/** Something by chance that decides which nodes do, and which are best. */
function changeSomething({ cache }: Scenario, random: Random, kinds: readonly string[]): void {
  const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!
  const node = `n${randomInt(random, NODES)}`
  const name = `p${randomInt(random, 80)}`
  switch (pick(...kinds)) {
    case 'pod':
      cache.setPod(
        aPod(name, { requests: { cpu: pick('1', '2'), memory: pick('1Gi', '4Gi') }, spec: { nodeName: node } }),
      )
      break
    case 'gone':
      cache.removePod(`default/${name}`)
      break
    case 'node': {
      const taints = pick([], [], [{ key: 'a', effect: pick('NoSchedule', 'PreferNoSchedule') }])
      const allocatable = { cpu: pick('4', '8'), memory: pick('8Gi', '16Gi') }
      cache.setNode(aNode(node, { labels: { zone: pick('1', '2') }, allocatable, spec: { taints } }))
      break
    }
    case 'away':
      cache.removeNode(node)
      break
    default: {
      const waiting = aPod(`w${randomInt(random, 3)}`, {
        requests: { cpu: pick('2', '7') },
        spec: { priority: pick(0, 9) },
      })
      cache.nominate(podInfo(waiting), pick(node, undefined))
    }
  }
}

const shapes: Parameters<typeof aPod>[1][] = [
  { requests: { cpu: '1' } },
  { requests: { cpu: '1', memory: '2Gi' } },
  { requests: { cpu: '3', memory: '1Gi' }, spec: { priority: 5 } },
  { requests: {} },
  { requests: { cpu: '1' }, spec: { nodeSelector: { zone: '1' } } },
  { requests: { cpu: '6' }, spec: { priority: 5 } },
  { requests: { cpu: '9' } },
]

test('the node that is chosen by what is remembered is the one that looking at all nodes gives', () => {
  const kept = { scored: 0 }
  const anew = { scored: 0 }
  const results = { placed: 0, failed: 0 }
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed)
    const facts = scenario({ nodes: Array.from({ length: NODES }, (_, i) => aNode(`n${i}`)) })
    const remembering = new SchedulingCycle(watched(kept, true), facts.cluster, new SeededRandom(seed))
    const forgetful = new SchedulingCycle(watched(anew, false), facts.cluster, new SeededRandom(seed))
    for (let step = 0; step < 150; step++) {
      if (step % 3 === 0) changeSomething(facts, random, ['pod', 'pod', 'pod', 'gone', 'nominated'])
      if (step % 40 === 0) changeSomething(facts, random, ['node', 'away'])
      const pod = podInfo(aPod(`x${step % 50}`, shapes[randomInt(random, shapes.length)]))
      const found = remembering.decide(pod)
      const again = forgetful.decide(pod)
      assert.deepEqual(shown(found), shown(again), `seed ${seed}, step ${step}`)
      if ('failure' in found) results.failed++
      else {
        results.placed++
        if (randomInt(random, 2) === 0) facts.cache.assume(pod, found.node.name)
        if (facts.cache.has(pod.key) && randomInt(random, 3) > 0) facts.cache.forget(pod.key)
      }
    }
  }
  assert.ok(results.placed > 1000 && results.failed > 200, JSON.stringify(results))
  assert.ok(kept.scored < anew.scored * 0.8, `some is remembered: ${kept.scored} of ${anew.scored}`)
})

function shown(decision: Decision): unknown {
  if ('node' in decision) return [decision.node.name, decision.score]
  return [...decision.failure.rejections.counts].map(([{ reasons }, count]) => `${count} ${reasons.join()}`).sort()
}
