import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceRequirements } from '@canopus/api/core/v1'
import {
  containerResources,
  cpuQuota,
  cpuShares,
  cpuWeight,
  oomScoreAdjust,
  podResources,
} from '../runtime/resources.ts'
import { buildPod } from '../testing/builders.ts'
import { computeQosClass } from './qos.ts'

const with_ = (...resources: ResourceRequirements[]) =>
  buildPod({ containers: resources.map((each, index) => ({ name: `c${index}`, resources: each })) })
const full = { cpu: '1', memory: '1Gi' }

const classes: [string, ResourceRequirements[], string][] = [
  ['nothing asked for', [{}], 'BestEffort'],
  ['zero asked for', [{ requests: { cpu: '0' } }], 'BestEffort'],
  ['requests alone', [{ requests: full }], 'Burstable'],
  ['limits alone', [{ limits: full }], 'Guaranteed'],
  [
    'limits that are the requests, in other words',
    [{ limits: full, requests: { cpu: '1000m', memory: '1024Mi' } }],
    'Guaranteed',
  ],
  ['one container without', [{ limits: full }, {}], 'Burstable'],
  ['only memory limited', [{ limits: { memory: '1Gi' } }], 'Burstable'],
]
for (const [name, resources, expected] of classes)
  test(`quality of service: ${name}`, () => assert.equal(computeQosClass(with_(...resources).spec), expected))

test('shares, quota and weight', () => {
  assert.deepEqual([0, 1, 100, 1000].map(cpuShares), [2, 2, 102, 1024])
  assert.deepEqual([0, 5, 200, 1500].map(cpuQuota), [0, 1000, 20_000, 150_000])
  assert.deepEqual([2, 1024, 262_144].map(cpuWeight), [1, 39, 10_000])
})

test('a container is told its limits', () => {
  const pod = with_({ requests: { cpu: '250m', memory: '1Gi' }, limits: { cpu: '500m', memory: '2Gi' } })
  assert.deepEqual(containerResources(pod, pod.spec.containers[0]!.resources, 4 * 2 ** 30), {
    cpuPeriod: 100_000,
    cpuQuota: 50_000,
    cpuShares: 256,
    memoryLimitInBytes: 2 * 2 ** 30,
    oomScoreAdj: 750,
  })
})

test('who dies first when memory runs out', () => {
  const capacity = 2 ** 30
  assert.equal(oomScoreAdjust(with_({}), 0, capacity), 1000)
  assert.equal(oomScoreAdjust(with_({ limits: full }), 0, capacity), -997)
  assert.equal(oomScoreAdjust(with_({ requests: full }), 0, capacity), 999)
  assert.equal(oomScoreAdjust(with_({ requests: full }), capacity, capacity), 3)
  assert.equal(oomScoreAdjust(buildPod({ priority: 2_000_001_000 }), 0, capacity), -997)
})

test('a pod may use what its containers may together', () => {
  assert.deepEqual(podResources(with_({ limits: { cpu: '1', memory: '1Mi' } }, { limits: { cpu: '500m' } })), {
    cpuRequest: 1500,
    cpuLimit: 1500,
    memoryLimit: 0,
  })
})
