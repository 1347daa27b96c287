import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import { formatTime } from '@canopus/apimachinery'
import {
  type PodFigures,
  type PodMetric,
  type Proposal,
  podRequests,
  proposeByAverage,
  proposeByShare,
  proposeByTotal,
  proposeByUtilization,
} from './replicas.ts'

const NOW = 1_700_000_000_000
const MINUTE = 60_000
const timing = { now: NOW, cpuInitializationPeriod: 2 * MINUTE, initialReadinessDelay: 10_000 }
const tolerances = { scaleUp: 0.1, scaleDown: 0.1 }

interface Given {
  /** What each pod uses, in thousandths; nothing where it tells nothing. */
  used: readonly (number | undefined)[]
  request?: string
  ready?: readonly ('True' | 'False')[]
  phase?: Readonly<Record<number, string>>
  deleted?: readonly number[]
  /** Milliseconds since the start, and since the change to or from ready. */
  started?: Readonly<Record<number, number>>
  changed?: Readonly<Record<number, number>>
  current?: number
  resource?: string
}

function figures(given: Given): PodFigures {
  const { used, request = '1', current = used.length, resource = 'cpu' } = given
  const pods = used.map((_, index): Pod => {
    const started = NOW - (given.started?.[index] ?? 10 * MINUTE)
    const ready = given.ready?.[index] ?? 'True'
    // A pod that is not ready has never been.
    const changed =
      given.changed?.[index] === undefined && ready === 'False' ? started : NOW - (given.changed?.[index] ?? 5 * MINUTE)
    const condition = { type: 'Ready', status: ready, lastTransitionTime: formatTime(changed) }
    return {
      metadata: {
        name: `pod-${index}`,
        namespace: 'x',
        ...(given.deleted?.includes(index) ? { deletionTimestamp: formatTime(NOW) } : {}),
      } as Pod['metadata'],
      spec: { containers: [{ name: 'c', resources: { requests: { [resource]: request } } }] },
      status: { phase: given.phase?.[index] ?? 'Running', startTime: formatTime(started), conditions: [condition] },
    }
  })
  const metrics = new Map<string, PodMetric>()
  for (const [index, value] of used.entries()) {
    if (value !== undefined) metrics.set(`pod-${index}`, { value, timestamp: NOW, window: MINUTE })
  }
  return { pods, metrics, resource, container: '', currentReplicas: current, tolerances, timing }
}

// Figures as in upstream's replica_calculator_test.go.
const byUtilization: [string, Given, number, Partial<Proposal>][] = [
  ['more', { used: [300, 500, 700] }, 30, { replicas: 5, utilization: 50, usage: 500 }],
  ['an unready pod counts as idle', { used: [300, 500, 700], ready: ['False', 'True', 'True'] }, 30, { replicas: 4 }],
  ['a young pod that is ready counts', { used: [400, 500, 700], started: { 0: 2 * MINUTE } }, 30, { replicas: 6 }],
  [
    'a pod without a window since it became ready does not',
    { used: [400, 500, 700], started: { 0: 90_000 }, changed: { 0: 30_000 } },
    30,
    { replicas: 4 },
  ],
  [
    'a pending pod counts as idle',
    { used: [300, 500, 700], phase: { 0: 'Pending' } },
    30,
    { replicas: 4, utilization: 60 },
  ],
  ['a failed pod does not count', { used: [500, 700, 9000], phase: { 2: 'Failed' }, current: 2 }, 30, { replicas: 4 }],
  ['nor does one that goes', { used: [500, 700, 9000], deleted: [2], current: 2 }, 30, { replicas: 4 }],
  ['fewer', { used: [100, 300, 500, 250, 250] }, 50, { replicas: 3, utilization: 28, usage: 280 }],
  [
    'unready pods are left out on the way down',
    { used: [100, 300, 500, 250, 250], ready: ['True', 'True', 'True', 'False', 'False'] },
    50,
    { replicas: 2, utilization: 30 },
  ],
  ['within tolerance', { used: [1010, 1030, 1020] }, 100, { replicas: 3, utilization: 102 }],
  ['a way up with an idle newcomer', { used: [1000, undefined] }, 50, { replicas: 2 }],
  ['a missing pod on the way down counts as using all', { used: [100, undefined] }, 50, { replicas: 2 }],
  ['or the target where that is more', { used: [100, undefined], request: '1' }, 150, { replicas: 2, utilization: 10 }],
  [
    'missing and unready on the way up',
    { used: [9000, undefined, 1], ready: ['True', 'True', 'False'] },
    50,
    { replicas: 18 },
  ],
]
for (const [name, given, target, expected] of byUtilization) {
  test(`by utilization: ${name}`, () => {
    assert.deepEqual(pick(proposeByUtilization(figures(given), target), expected), expected)
  })
}

const byAverage: [string, Given, number, Partial<Proposal>][] = [
  ['more', { used: [20_000, 10_000, 30_000], resource: '' }, 15_000, { replicas: 4, usage: 20_000 }],
  [
    'readiness counts for CPU alone',
    { used: [50_000, 10_000, 30_000], ready: ['False', 'True', 'False'], resource: '' },
    15_000,
    { replicas: 6, usage: 30_000 },
  ],
  ['fewer', { used: [12_000, 12_000, 12_000, 12_000, 12_000], resource: '' }, 20_000, { replicas: 3 }],
  ['within tolerance', { used: [20_000, 21_000, 21_000], resource: '' }, 20_666, { replicas: 3, usage: 20_666 }],
  ['a missing pod holds back', { used: [1_000, undefined], resource: '' }, 10_000, { replicas: 2 }],
]
for (const [name, given, target, expected] of byAverage) {
  test(`by average: ${name}`, () => {
    assert.deepEqual(pick(proposeByAverage(figures(given), target), expected), expected)
  })
}

function pick(proposal: Proposal, like: Partial<Proposal>): Partial<Proposal> {
  return Object.fromEntries(Object.keys(like).map(key => [key, proposal[key as keyof Proposal]]))
}

const failures: [string, Given, RegExp][] = [
  ['no pods', { used: [] }, /^no pods returned by selector while calculating replica count$/],
  ['no figures', { used: [undefined] }, /^did not receive metrics for targeted pods \(pods might be unready\)$/],
  ['only unready ones', { used: [1], ready: ['False'], started: { 0: 1000 } }, /^did not receive metrics/],
]
for (const [name, given, message] of failures) {
  test(`nothing to be told: ${name}`, () => {
    assert.throws(() => proposeByUtilization(figures(given), 50), { message })
  })
}

test('a container without a request makes shares impossible', () => {
  const [pod] = figures({ used: [1] }).pods
  const containers = [...pod!.spec!.containers, { name: 'other' }]
  const spoilt = { ...pod!, spec: { ...pod!.spec!, containers } }
  assert.throws(() => podRequests([spoilt], 'cpu', ''), {
    message: 'missing request for cpu in container other of Pod pod-0',
  })
  assert.equal(podRequests([spoilt], 'cpu', 'c').get('pod-0'), 1000)
  const whole = { ...spoilt, spec: { ...spoilt.spec, resources: { requests: { cpu: '3' } } } }
  assert.equal(podRequests([whole], 'cpu', '').get('pod-0'), 3000)
})

test('tolerances of their own for up and down', () => {
  const given = { ...figures({ used: [1100, 1100] }), tolerances: { scaleUp: 0.05, scaleDown: 0.5 } }
  assert.equal(proposeByUtilization(given, 100).replicas, 3)
  const down = { ...figures({ used: [600, 600, 600, 600] }), tolerances: { scaleUp: 0.05, scaleDown: 0.5 } }
  assert.equal(proposeByUtilization(down, 100).replicas, 4)
})

test('figures of the whole', () => {
  const { pods } = figures({ used: [1, 1, 1], ready: ['True', 'True', 'False'] })
  const whole = (total: number) => ({ pods, total, tolerances })
  assert.equal(proposeByTotal(whole(20_000), 10_000, 3).replicas, 4)
  assert.equal(proposeByTotal(whole(10_500), 10_000, 3).replicas, 3)
  assert.equal(proposeByTotal(whole(25_000), 10_000, 0).replicas, 3)
  assert.equal(proposeByTotal(whole(0), 10_000, 0).replicas, 0)
  assert.deepEqual(proposeByShare(whole(8_600), 2_150, 3), { replicas: 4, usage: 2867 })
  assert.deepEqual(proposeByShare(whole(8_600), 2_150, 4), { replicas: 4, usage: 2150 })
})
