import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod, TopologySpreadConstraint } from '@canopus/api/core/v1'
import { labelSelector, matches } from '@canopus/apimachinery'
import { randomInt, SeededRandom } from '@canopus/base'
import { isRejection, type Rejection } from '../framework.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod, scenario } from '../testing/builders.ts'
import { podTopologySpread } from './pod-topology-spread.ts'

const random = new SeededRandom('spread')
const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!

const someConstraint = (): TopologySpreadConstraint => ({
  maxSkew: pick(1, 1, 2),
  topologyKey: pick('zone', 'rack', 'kubernetes.io/hostname'),
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: pick({ matchLabels: { app: pick('web', 'db') } }, {}),
  ...pick<Partial<TopologySpreadConstraint>>({}, {}, { minDomains: 3 }),
  ...pick<Partial<TopologySpreadConstraint>>({}, {}, { nodeTaintsPolicy: 'Honor' }),
  ...pick<Partial<TopologySpreadConstraint>>({}, {}, { nodeAffinityPolicy: 'Ignore' }),
})

/** The rule, written down plainly: why the pod cannot be on the node. */
function expected(pod: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): string | undefined {
  const constraints = pod.spec!.topologySpreadConstraints!
  const value = (each: Node, key: string): string | undefined => each.metadata.labels?.[key]
  for (const constraint of constraints) {
    const { topologyKey, maxSkew, minDomains = 1, nodeAffinityPolicy, nodeTaintsPolicy } = constraint
    if (value(node, topologyKey) === undefined) return 'unlabelled'
    const selects = (each: Pod): boolean => matches(labelSelector(constraint.labelSelector), each.metadata.labels)
    const eligible = nodes.filter(each => {
      if (constraints.some(other => value(each, other.topologyKey) === undefined)) return false
      const wanted = Object.entries(pod.spec!.nodeSelector ?? {})
      if (nodeAffinityPolicy !== 'Ignore' && wanted.some(([key, text]) => value(each, key) !== text)) return false
      return nodeTaintsPolicy !== 'Honor' || (each.spec?.taints ?? []).length === 0
    })
    const countIn = (domain: string): number =>
      placed.filter(
        other =>
          other.metadata.namespace === pod.metadata.namespace &&
          other.metadata.deletionTimestamp === undefined &&
          selects(other) &&
          eligible.some(each => each.metadata.name === other.spec!.nodeName && value(each, topologyKey) === domain),
      ).length
    const domains = [...new Set(eligible.map(each => value(each, topologyKey)!))]
    const fewest = domains.length < minDomains ? 0 : Math.min(...domains.map(countIn))
    if (countIn(value(node, topologyKey)!) + (selects(pod) ? 1 : 0) - fewest > maxSkew) return 'skewed'
  }
  return undefined
}

const kinds: Record<string, string> = {
  "node(s) didn't match pod topology spread constraints": 'skewed',
  "node(s) didn't match pod topology spread constraints (missing required label)": 'unlabelled',
}

test('hard spreading agrees with the rule written down plainly', () => {
  const seen = new Map<string | undefined, number>()
  for (let round = 0; round < 120; round++) {
    // Half of the clusters label all nodes: then more can be taken from what is kept.
    const complete = pick(true, false)
    const label = (key: string, ...values: string[]): Record<string, string> =>
      complete || pick(true, true, false) ? { [key]: pick(...values) } : {}
    const nodes = Array.from({ length: 6 }, (_, i) =>
      aNode(`n${i}`, {
        labels: { ...label('zone', '1', '2', '3'), ...label('rack', 'x', 'y') },
        spec: pick({}, {}, { taints: [{ key: 'k', effect: 'NoSchedule' as const }] }),
      }),
    )
    const placed = Array.from({ length: randomInt(random, 12) }, (_, i) => {
      const pod = aPod(`p${i}`, {
        namespace: pick('default', 'default', 'other'),
        labels: { app: pick('web', 'db') },
        spec: { nodeName: pick(...nodes).metadata.name },
      })
      if (pick(true, false, false, false)) pod.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
      return pod
    })
    const { cluster } = scenario({ nodes, pods: placed })
    for (let i = 0; i < 4; i++) {
      const topologySpreadConstraints = pick([someConstraint()], [someConstraint(), someConstraint()])
      const nodeSelector = pick<Record<string, string>>({}, {}, { rack: 'x' })
      const pod = aPod('new', { labels: { app: pick('web', 'db') }, spec: { topologySpreadConstraints, nodeSelector } })
      const filter = podTopologySpread.filter!(podInfo(pod), cluster)
      assert.ok(filter !== undefined && !isRejection(filter))
      for (const { name, node } of cluster.cache.nodes) {
        const finding: Rejection | undefined = filter.check(cluster.cache.node(name)!)
        const kind: string | undefined = finding && kinds[finding.reasons[0]!]
        assert.equal(kind, expected(pod, node, nodes, placed), JSON.stringify(pod.spec))
        seen.set(kind, (seen.get(kind) ?? 0) + 1)
      }
    }
  }
  for (const kind of [undefined, 'skewed', 'unlabelled']) assert.ok((seen.get(kind) ?? 0) > 100, String(kind))
})

/** The score before it is brought between 0 and 100, written down plainly; nothing for nodes that do not count. */
function expectedRaw(pod: Pod, node: Node, candidates: readonly Node[], placed: readonly Pod[]): number | undefined {
  const constraints = pod.spec!.topologySpreadConstraints!
  const value = (each: Node, key: string): string | undefined => each.metadata.labels?.[key]
  const labelled = (each: Node): boolean =>
    constraints.every(({ topologyKey }) => value(each, topologyKey) !== undefined)
  if (!labelled(node)) return undefined
  const eligible = candidates.filter(labelled)
  const sum = constraints.reduce((total, { topologyKey, maxSkew, labelSelector: selector }) => {
    const domains = new Set(eligible.map(each => value(each, topologyKey)))
    const weight = Math.log((topologyKey === 'kubernetes.io/hostname' ? eligible.length : domains.size) + 2)
    const hosts = candidates.filter(each => labelled(each) && value(each, topologyKey) === value(node, topologyKey))
    const count = placed.filter(
      ({ metadata, spec }) =>
        matches(labelSelector(selector), metadata.labels) && hosts.some(each => each.metadata.name === spec!.nodeName),
    ).length
    return total + count * weight + maxSkew - 1
  }, 0)
  return Math.round(sum)
}

test('soft spreading agrees with the rule written down plainly', () => {
  const seen = new Set<number>()
  for (let round = 0; round < 60; round++) {
    const label = (key: string, ...values: string[]): Record<string, string> =>
      pick(true, true, true, false) ? { [key]: pick(...values) } : {}
    const nodes = Array.from({ length: 8 }, (_, i) =>
      aNode(`n${i}`, { labels: { ...label('zone', '1', '2', '3'), ...label('rack', 'x', 'y') } }),
    )
    const placed = Array.from({ length: randomInt(random, 20) }, (_, i) =>
      aPod(`p${i}`, { labels: { app: pick('web', 'db') }, spec: { nodeName: pick(...nodes).metadata.name } }),
    )
    const soft = (): TopologySpreadConstraint => ({
      maxSkew: pick(1, 3),
      topologyKey: pick('zone', 'rack', 'kubernetes.io/hostname'),
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: pick({ matchLabels: { app: 'web' } }, {}),
    })
    const pod = aPod('new', { spec: { topologySpreadConstraints: pick([soft()], [soft(), soft()]) } })
    const { cluster } = scenario({ nodes, pods: placed })
    const slots = Int32Array.from(nodes, (_, slot) => slot)
    const scorer = podTopologySpread.score!(podInfo(pod), cluster, { slots, nodes: cluster.cache.nodes })!
    const raw = nodes.map(each => expectedRaw(pod, each, nodes, placed))
    const scores = new Float64Array(nodes.length)
    scorer.scoreAll!(slots, scores)
    assert.deepEqual(
      [...scores],
      raw.map(each => each ?? Number.NaN),
      JSON.stringify(pod.spec),
    )
    scorer.normalise!(scores)
    const counted = raw.filter(each => each !== undefined)
    const [lowest, highest] = [Math.min(...counted), Math.max(0, ...counted)]
    const normal = (each: number): number =>
      highest === 0 ? 100 : Math.floor((100 * (highest + lowest - each)) / highest)
    assert.deepEqual(
      [...scores],
      raw.map(each => (each === undefined ? 0 : normal(each))),
    )
    for (const each of scores) seen.add(each)
  }
  assert.ok(seen.size > 10, [...seen].join())
})
