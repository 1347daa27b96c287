import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod, PodAffinityTerm, TopologySpreadConstraint } from '@canopus/api/core/v1'
import { labelSelector, matches } from '@canopus/apimachinery'
import { type Random, randomInt, SeededRandom } from '@canopus/base'
import { ClusterCache } from './cache.ts'
import { type Alike, type ClusterView, isRejection, type SchedulerPlugin } from './framework.ts'
import { interPodAffinity } from './plugins/inter-pod-affinity.ts'
import { podTopologySpread } from './plugins/pod-topology-spread.ts'
import { type NamespaceLabels, podInfo, termMatches } from './pod-info.ts'
import { aNode, aPod } from './testing/builders.ts'

const HOST = 'kubernetes.io/hostname'
const KEYS = ['zone', 'rack', HOST]
const namespaceLabels: NamespaceLabels = name => ({ team: name === 'default' ? 'a' : 'b' })
const viewOf = (cache: ClusterCache): ClusterView => ({ cache, namespaceLabels, ownSelector: () => [] })

/** A cache that changes by chance, and what there is, written down plainly. */
class Changing {
  readonly cache = new ClusterCache()
  readonly nodes = new Map<string, Node>()
  /** All pods with a node, whether it is there or not. */
  readonly pods = new Map<string, Pod>()
  readonly #random: Random

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
  }

  pick<T>(...choices: readonly T[]): T {
    return choices[randomInt(this.#random, choices.length)]!
  }

  change(): void {
    const { cache, nodes, pods } = this
    const node = `n${randomInt(this.#random, 7)}`
    const name = `p${randomInt(this.#random, 20)}`
    switch (this.pick('node', 'node gone', 'pod', 'pod', 'pod', 'pod', 'pod gone', 'imagined')) {
      case 'node': {
        const spec = this.pick({}, {}, { taints: [{ key: 'k', effect: 'NoSchedule' as const }] })
        const labels = { ...this.#label('zone', '1', '2', '3'), ...this.#label('rack', 'x', 'y') }
        nodes.set(node, aNode(node, { labels, spec }))
        cache.setNode(nodes.get(node)!)
        break
      }
      case 'node gone':
        nodes.delete(node)
        cache.removeNode(node)
        break
      case 'pod': {
        const pod = this.pod(name, { nodeName: node })
        if (this.pick(true, false, false)) pod.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
        pods.set(`${pod.metadata.namespace}/${name}`, pod)
        cache.setPod(pod)
        break
      }
      case 'pod gone':
        for (const namespace of ['default', 'other']) {
          pods.delete(`${namespace}/${name}`)
          cache.removePod(`${namespace}/${name}`)
        }
        break
      default: {
        const info = cache.node(node)
        if (info === undefined) break
        const some = [...info.pods.values()].filter(() => this.pick(true, false))
        cache.imagine(info, some, [podInfo(this.pod('imagined'))], () => this.ask(cache, this.pod('asked')))
      }
    }
  }

  #label(key: string, ...values: string[]): Record<string, string> {
    const value = this.pick(undefined, ...values, ...values)
    return value === undefined ? {} : { [key]: value }
  }

  pod(name: string, spec: Partial<Pod['spec']> = {}): Pod {
    const terms = (): PodAffinityTerm[] =>
      this.pick<PodAffinityTerm[]>([], [], [this.#term()], [this.#term(), this.#term()])
    const preferred = () => terms().map(podAffinityTerm => ({ weight: this.pick(1, 5), podAffinityTerm }))
    const kind = () => ({
      requiredDuringSchedulingIgnoredDuringExecution: terms(),
      preferredDuringSchedulingIgnoredDuringExecution: preferred(),
    })
    const affinity = { podAffinity: kind(), podAntiAffinity: kind() }
    const constraints = this.pick<TopologySpreadConstraint[]>(
      [],
      [this.#constraint()],
      [this.#constraint(), this.#constraint()],
    )
    return aPod(name, {
      namespace: this.pick('default', 'default', 'other'),
      labels: { app: this.pick('web', 'db', 'cache') },
      spec: {
        ...spec,
        ...this.pick<object>({}, { affinity }),
        topologySpreadConstraints: constraints,
        ...this.pick<object>({}, {}, { nodeSelector: { rack: 'x' } }),
      },
    })
  }

  #selector = () => this.pick(undefined, {}, { matchLabels: { app: this.pick('web', 'db') } })

  #term(): PodAffinityTerm {
    const selector = this.#selector()
    return {
      topologyKey: this.pick(...KEYS),
      ...(selector === undefined ? {} : { labelSelector: selector }),
      ...this.pick<Partial<PodAffinityTerm>>({}, {}, { namespaces: ['other'] }, { namespaceSelector: {} }),
    }
  }

  #constraint(): TopologySpreadConstraint {
    const selector = this.#selector()
    return {
      maxSkew: this.pick(1, 2),
      topologyKey: this.pick(...KEYS),
      whenUnsatisfiable: this.pick('DoNotSchedule', 'DoNotSchedule', 'ScheduleAnyway'),
      ...(selector === undefined ? {} : { labelSelector: selector }),
      ...this.pick<Partial<TopologySpreadConstraint>>({}, { minDomains: 3 }, { nodeTaintsPolicy: 'Honor' }),
    }
  }

  /** The cache as it would be if all had come at once. */
  fresh(): ClusterCache {
    const cache = new ClusterCache()
    for (const node of this.nodes.values()) cache.setNode(node)
    for (const pod of this.pods.values()) cache.setPod(pod)
    return cache
  }

  /** What the plugins say of each node: why not, or how good. */
  ask(cache: ClusterCache, pod: Pod): string[] {
    return [interPodAffinity, podTopologySpread].flatMap(plugin => opinions(plugin, cache, pod)).sort()
  }
}

function opinions(plugin: SchedulerPlugin, cache: ClusterCache, pod: Pod): string[] {
  const info = podInfo(pod)
  const filter = plugin.filter!(info, viewOf(cache))
  assert.ok(filter === undefined || !isRejection(filter))
  const slots = Int32Array.from(cache.nodes, each => each.slot)
  const verdicts = cache.nodes.map(node => filter?.check(node)?.reasons.join() ?? 'does')
  const passed = slots.slice()
  const count = filter?.keep?.(passed, passed.length)
  if (count !== undefined) {
    const does = [...slots].filter((_, i) => verdicts[i] === 'does')
    assert.deepEqual([...passed.subarray(0, count)], does, 'one by one or many at once')
  }
  const scorer = plugin.score!(info, viewOf(cache), { slots, nodes: cache.nodes })
  const scores = new Float64Array(slots.length)
  scorer?.scoreAll?.(slots, scores)
  if (scorer !== undefined)
    assert.deepEqual(
      cache.nodes.map(each => scorer.score(each)),
      [...scores],
    )
  scorer?.normalise?.(scores)
  if (scorer?.alike !== undefined) assert.deepEqual(scoresByGroup(scorer.alike, slots), [...scores], 'by group')
  return cache.nodes.map((node, i) => `${node.name} ${plugin.name}: ${verdicts[i]}, ${scores[i]}`)
}

/** The scores that are worked out for one node of each group. */
function scoresByGroup(alike: Alike, slots: Int32Array): number[] {
  const groups = Map.groupBy(slots, alike.of)
  const members = [...groups.values()]
  const ones = Int32Array.from(members, each => each.at(-1)!)
  const scores = alike.score(
    ones,
    Int32Array.from(members, each => each.length),
  )
  return Array.from(slots, slot => scores[[...groups.keys()].indexOf(alike.of(slot))]!)
}

/** Pods by domain, counted one by one. */
function counted(world: Changing, key: string, amountOf: (pod: Pod) => number): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const pod of world.pods.values()) {
    const domain = world.nodes.get(pod.spec!.nodeName!)?.metadata.labels?.[key]
    const amount = amountOf(pod)
    if (domain !== undefined && amount !== 0) counts[domain] = (counts[domain] ?? 0) + amount
  }
  return counts
}

/** Pods by domain as they are kept. */
function kept(cache: ClusterCache, key: string, pods: Float64Array): Record<string, number> {
  const { names } = cache.topology.column(key)
  return Object.fromEntries(names.map((name, id) => [name, pods[id]!] as const).filter(([, count]) => count !== 0))
}

test('pods by domain: what is kept is what counting one by one gives', () => {
  let some = 0
  for (let seed = 1; seed <= 6; seed++) {
    const world = new Changing(seed)
    for (let step = 0; step < 150; step++) {
      world.change()
      const { cache } = world
      for (const key of KEYS) {
        for (const written of [undefined, {}, { matchLabels: { app: 'web' } }]) {
          const selector = labelSelector(written)
          for (const leaving of [true, false]) {
            const domains = cache.selectorCounts.of('default', selector, leaving).by(key)
            const expected = counted(world, key, ({ metadata }) => {
              const counts = metadata.namespace === 'default' && matches(selector, metadata.labels)
              return counts && (leaving || metadata.deletionTimestamp === undefined) ? 1 : 0
            })
            assert.deepEqual(kept(cache, key, domains.pods), expected, `seed ${seed}, step ${step}, ${key}`)
            const total = Object.values(expected).reduce((a, b) => a + b, 0)
            assert.equal(domains.total, total)
            some += total
          }
        }
        const { nodes, names, complete } = cache.topology.column(key)
        const labels = [...world.nodes.values()].map(each => each.metadata.labels?.[key])
        assert.equal(complete, !labels.includes(undefined))
        assert.deepEqual(
          [...nodes],
          names.map(name => labels.filter(each => each === name).length),
        )
      }
    }
  }
  assert.ok(some > 1000)
})

test('terms of placed pods: what is kept is what asking each pod gives', () => {
  let some = 0
  for (let seed = 11; seed <= 16; seed++) {
    const world = new Changing(seed)
    for (let step = 0; step < 100; step++) {
      world.change()
      const pod = podInfo(world.pod('new'))
      for (const kind of [
        'requiredAffinity',
        'requiredAntiAffinity',
        'preferredAffinity',
        'preferredAntiAffinity',
      ] as const) {
        for (const key of KEYS) {
          const sums: Record<string, number> = {}
          for (const { term, counts } of world.cache.placedTerms[kind].about(pod, namespaceLabels)) {
            if (term.topologyKey !== key) continue
            for (const [domain, count] of Object.entries(kept(world.cache, key, counts.by(key).pods))) {
              sums[domain] = (sums[domain] ?? 0) + count * (term.weight || 1)
            }
          }
          const expected = counted(world, key, other => {
            const about = podInfo(other)[kind].filter(
              term => term.topologyKey === key && termMatches(term, pod, namespaceLabels),
            )
            return about.reduce((sum, term) => sum + (term.weight || 1), 0)
          })
          assert.deepEqual(sums, expected, `seed ${seed}, step ${step}, ${kind} ${key}`)
          some += Object.keys(sums).length
        }
      }
    }
  }
  assert.ok(some > 500, String(some))
})

test('affinity and spreading say of a cluster that changed what they say of one that is new', () => {
  const seen = new Set<string>()
  for (let seed = 21; seed <= 28; seed++) {
    const world = new Changing(seed)
    for (let step = 0; step < 80; step++) {
      world.change()
      const pod = world.pod('new')
      const said = world.ask(world.cache, pod)
      assert.deepEqual(said, world.ask(world.fresh(), pod), `seed ${seed}, step ${step}`)
      for (const each of said) seen.add(each.replace(/^\S+ /, '').replace(/, \d+$/, ''))
    }
  }
  assert.equal(seen.size, 7, [...seen].join('\n'))
})
