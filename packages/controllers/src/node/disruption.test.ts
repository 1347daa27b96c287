import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '@canopus/api/core/v1'
import { MetricsRegistry } from '@canopus/base'
import {
  type DisruptionPlan,
  EVICTION_LIMITS,
  isExcluded,
  planDisruption,
  type ZoneState,
  zoneOf,
  zoneState,
} from './disruption.ts'
import { NodeMetrics } from './node-metrics.ts'
import { Zones } from './zones.ts'

const TOPOLOGY = 'topology.kubernetes.io'
const BETA = 'failure-domain.beta.kubernetes.io'

function node(name: string, status: string, labels: Record<string, string> = {}): Node {
  return { metadata: { name, labels }, status: { conditions: [{ type: 'Ready', status }] } } as unknown as Node
}

describe('zones', () => {
  const names: [labels: Record<string, string>, expected: string][] = [
    [{}, ''],
    [{ [`${TOPOLOGY}/zone`]: 'a' }, ':\0:a'],
    [{ [`${TOPOLOGY}/region`]: 'r' }, 'r:\0:'],
    [{ [`${TOPOLOGY}/region`]: 'r', [`${TOPOLOGY}/zone`]: 'a' }, 'r:\0:a'],
    [{ [`${BETA}/zone`]: 'old', [`${TOPOLOGY}/zone`]: 'a' }, ':\0:old'],
  ]
  for (const [labels, expected] of names) {
    test(`name: ${JSON.stringify(labels)}`, () => assert.equal(zoneOf(node('n', 'True', labels)), expected))
  }

  const states: [ready: number, notReady: number, expected: ZoneState][] = [
    [0, 0, 'Normal'],
    [1, 0, 'Normal'],
    [0, 1, 'FullDisruption'],
    [1, 2, 'Normal'],
    [2, 3, 'PartialDisruption'],
    [9, 11, 'PartialDisruption'],
    [10, 10, 'Normal'],
    [91, 109, 'Normal'],
  ]
  for (const [ready, notReady, expected] of states) {
    test(`${notReady} of ${ready + notReady} not ready: ${expected}`, () =>
      assert.equal(zoneState({ ready, notReady }, 0.55), expected))
  }
})

describe('plan of disruption', () => {
  const N = 'Normal'
  const P = 'PartialDisruption'
  const F = 'FullDisruption'
  type Zone = [
    before: ZoneState | undefined,
    ready: number,
    notReady: number,
    after: ZoneState,
    rate: number | undefined,
  ]
  const table: [name: string, zones: Record<string, Zone>, change?: DisruptionPlan['change']][] = [
    ['healthy from the start', { a: [undefined, 3, 0, N, 0.1] }],
    ['nothing new', { a: [N, 3, 1, N, undefined] }],
    ['all fail from the start', { a: [undefined, 0, 2, F, 0], b: ['Initial', 0, 1, F, 0] }, 'entered'],
    ['one zone fails, the other lives', { a: [N, 0, 4, F, 0.1], b: [N, 4, 0, N, undefined] }],
    ['the other fails as well', { a: [F, 0, 4, F, 0], b: [N, 0, 4, F, 0] }, 'entered'],
    ['still failed', { a: [F, 0, 4, F, undefined], b: [F, 0, 1, F, undefined] }],
    ['a new zone that fails as well', { a: [F, 0, 4, F, 0], b: [undefined, 0, 1, F, 0] }, 'entered'],
    ['one node comes back', { a: [F, 1, 4, P, 0], b: [F, 0, 4, F, 0.1] }, 'left'],
    ['both come back', { a: [F, 4, 0, N, 0.1], b: [F, 4, 0, N, 0.1] }, 'left'],
    ['a small zone partially', { a: [N, 20, 30, P, 0] }],
    ['a large zone partially', { a: [N, 20, 31, P, 0.01] }],
    ['partially, but another zone heals', { a: [P, 20, 31, P, undefined], b: [P, 3, 1, N, 0.1] }],
    ['no nodes at all', {}],
  ]
  for (const [name, zones, change] of table) {
    test(name, () => {
      const before = new Map(Object.entries(zones).flatMap(([zone, [old]]) => (old ? [[zone, old] as const] : [])))
      const counts = new Map(Object.entries(zones).map(([zone, [, ready, notReady]]) => [zone, { ready, notReady }]))
      const plan = planDisruption(before, counts, EVICTION_LIMITS)
      const got = Object.keys(zones).map(zone => [zone, plan.states.get(zone), plan.rates.get(zone)])
      assert.deepEqual([got, plan.change], [Object.entries(zones).map(([zone, of]) => [zone, of[3], of[4]]), change])
    })
  }
})

describe('evictions by zone', () => {
  const inZone = (name: string, status: string, zone: string): Node =>
    node(name, status, { [`${TOPOLOGY}/zone`]: zone })

  test('each zone has turns of its own, and none before its round', () => {
    const woken: string[] = []
    const zones = new Zones(EVICTION_LIMITS, name => woken.push(name))
    const failed = ['a1', 'a2', 'b1']
    for (const name of failed) zones.note(inZone(name, 'False', name.slice(0, 1)), false)
    for (const name of ['a3', 'b3']) zones.note(inZone(name, 'True', name.slice(0, 1)), false)
    assert.deepEqual(
      failed.map(name => zones.mayEvict(name, 0)),
      [false, false, false],
    )
    assert.equal(zones.round(0), undefined)
    assert.deepEqual(woken.splice(0), failed)
    for (const name of failed) zones.mayEvict(name, 0)
    assert.deepEqual(
      failed.map(name => zones.mayEvict(name, 100)),
      [true, false, true],
    )
  })

  test('who is silent counts before that is written; excluded nodes never count', () => {
    const zones = new Zones(EVICTION_LIMITS, () => undefined)
    zones.note(inZone('a', 'True', 'z'), false)
    assert.equal(zones.round(0), undefined)
    zones.note(inZone('a', 'True', 'z'), true)
    assert.equal(zones.round(5_000), 'entered')
    assert.deepEqual([zones.isPardoned('a'), zones.mayEvict('a', 6_000)], [true, false])
    const out = node('out', 'True', { 'node.kubernetes.io/exclude-disruption': '' })
    assert.equal(isExcluded(out), true)
    zones.note(out, false)
    assert.equal(zones.round(10_000), undefined)
    zones.note(inZone('a', 'True', 'z'), false)
    assert.equal(zones.round(15_000), 'left')
  })

  test('figures of each zone, also of one that has gone', () => {
    const registry = new MetricsRegistry()
    const zones = new Zones(EVICTION_LIMITS, () => undefined, new NodeMetrics(registry))
    const figures = (): string[] =>
      registry
        .text()
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#') && !line.includes('_duration_'))
    for (const name of ['a1', 'a2', 'a3']) zones.note(inZone(name, 'True', 'a'), false)
    zones.note(inZone('a4', 'False', 'a'), false)
    assert.deepEqual(figures(), ['node_collector_evictions_total{zone=":\0:a"} 0'])
    zones.round(0)
    assert.deepEqual(figures(), [
      'node_collector_evictions_total{zone=":\0:a"} 0',
      'node_collector_unhealthy_nodes_in_zone{zone=":\0:a"} 1',
      'node_collector_zone_health{zone=":\0:a"} 75',
      'node_collector_zone_size{zone=":\0:a"} 4',
    ])
    for (const name of ['a1', 'a2', 'a3', 'a4']) zones.remove(name)
    zones.round(0)
    assert.deepEqual(figures(), [
      'node_collector_evictions_total{zone=":\0:a"} 0',
      'node_collector_unhealthy_nodes_in_zone{zone=":\0:a"} 0',
      'node_collector_zone_health{zone=":\0:a"} 100',
      'node_collector_zone_size{zone=":\0:a"} 0',
    ])
  })
})
