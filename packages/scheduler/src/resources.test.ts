import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import { podRequests, podScoringRequests } from './resources.ts'
import { aPod } from './testing/builders.ts'

const cpu = (amount: string) => ({ requests: { cpu: amount } })
const status = (allocated: string, actual: string) => ({
  name: 'main',
  allocatedResources: { cpu: allocated },
  resources: cpu(actual),
})
type Facts = { spec?: Record<string, unknown>; status?: Record<string, unknown> }
const aPodOf = ({ spec, status: said }: Facts): Pod =>
  aPod('p', { requests: { cpu: '1' }, spec: spec ?? {}, ...(said ? { status: said } : {}) } as never)
const infeasible = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }]
const deferred = [{ type: 'PodResizePending', status: 'True', reason: 'Deferred' }]

const rows: readonly [what: string, facts: Facts, milli: number][] = [
  ['as it asks', {}, 1000],
  ['grows', { status: { containerStatuses: [status('500m', '500m')] } }, 1000],
  ['shrinks, and was granted less', { status: { containerStatuses: [status('1', '2')] } }, 2000],
  ['was granted more than it has', { status: { containerStatuses: [status('3', '2')] } }, 3000],
  ['waits for more', { status: { conditions: deferred, containerStatuses: [status('500m', '250m')] } }, 1000],
  ['never gets more', { status: { conditions: infeasible, containerStatuses: [status('500m', '250m')] } }, 500],
  ['nothing is known of it', { status: { containerStatuses: [{ name: 'main' }] } }, 1000],
  [
    'a sidecar that shrinks',
    {
      spec: { initContainers: [{ name: 'side', restartPolicy: 'Always', resources: cpu('100m') }] },
      status: { initContainerStatuses: [{ ...status('100m', '300m'), name: 'side' }] },
    },
    1300,
  ],
  [
    'what starts has what it asks for',
    {
      spec: { initContainers: [{ name: 'init', resources: cpu('1500m') }] },
      status: { initContainerStatuses: [{ ...status('3', '3'), name: 'init' }] },
    },
    1500,
  ],
  ['the pod as a whole', { spec: { resources: cpu('4') } }, 4000],
  [
    'the pod as a whole shrinks',
    { spec: { resources: cpu('4') }, status: { resources: cpu('6'), allocatedResources: { cpu: '5' } } },
    6000,
  ],
  ['overhead', { spec: { resources: cpu('4'), overhead: { cpu: '1' } } }, 5000],
]
for (const [what, facts, milli] of rows) {
  test(`what a pod takes up: ${what}`, () => {
    assert.equal(podRequests(aPodOf(facts)).cpu, milli)
    assert.equal(podScoringRequests(aPodOf(facts)).cpu, milli)
  })
}
