import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { PodDisruptionBudgets, Pods, ReplicaSets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { PodDisruptionBudgetSpec } from '@canopus/api/policy/v1'
import { controllerReference } from '@canopus/apimachinery'
import { createDisruptionController, planBudget } from './disruption.ts'
import { createWorld, type World } from './testing/world.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  await world.start(createDisruptionController(world.context))
})
afterEach(() => world.stop())

const ready = [{ type: 'Ready', status: 'True' }]
const add = (spec: PodDisruptionBudgetSpec) =>
  world.server.add(PodDisruptionBudgets, {
    metadata: { name: 'b', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  })
const budget = () => world.server.get(PodDisruptionBudgets, 'b', 'default')!.status!

test('follows the pods and what their controllers want', async () => {
  const set = world.server.add(ReplicaSets, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 4, selector: {}, template: { spec: { containers: [] } } },
  })
  for (const name of ['a', 'b', 'c']) {
    world.server.add(Pods, {
      metadata: {
        name,
        namespace: 'default',
        labels: { app: 'web' },
        ownerReferences: [controllerReference(set, ReplicaSets)],
      },
      spec: { containers: [] },
      status: { phase: 'Running', conditions: ready },
    })
  }
  await world.settle()
  add({ maxUnavailable: '50%' })
  await world.settle()
  const { expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed, conditions } = budget()
  assert.deepEqual([expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed], [4, 2, 3, 1])
  assert.equal(conditions?.[0]?.reason, 'SufficientPods')
  world.server.change(Pods, 'a', 'default', pod => (pod.status!.conditions = []))
  await world.settle()
  assert.equal(budget().disruptionsAllowed, 0)
  assert.equal(budget().conditions?.[0]?.reason, 'InsufficientPods')
})

const addPod = (name: string, kind?: string) =>
  world.server.add(Pods, {
    metadata: {
      name,
      namespace: 'default',
      labels: { app: 'web' },
      ...(kind ? { ownerReferences: [{ apiVersion: 'batch/v1', kind, name: 'o', uid: 'o', controller: true }] } : {}),
    },
    spec: { containers: [] },
    status: { phase: 'Running', conditions: ready },
  })

test('pods without a controller are not expected, and that is told', async () => {
  addPod('a')
  add({ maxUnavailable: 1 })
  await world.settle()
  assert.deepEqual([budget().expectedPods, budget().disruptionsAllowed], [0, 0])
  const told = world.events.find(event => event.startsWith('UnmanagedPods'))
  assert.match(told ?? '', /\(selector: &LabelSelector\{MatchLabels:map\[string\]string\{app: web,\},/)
})

test('where the controller has no scale nothing may be disrupted', async () => {
  addPod('a', 'Job')
  add({ maxUnavailable: 1 })
  await world.settle()
  const [condition] = budget().conditions!
  assert.deepEqual(
    [budget().disruptionsAllowed, condition?.status, condition?.reason, condition?.message],
    [0, 'False', 'SyncFailed', 'jobs.batch does not implement the scale subresource'],
  )
  const text = 'Failed to calculate the number of expected pods: jobs.batch does not implement the scale subresource'
  assert.ok(world.events.includes(`CalculateExpectedPodCountFailed ${text}`))
})

test('a fixed number asks for no controller', async () => {
  addPod('a', 'Job')
  addPod('b')
  add({ minAvailable: 1 })
  await world.settle()
  assert.deepEqual([budget().expectedPods, budget().disruptionsAllowed], [2, 1])
})

test('a pod that has ended counts like any other, by whether it is ready', async () => {
  addPod('a')
  addPod('b')
  world.server.change(Pods, 'a', 'default', pod => (pod.status!.phase = 'Succeeded'))
  add({ minAvailable: 1 })
  await world.settle()
  assert.deepEqual([budget().expectedPods, budget().currentHealthy, budget().disruptionsAllowed], [2, 2, 1])
  world.server.change(Pods, 'a', 'default', pod => (pod.status!.conditions = []))
  await world.settle()
  assert.deepEqual([budget().expectedPods, budget().currentHealthy, budget().disruptionsAllowed], [2, 1, 0])
})

test('a granted eviction counts until it is forgotten', async () => {
  world.server.add(Pods, {
    metadata: { name: 'a', namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [] },
    status: { phase: 'Running', conditions: ready },
  })
  add({ minAvailable: 0 })
  await world.settle()
  assert.equal(budget().disruptionsAllowed, 1)
  world.server.change(PodDisruptionBudgets, 'b', 'default', object => {
    object.status!.disruptedPods = { a: new Date(world.clock.now()).toISOString() }
  })
  await world.settle(60_000)
  assert.equal(budget().currentHealthy, 0)
  await world.settle(70_000)
  assert.equal(budget().currentHealthy, 1)
  assert.equal(budget().disruptedPods, undefined)
  assert.ok(world.events.includes("NotDeleted Pod was expected by PDB default/b to be deleted but it wasn't"))
})

test('a pod that several budgets speak for is told of', async () => {
  add({ minAvailable: 0 })
  world.server.add(PodDisruptionBudgets, {
    metadata: { name: 'c', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'web' } }, minAvailable: 0 },
  })
  await world.settle()
  addPod('a')
  await world.settle()
  assert.ok(
    world.events.some(event =>
      /^MultiplePodDisruptionBudgets Pod "default"\/"a" matches multiple PodDisruptionBudgets\. {2}Chose "[bc]" arb/.test(
        event,
      ),
    ),
  )
})

describe('planBudget', () => {
  const pods = (count: number) =>
    Array.from(
      { length: count },
      (_, i) => ({ metadata: { name: `p${i}` }, status: { conditions: ready } }) as unknown as Pod,
    )
  const table: [string, PodDisruptionBudgetSpec, number, number | undefined, [number, number, number]][] = [
    ['minAvailable', { minAvailable: 2 }, 5, 5, [5, 2, 3]],
    ['minAvailable counts pods, not wishes', { minAvailable: 2 }, 3, 10, [3, 2, 1]],
    ['minAvailable percent rounds up', { minAvailable: '50%' }, 5, 5, [5, 3, 2]],
    ['maxUnavailable', { maxUnavailable: 1 }, 5, 5, [5, 4, 1]],
    ['maxUnavailable percent rounds up', { maxUnavailable: '30%' }, 5, 5, [5, 3, 2]],
    ['too few already', { maxUnavailable: 1 }, 3, 5, [5, 4, 0]],
    ['nothing there', { maxUnavailable: 1 }, 0, 0, [0, 0, 0]],
  ]
  for (const [name, spec, count, scale, expected] of table) {
    test(name, () => {
      const metadata = { name: 'b', uid: '', resourceVersion: '', creationTimestamp: '' }
      const { status } = planBudget({ budget: { metadata, spec }, pods: pods(count), scale, now: 0 })
      assert.deepEqual([status.expectedPods, status.desiredHealthy, status.disruptionsAllowed], expected)
    })
  }
})
