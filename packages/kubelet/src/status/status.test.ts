import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ContainerState, Pod, PodStatus } from '@canopus/api/core/v1'
import type { ContainerRecord } from '../runtime/pod-runtime.ts'
import { buildContainer, buildPod, buildRuntime, buildSandbox } from '../testing/builders.ts'
import { podStatus, type StatusFacts } from './pod-status.ts'

const NOW = Date.parse('2026-02-03T04:05:06Z')
const facts = (change: Partial<StatusFacts> = {}): StatusFacts => ({
  now: NOW,
  hostIps: ['192.168.0.1'],
  terminal: false,
  waiting: new Map(),
  ready: () => true,
  started: () => true,
  ...change,
})
const exited = (exitCode: number, change: Partial<ContainerRecord> = {}) =>
  buildContainer({
    state: 'exited',
    exitCode,
    finishedAt: 3000,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...change,
  })
const condition = (status: PodStatus, type: string) => status.conditions?.find(each => each.type === type)

const init = [{ name: 'first', image: 'x' }]
const phases: [string, Pod, ContainerRecord[], Partial<StatusFacts>, string][] = [
  ['nothing started', buildPod(), [], {}, 'Pending'],
  ['running', buildPod(), [buildContainer()], {}, 'Running'],
  ['init running', buildPod({ initContainers: init }), [buildContainer({ name: 'first' })], {}, 'Pending'],
  [
    'init failed, Never',
    buildPod({ initContainers: init, restartPolicy: 'Never' }),
    [exited(1, { name: 'first' })],
    {},
    'Failed',
  ],
  ['init failed, Always', buildPod({ initContainers: init }), [exited(1, { name: 'first' })], {}, 'Pending'],
  ['ended, Always', buildPod(), [exited(0)], {}, 'Running'],
  ['succeeded, OnFailure', buildPod({ restartPolicy: 'OnFailure' }), [exited(0)], {}, 'Succeeded'],
  ['failed, OnFailure', buildPod({ restartPolicy: 'OnFailure' }), [exited(1)], {}, 'Running'],
  ['failed, Never', buildPod({ restartPolicy: 'Never' }), [exited(1)], {}, 'Failed'],
  [
    'succeeded, with a sidecar that runs',
    buildPod({ restartPolicy: 'Never', initContainers: [{ ...init[0]!, restartPolicy: 'Always' }] }),
    [exited(0), buildContainer({ name: 'first' })],
    {},
    'Running',
  ],
  ['ended for good, succeeded', buildPod(), [exited(0)], { terminal: true }, 'Succeeded'],
  ['ended for good, failed', buildPod(), [exited(137)], { terminal: true }, 'Failed'],
  ['ended before it started', buildPod(), [], { terminal: true }, 'Failed'],
  ['refused', buildPod(), [], { verdict: { reason: 'OutOfcpu', message: 'no' } }, 'Failed'],
]
for (const [name, pod, containers, change, expected] of phases)
  test(`phase: ${name}`, () => assert.equal(podStatus(pod, buildRuntime(containers), facts(change)).phase, expected))

test('phases never go back', () => {
  const pod = { ...buildPod(), status: { phase: 'Failed', reason: 'Evicted', message: 'm' } }
  const status = podStatus(pod, buildRuntime([buildContainer()]), facts())
  assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Evicted', 'm'])
})

test('a running pod, whole', () => {
  const pod = buildPod({}, { generation: 3 })
  const now = '2026-02-03T04:05:06Z'
  const ok = (type: string) => ({ type, status: 'True', lastTransitionTime: now, observedGeneration: 3 })
  assert.deepEqual(podStatus(pod, buildRuntime([buildContainer()]), facts()), {
    observedGeneration: 3,
    phase: 'Running',
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(ok),
    hostIP: '192.168.0.1',
    hostIPs: [{ ip: '192.168.0.1' }],
    podIP: '10.0.0.5',
    podIPs: [{ ip: '10.0.0.5' }],
    startTime: now,
    containerStatuses: [
      {
        name: 'main',
        state: { running: { startedAt: '1970-01-01T00:00:02Z' } },
        lastState: {},
        ready: true,
        resources: {},
        restartCount: 0,
        image: 'x',
        imageID: 'sha256:1',
        containerID: 'containerd://main-0',
        started: true,
      },
    ],
    qosClass: 'BestEffort',
  })
})

test('a crash in back-off shows as waiting, with what it was', () => {
  const waiting = new Map([['main', { reason: 'CrashLoopBackOff', message: 'back-off' }]])
  const status = podStatus(
    buildPod(),
    buildRuntime([exited(3, { attempt: 1, id: 'b' }), exited(2, { id: 'a' })]),
    facts({ waiting }),
  )
  const [main] = status.containerStatuses!
  assert.deepEqual(main?.state, { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } })
  assert.equal(main?.lastState?.terminated?.exitCode, 3)
  assert.deepEqual([main?.restartCount, main?.ready], [1, false])
  assert.equal(condition(status, 'Ready')?.message, 'containers with unready status: [main]')
})

test('conditions keep the time of their last change, and others’ conditions stay', () => {
  const old = [
    { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
    { type: 'DisruptionTarget', status: 'True' },
  ]
  const pod = { ...buildPod(), status: { conditions: old } }
  const status = podStatus(pod, buildRuntime([buildContainer()]), facts())
  assert.equal(condition(status, 'Ready')?.lastTransitionTime, '2026-01-01T00:00:00Z')
  assert.deepEqual(condition(status, 'DisruptionTarget'), old[1])
})

test('readiness gates hold Ready up, not ContainersReady', () => {
  const status = podStatus(
    buildPod({ readinessGates: [{ conditionType: 'gate' }] }),
    buildRuntime([buildContainer()]),
    facts(),
  )
  assert.equal(condition(status, 'ContainersReady')?.status, 'True')
  assert.deepEqual(
    [condition(status, 'Ready')?.reason, condition(status, 'Ready')?.message],
    ['ReadinessGatesNotReady', 'corresponding condition of pod readiness gate "gate" does not exist.'],
  )
})

test('what waits for init containers says so', () => {
  const status = podStatus(
    buildPod({ initContainers: init }),
    buildRuntime([buildContainer({ name: 'first' })]),
    facts(),
  )
  assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
  assert.equal(condition(status, 'Initialized')?.message, 'containers with incomplete status: [first]')
  assert.equal(status.initContainerStatuses?.[0]?.started, false)
})

test('containers that an ended pod had are kept in its status', () => {
  const terminated = { exitCode: 1, reason: 'Error' }
  const kept = { name: 'main', state: { terminated }, ready: false, restartCount: 2, image: 'x', imageID: '' }
  const pod = { ...buildPod(), status: { phase: 'Failed', containerStatuses: [kept] } }
  assert.deepEqual(podStatus(pod, buildRuntime([], []), facts()).containerStatuses, [kept])
  const alive = { ...kept, state: { running: {} } }
  const lost = podStatus(
    { ...pod, status: { phase: 'Failed', containerStatuses: [alive] } },
    buildRuntime([], []),
    facts(),
  )
  assert.equal(lost.containerStatuses?.[0]?.state?.terminated?.reason, 'ContainerStatusUnknown')
})

describe('a pod whose containers the runtime has lost', () => {
  const LOST = {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
  }
  const before = {
    name: 'main',
    ready: true,
    restartCount: 2,
    image: 'x',
    imageID: 'i',
    containerID: 'containerd://old',
  }
  const lostPod = (restartPolicy: string, state: ContainerState, lastState: ContainerState = {}): Pod => ({
    ...buildPod({ restartPolicy }),
    status: { phase: 'Running', containerStatuses: [{ ...before, state, lastState }] },
  })
  const nothing = buildRuntime([], [])

  test('is not ready, and tells that they ran', () => {
    const status = podStatus(lostPod('Always', { running: {} }), nothing, facts())
    const [main] = status.containerStatuses ?? []
    assert.deepEqual([status.phase, condition(status, 'Ready')?.status], ['Running', 'False'])
    assert.deepEqual(main?.state, { waiting: { reason: 'ContainerCreating' } })
    assert.deepEqual([main?.lastState?.terminated, main?.restartCount, main?.ready], [LOST, 3, false])
    const again = podStatus({ ...buildPod(), status }, nothing, facts())
    assert.deepEqual(again.containerStatuses, status.containerStatuses)
  })

  test('has failed where it is not to be restarted', () => {
    const failed = podStatus(lostPod('Never', { running: {} }), nothing, facts())
    assert.equal(failed.phase, 'Failed')
    const [main] = podStatus({ ...buildPod(), status: failed }, nothing, facts()).containerStatuses ?? []
    assert.deepEqual([main?.state?.terminated?.reason, main?.lastState?.terminated], [LOST.reason, LOST])
    assert.equal(podStatus(lostPod('OnFailure', { running: {} }), nothing, facts()).phase, 'Running')
  })

  test('keeps what had ended as it ended', () => {
    const terminated = { exitCode: 0, reason: 'Completed' }
    const status = podStatus(lostPod('Never', { terminated }), nothing, facts())
    assert.deepEqual([status.phase, status.containerStatuses?.[0]?.state], ['Succeeded', { terminated }])
  })

  test('tells of the end once they run again', () => {
    const anew = buildRuntime([buildContainer({ id: 'new', attempt: 3 })])
    const waiting = lostPod('Always', { waiting: { reason: 'ContainerCreating' } }, { terminated: LOST })
    const crashed = lostPod('Always', { terminated: { exitCode: 2 } })
    const mainOf = (pod: Pod) => podStatus(pod, anew, facts()).containerStatuses?.[0]
    assert.deepEqual([mainOf(waiting)?.lastState, mainOf(waiting)?.restartCount], [{ terminated: LOST }, 3])
    assert.deepEqual(mainOf(crashed)?.lastState, { terminated: { exitCode: 2 } })
  })
})

test('a refused pod has no containers to show', () => {
  const status = podStatus(
    buildPod(),
    buildRuntime([], []),
    facts({ verdict: { reason: 'OutOfpods', message: 'full' } }),
  )
  assert.equal(status.containerStatuses, undefined)
  assert.equal(status.reason, 'OutOfpods')
})

test('a pod whose sandbox is gone keeps its address', () => {
  const pod = { ...buildPod({ restartPolicy: 'Never' }), status: { podIPs: [{ ip: '10.0.0.9' }] } }
  const status = podStatus(pod, buildRuntime([exited(0)], [buildSandbox({ ready: false, ips: [] })]), facts())
  assert.equal(status.podIP, '10.0.0.9')
  assert.equal(condition(status, 'PodReadyToStartContainers')?.status, 'False')
})

test('a pod that made way for a critical one says so', () => {
  const disruption = { status: 'True', reason: 'TerminationByKubelet', message: 'no room' }
  const verdict = { reason: 'Preempting', message: 'Preempted' }
  const { phase, reason, conditions = [] } = podStatus(buildPod(), buildRuntime([]), facts({ verdict, disruption }))
  assert.deepEqual([phase, reason], ['Failed', 'Preempting'])
  const condition = conditions.find(({ type }) => type === 'DisruptionTarget')
  assert.deepEqual([condition?.status, condition?.reason], ['True', 'TerminationByKubelet'])
})

test('a container’s status tells of its mounts, before it runs and when it does', () => {
  const volumeMounts = [
    { name: 'data', mountPath: '/data' },
    { name: 'token', mountPath: '/token', readOnly: true },
    { name: 'tree', mountPath: '/tree', readOnly: true, recursiveReadOnly: 'Enabled' },
  ]
  const pod = buildPod({ containers: [{ name: 'main', image: 'x', volumeMounts }] })
  for (const records of [[], [buildContainer()]])
    assert.deepEqual(podStatus(pod, buildRuntime(records), facts()).containerStatuses?.[0]?.volumeMounts, [
      { name: 'data', mountPath: '/data' },
      { name: 'token', mountPath: '/token', readOnly: true, recursiveReadOnly: 'Disabled' },
      { name: 'tree', mountPath: '/tree', readOnly: true, recursiveReadOnly: 'Enabled' },
    ])
})
