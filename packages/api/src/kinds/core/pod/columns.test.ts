import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState, ContainerStatus, Pod, PodStatus } from '../../../generated/core.v1.ts'
import { podColumns, rowConditions } from './columns.ts'

const now = Date.parse('2026-01-01T00:10:00Z')
const status = (state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'main',
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
  state,
  ...more,
})

function cells(podStatus: PodStatus, pod: Partial<Pod> = {}): Record<string, unknown> {
  const object = {
    metadata: { name: 'web', creationTimestamp: '2026-01-01T00:00:00Z', ...pod.metadata },
    spec: { containers: [{ name: 'main' }], ...pod.spec },
    status: podStatus,
  } as Pod
  return Object.fromEntries(podColumns.map(column => [column.name, column.value(object, now)]))
}

const running = status({ running: {} }, { ready: true })
const initPod = { spec: { containers: [{ name: 'main' }], initContainers: [{ name: 'init' }, { name: 'second' }] } }
const rows: [name: string, podStatus: PodStatus, pod: Partial<Pod>, ready: string, word: string, restarts: string][] = [
  ['pending', { phase: 'Pending' }, {}, '0/1', 'Pending', '0'],
  ['running', { phase: 'Running', containerStatuses: [running] }, {}, '1/1', 'Running', '0'],
  [
    'crashing',
    {
      phase: 'Running',
      containerStatuses: [
        status(
          { waiting: { reason: 'CrashLoopBackOff' } },
          {
            restartCount: 3,
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:05:00Z' } },
          },
        ),
      ],
    },
    {},
    '0/1',
    'CrashLoopBackOff',
    '3 (5m ago)',
  ],
  [
    'completed',
    { phase: 'Succeeded', containerStatuses: [status({ terminated: { exitCode: 0, reason: 'Completed' } })] },
    {},
    '0/1',
    'Completed',
    '0',
  ],
  [
    'killed without a reason',
    { phase: 'Failed', containerStatuses: [status({ terminated: { exitCode: 137, signal: 9 } })] },
    {},
    '0/1',
    'Signal:9',
    '0',
  ],
  [
    'initialising',
    {
      phase: 'Pending',
      initContainerStatuses: [status({ terminated: { exitCode: 0 } }), status({ running: {} })],
      containerStatuses: [status({ waiting: { reason: 'PodInitializing' } })],
    },
    initPod as Partial<Pod>,
    '0/1',
    'Init:1/2',
    '0',
  ],
  [
    'initialisation failed',
    { phase: 'Pending', initContainerStatuses: [status({ terminated: { exitCode: 2, reason: 'Error' } })] },
    initPod as Partial<Pod>,
    '0/1',
    'Init:Error',
    '0',
  ],
  [
    'going away',
    { phase: 'Running', containerStatuses: [running] },
    { metadata: { deletionTimestamp: 'x' } as Pod['metadata'] },
    '1/1',
    'Terminating',
    '0',
  ],
  ['evicted', { phase: 'Failed', reason: 'Evicted' }, {}, '0/1', 'Evicted', '0'],
  [
    'gated',
    { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    {},
    '0/1',
    'SchedulingGated',
    '0',
  ],
]

for (const [name, podStatus, pod, ready, word, restarts] of rows) {
  test(`pod columns: ${name}`, () => {
    const { Ready, Status, Restarts, Age } = cells(podStatus, pod)
    assert.deepEqual({ Ready, Status, Restarts, Age }, { Ready: ready, Status: word, Restarts: restarts, Age: '10m' })
  })
}

test('pod columns: sidecars count once they started', () => {
  const spec = {
    containers: [{ name: 'main' }],
    initContainers: [{ name: 'side', restartPolicy: 'Always' }],
  } as Pod['spec']
  const side = status({ running: {} }, { name: 'side', started: true, ready: true, restartCount: 1 })
  const { Ready, Restarts } = cells(
    { phase: 'Running', initContainerStatuses: [side], containerStatuses: [running] },
    { spec },
  )
  assert.deepEqual({ Ready, Restarts }, { Ready: '2/2', Restarts: '1' })
})

test('pod columns: gates and wide columns', () => {
  const spec = { containers: [], nodeName: 'n1', readinessGates: [{ conditionType: 'a/b' }, { conditionType: 'a/c' }] }
  const podStatus = { podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'a/b', status: 'True' }] }
  const wide = cells(podStatus, { spec } as unknown as Partial<Pod>)
  assert.equal(wide.IP, '10.0.0.1')
  assert.equal(wide.Node, 'n1')
  assert.equal(wide['Nominated Node'], '<none>')
  assert.equal(wide['Readiness Gates'], '1/2')
})

test('rows say of pods that have ended that they have', () => {
  const conditions = (phase: string): unknown => rowConditions({ status: { phase } } as Pod)
  const ended = { type: 'Completed', status: 'True' }
  const message = 'The pod has completed successfully.'
  assert.deepEqual(conditions('Succeeded'), [{ ...ended, reason: 'Succeeded', message }])
  assert.deepEqual(conditions('Failed'), [{ ...ended, reason: 'Failed', message: 'The pod failed.' }])
  assert.equal(conditions('Running'), undefined)
})
