import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pods } from '@canopus/api'
import type { PodCondition } from '@canopus/api/core/v1'
import { createDisruptionController } from './disruption.ts'
import { createWorld } from './testing/world.ts'

const ready: PodCondition = { type: 'Ready', status: 'True' }
const target: PodCondition = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'why',
}

const cases: readonly [
  name: string,
  pod: { phase?: string; deleted?: boolean; condition?: PodCondition },
  isTakenBack: boolean,
][] = [
  ['a pod that stays', {}, true],
  ['one that waits for its node', { phase: 'Pending' }, true],
  ['one that goes', { deleted: true }, false],
  ['one that has ended', { phase: 'Failed' }, false],
  ['one whose kubelet ends it', { condition: { ...target, reason: 'TerminationByKubelet' } }, false],
  ['one that says no such thing any more', { condition: { ...target, status: 'False' } }, false],
]

for (const [name, { phase = 'Running', deleted = false, condition = target }, isTakenBack] of cases) {
  test(`${name}: that it is to be disrupted is ${isTakenBack ? '' : 'not '}taken back`, async () => {
    const world = createWorld()
    await world.start(createDisruptionController(world.context))
    const lastTransitionTime = new Date(world.clock.now()).toISOString().replace('.000', '')
    const before = [ready, { ...condition, lastTransitionTime }]
    world.server.add(Pods, {
      metadata: {
        name: 'p',
        namespace: 'default',
        generation: 4,
        ...(deleted && { deletionTimestamp: lastTransitionTime, deletionGracePeriodSeconds: 600 }),
      },
      spec: { containers: [] },
      status: { phase, conditions: before },
    })
    const conditions = () => world.server.get(Pods, 'p', 'default')!.status!.conditions!
    await world.settle(119_000)
    assert.deepEqual(conditions(), before)
    await world.settle(2_000)
    if (isTakenBack) {
      const { lastTransitionTime: now, ...rest } = conditions()[1]!
      assert.deepEqual(rest, { type: 'DisruptionTarget', status: 'False', observedGeneration: 4 })
      assert.notEqual(now, lastTransitionTime)
    } else assert.deepEqual(conditions(), before)
    await world.stop()
  })
}
