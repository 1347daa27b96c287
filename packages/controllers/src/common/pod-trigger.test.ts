import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Pods, ReplicaSets } from '@canopus/api'
import type { ReplicaSet } from '@canopus/api/apps/v1'
import { labelSelector } from '@canopus/apimachinery'
import { Expectations, type Trigger } from '@canopus/operator'
import { createWorld, type World } from '../testing/world.ts'
import { Gathering } from './gathering.ts'
import { ownerTrigger, podTrigger } from './pod-trigger.ts'

let world: World
let expectations: Expectations
let gathering: Gathering
beforeEach(() => {
  world = createWorld()
  expectations = new Expectations(world.clock)
  gathering = new Gathering()
  gathering.note('default/web', 1000)
  world.server.add(ReplicaSets, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [] } } },
  } as never)
})
afterEach(() => world.stop())

/** After how many milliseconds the owner is looked at, for each time that `change` wakes it. */
async function wakesOf(trigger: Trigger, change: () => unknown): Promise<number[]> {
  const wakes: number[] = []
  const { informers } = world.context
  const ready = trigger.prepare(informers)
  await world.start({ name: 'nobody', run: async () => {} })
  await world.settle()
  assert.ok(ready.synced)
  const disconnect = trigger.connect(informers, (_key, after) => void wakes.push(after ?? 0))
  wakes.length = 0
  change()
  await world.settle()
  disconnect()
  return wakes
}

const GATHERED = 200
const owners: readonly [text: string, after: number, change: (set: ReplicaSet) => void][] = [
  ['its status: with what its pods report', GATHERED, set => (set.status = { replicas: 5 })],
  ['what it wishes: at once', 0, set => (set.metadata.generation = 2)],
  ['labels: at once', 0, set => (set.metadata.labels = { a: 'b' })],
  ['annotations: at once', 0, set => (set.metadata.annotations = { a: 'b' })],
]
for (const [text, after, change] of owners) {
  test(`a big owner is looked at after a change of ${text}`, async () => {
    const wakes = await wakesOf(ownerTrigger(ReplicaSets, gathering), () =>
      world.server.change(ReplicaSets, 'web', 'default', change as never),
    )
    assert.deepEqual(wakes, [after])
  })
}

test('changes of pods are gathered, but not the one that was the last to be waited for', async () => {
  const { uid } = world.server.get(ReplicaSets, 'web', 'default')!.metadata
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid, controller: true }
  const trigger = podTrigger({
    context: world.context,
    owner: ReplicaSets,
    expectations,
    gathering,
    selectorOf: (set: ReplicaSet) => labelSelector(set.spec.selector),
  })
  world.context.informers.informer(ReplicaSets)
  expectations.expectCreations('default/web', 2)
  const wakes = await wakesOf(trigger, () => {
    for (const name of ['a', 'b', 'c']) {
      world.server.add(Pods, {
        metadata: { name, namespace: 'default', labels: { app: 'web' }, ownerReferences: [owner] },
        spec: { containers: [] },
      } as never)
    }
  })
  assert.deepEqual(wakes, [GATHERED, 0, GATHERED])
})
