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
