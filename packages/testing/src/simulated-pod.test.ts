import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodStatus } from '@canopus/api/core/v1'
import { behaviourOf, exitedStatus, nextStep, runningStatus } from './simulated-pod.ts'

const NOW = Date.UTC(2026, 0, 1)
const podOf = (status: Partial<PodStatus>, metadata: object = {}): Pod =>
  ({
    metadata: { name: 'p', uid: 'u', generation: 2, ...metadata },
    spec: { containers: [{ name: 'c' }] },
    status: { observedGeneration: 2, ...status },
  }) as unknown as Pod

const running = (ready: boolean): Partial<PodStatus> => runningStatus(podOf({}), NOW, '10.0.0.1', ready)

describe('what comes next for a simulated pod', () => {
  const going = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 }
  const cases: [what: string, pod: Pod, annotations: Record<string, string>, expected: string][] = [
    ['it is bound', podOf({}), {}, 'run in 0'],
    ['it is bound and slow', podOf({}), { 'start-delay': '5s' }, 'run in 5000'],
    ['it runs', podOf(running(false)), { 'ready-delay': '3s' }, 'ready in 3000'],
    ['it is ready', podOf(running(true)), {}, 'nothing'],
    ['it is ready and will end', podOf(running(true)), { 'run-for': '9s' }, 'exit in 9000'],
    ['its spec has changed', podOf(running(true), { generation: 3 }), {}, 'observe in 0'],
    [
      'its spec has changed before it was ready',
      podOf(running(false), { generation: 3 }),
      { 'ready-delay': '3s' },
      'observe in 0',
    ],
    ['its spec has changed before it ran', podOf({}, { generation: 3 }), {}, 'run in 0'],
    ['it has ended', podOf(exitedStatus(podOf({}, going), NOW, 0)), {}, 'nothing'],
    ['it is to go', podOf(running(true), { ...going, generation: 3 }), { 'stop-delay': '2s' }, 'remove in 2000'],
    ['it is to go, not waiting for ever', podOf(running(true), going), { 'stop-delay': '1h' }, 'remove in 5000'],
    ['it is gone', podOf(running(true), { ...going, deletionGracePeriodSeconds: 0 }), {}, 'nothing'],
    [
      'somebody holds it, and its containers end at once',
      podOf(running(true), { ...going, deletionGracePeriodSeconds: 0, finalizers: ['x'] }),
      { 'stop-delay': '9s' },
      'finish in 0',
    ],
    ['somebody holds it', podOf(running(true), { ...going, finalizers: ['x'] }), {}, 'finish in 0'],
  ]
  for (const [what, pod, annotations, expected] of cases) {
    it(`${what}: ${expected}`, () => {
      pod.metadata.annotations = Object.fromEntries(
        Object.entries(annotations).map(([name, value]) => [`simulation.canopus/${name}`, value]),
      )
      const step = nextStep(pod, behaviourOf(pod), NOW)
      assert.equal(step ? `${step.kind} in ${step.after}` : 'nothing', expected)
    })
  }
})

describe('the status says which generation it is of', () => {
  const cases: [what: string, status: PodStatus][] = [
    ['running', runningStatus(podOf({}, { generation: 7 }), NOW, '10.0.0.1', true)],
    ['waiting to start again', exitedStatus(podOf({}, { generation: 7 }), NOW, 1)],
    ['ended', exitedStatus(podOf({}, { generation: 7, deletionTimestamp: 'x' }), NOW, 0)],
  ]
  for (const [what, { observedGeneration, conditions = [] }] of cases) {
    it(what, () => {
      assert.equal(observedGeneration, 7)
      assert.deepEqual(new Set(conditions.map(each => each.observedGeneration)), new Set([7]))
    })
  }
})
