import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopologySpreadConstraint } from '@canopus/api/core/v1'
import type { Requirement } from '@canopus/apimachinery'
import { type Random, randomInt, SeededRandom } from '@canopus/base'
import { type Decision, SchedulingCycle } from './cycle.ts'
import { type Alike, isRejection, type NodeScorer, type Profile, type SchedulerPlugin } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { defaultProfile } from './profile.ts'
import { aNode, aPod, type Scenario, type ScenarioFacts, scenario } from './testing/builders.ts'

interface Counts {
  scored: number
  /** How many times nodes were scored by group. */
  grouped: number
  /** How many groups of nodes were judged as one. */
  judged: number
}

/** The usual plugins, but that it is counted of how many nodes they say what they are worth, and whether that can be kept. */
function watched(counts: Counts, mayKeep: boolean): Profile {
  return defaultProfile.map(({ plugin, weight }) => {
    const { score } = plugin
    if (plugin.staticKey !== undefined) return { plugin, weight }
    const filter = plugin.filter && watchedFilter(plugin.filter, counts)
    if (score === undefined) return { plugin: { ...plugin, ...(filter && { filter }) }, weight }
    const counting: NonNullable<typeof score> = (...all) => {
      const scorer = score(...all)
      if (scorer === undefined) return undefined
      const { bySlot, scoreAll, alike, ...others } = scorer
      const kept: NodeScorer = {
        ...others,
        score(node) {
          counts.scored++
          return scorer.score(node)
        },
      }
      if (alike !== undefined && mayKeep) {
        const score: Alike['score'] = (slots, sizes) => {
          counts.scored += slots.length
          counts.grouped++
          return alike.score(slots, sizes)
        }
        return { ...kept, alike: { ...alike, score } }
      }
      return {
        ...kept,
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
    return { plugin: { ...plugin, ...(filter && { filter }), score: counting }, weight }
  })
}

function watchedFilter(filter: Filter, counts: Counts): Filter {
  return (...all) => {
    const made = filter(...all)
    if (made === undefined || isRejection(made) || made.alike === undefined) return made
    const { alike } = made
    const does = (slot: number): boolean => {
      counts.judged++
      return alike.does(slot)
    }
    return { ...made, alike: { ...alike, does } }
  }
}

type Filter = NonNullable<SchedulerPlugin['filter']>

const NODES = 40
const ZONE = 'topology.kubernetes.io/zone'
const HOST = 'kubernetes.io/hostname'
const zones = ['1', '2', '3'].map(zone => ({ [ZONE]: `z${zone}`, zone }))

/** Something by chance that decides which nodes do, and which are best. */
function changeSomething({ cache }: Scenario, random: Random, kinds: readonly string[]): void {
  const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!
  const node = `n${randomInt(random, NODES)}`
  const name = `p${randomInt(random, 80)}`
  switch (pick(...kinds)) {
    case 'pod':
      cache.setPod(
        aPod(name, {
          labels: { app: pick('web', 'db') },
          requests: { cpu: pick('1', '2'), memory: pick('1Gi', '4Gi') },
          spec: { nodeName: node },
        }),
      )
      break
    case 'gone':
      cache.removePod(`default/${name}`)
      break
    case 'node': {
      const taints = pick([], [], [{ key: 'a', effect: pick('NoSchedule', 'PreferNoSchedule') }])
      const allocatable = { cpu: pick('4', '8'), memory: pick('8Gi', '16Gi') }
      // Now and then two nodes share a name, or one has no zone.
      const labels = pick<Record<string, string>>({}, {}, {}, { [HOST]: 'same' })
      const zone = pick<Record<string, string>>(...zones, ...zones, ...zones, {})
      cache.setNode(aNode(node, { labels: { ...labels, ...zone }, allocatable, spec: { taints } }))
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

/** Compares what is decided by what is remembered with what looking at all nodes gives. */
function compare(seeds: number, podShapes: typeof shapes, facts: Partial<ScenarioFacts>): Record<string, number> {
  const kept = { scored: 0, grouped: 0, judged: 0 }
  const anew = { scored: 0, grouped: 0, judged: 0 }
  const results = { placed: 0, failed: 0 }
  for (let seed = 1; seed <= seeds; seed++) {
    const random = new SeededRandom(seed)
    const nodes = Array.from({ length: NODES }, (_, i) => aNode(`n${i}`, { labels: zones[i % 3]! }))
    const world = scenario({ ...facts, nodes })
    const remembering = new SchedulingCycle(watched(kept, true), world.cluster, new SeededRandom(seed))
    const forgetful = new SchedulingCycle(watched(anew, false), world.cluster, new SeededRandom(seed))
    for (let step = 0; step < 150; step++) {
      if (step % 3 === 0) changeSomething(world, random, ['pod', 'pod', 'pod', 'gone', 'nominated'])
      if (step % 40 === 0) changeSomething(world, random, ['node', 'away'])
      const pod = podInfo(aPod(`x${step % 50}`, podShapes[randomInt(random, podShapes.length)]))
      const found = remembering.decide(pod)
      const again = forgetful.decide(pod)
      assert.deepEqual(shown(found), shown(again), `seed ${seed}, step ${step}`)
      if ('failure' in found) results.failed++
      else {
        results.placed++
        if (randomInt(random, 2) === 0) world.cache.assume(pod, found.node.name)
        if (world.cache.has(pod.key) && randomInt(random, 3) > 0) world.cache.forget(pod.key)
      }
    }
  }
  assert.equal(anew.judged, 0)
  return { ...results, grouped: kept.grouped, judged: kept.judged, saved: 1 - kept.scored / anew.scored }
}

test('the node that is chosen by what is remembered is the one that looking at all nodes gives', () => {
  const plain = compare(20, shapes, {})
  assert.ok(plain.placed! > 1000 && plain.failed! > 200, JSON.stringify(plain))
  assert.ok(plain.grouped === 0 && plain.saved! > 0.1, JSON.stringify(plain))
})

const softly = (topologyKey: string, more: Partial<TopologySpreadConstraint> = {}): TopologySpreadConstraint => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: { matchLabels: { app: 'web' } },
  ...more,
})

const spread = (topologySpreadConstraints: TopologySpreadConstraint[], cpu = '1'): (typeof shapes)[number] => ({
  labels: { app: 'web' },
  requests: { cpu },
  spec: { topologySpreadConstraints },
})

const spreading: typeof shapes = [
  spread([softly(ZONE)]),
  spread([softly(HOST)]),
  spread([softly(ZONE, { maxSkew: 4 }), softly(HOST)]),
  spread([softly(ZONE, { labelSelector: { matchLabels: { app: 'db' } } })], '3'),
  spread([softly(HOST), softly('none')]),
  spread([softly(ZONE, { nodeTaintsPolicy: 'Honor' })]),
  spread([softly(ZONE), softly(HOST, { whenUnsatisfiable: 'DoNotSchedule', maxSkew: 5 })]),
  { labels: { app: 'db' }, requests: { cpu: '2' } },
]

test('so is the one that is chosen by groups of nodes, for pods that are to be spread', () => {
  const few = compare(8, spreading, {})
  assert.ok(few.grouped! > 200 && few.placed! > 800 && few.saved! > 0.1, JSON.stringify(few))
  const ownSelector: Requirement[] = [{ key: 'app', operator: 'in', values: ['db'] }]
  const byDefault = compare(5, [...spreading, { requests: { cpu: '1' } }], { ownSelector })
  assert.ok(byDefault.grouped! > 100 && byDefault.placed! > 400 && byDefault.saved! > 0.1, JSON.stringify(byDefault))
})

const hard = (topologyKey: string, more: Partial<TopologySpreadConstraint> = {}): TopologySpreadConstraint =>
  softly(topologyKey, { whenUnsatisfiable: 'DoNotSchedule', ...more })

const hardSpreading: typeof shapes = [
  spread([hard(ZONE)]),
  spread([hard(HOST)]),
  spread([hard(ZONE, { maxSkew: 2 }), hard(HOST, { maxSkew: 3 })]),
  spread([hard(ZONE, { minDomains: 4, maxSkew: 3 })], '3'),
  spread([hard(ZONE, { labelSelector: { matchLabels: { app: 'db' } } }), softly(HOST)]),
  spread([hard(HOST, { maxSkew: 4 }), softly(ZONE)], '3'),
  spread([hard('none')]),
  spread([hard(ZONE, { nodeTaintsPolicy: 'Honor' })]),
  { labels: { app: 'db' }, requests: { cpu: '2' } },
]

test('groups of nodes are judged as one for pods that must be spread', () => {
  const must = compare(10, hardSpreading, {})
  assert.ok(must.judged! > 1500 && must.placed! > 500 && must.failed! > 200, JSON.stringify(must))
})

test('nodes in more groups than are kept are ranked the long way', () => {
  const nodes = Array.from({ length: 200 }, (_, i) =>
    aNode(`n${i}`, { labels: { rack: `r${i >> 1}`, row: `w${i % 3}` } }),
  )
  const counts = { scored: 0, grouped: 0, judged: 0 }
  const { cluster, cache } = scenario({ nodes })
  const remembering = new SchedulingCycle(watched(counts, true), cluster, new SeededRandom(1))
  const forgetful = new SchedulingCycle(
    watched({ scored: 0, grouped: 0, judged: 0 }, false),
    cluster,
    new SeededRandom(1),
  )
  for (let i = 0; i < 30; i++) {
    const pod = podInfo(aPod(`p${i}`, spread([softly('rack'), softly('row')])))
    const found = remembering.decide(pod)
    assert.deepEqual(shown(found), shown(forgetful.decide(pod)))
    assert.ok('node' in found)
    cache.assume(pod, found.node.name)
  }
  assert.equal(counts.grouped, 0)
})

function shown(decision: Decision): unknown {
  if ('node' in decision) return [decision.node.name, decision.score]
  return [...decision.failure.rejections.counts].map(([{ reasons }, count]) => `${count} ${reasons.join()}`).sort()
}
