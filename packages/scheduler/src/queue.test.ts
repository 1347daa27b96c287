import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import type { SchedulerPlugin } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { defaultProfile } from './profile.ts'
import { SchedulingQueue } from './queue.ts'
import { aPod } from './testing/builders.ts'

function setUp() {
  const clock = new SimulatedClock()
  const queue = new SchedulingQueue({ clock, profile: defaultProfile })
  const names: string[] = []
  const held: NonNullable<Awaited<ReturnType<SchedulingQueue['pop']>>>[] = []
  void (async () => {
    for (let entry = await queue.pop(); entry !== undefined; entry = await queue.pop()) {
      names.push(entry.pod.pod.metadata.name)
      held.push(entry)
    }
  })()
  /** Names popped since the last look. */
  const popped = async (after = 0): Promise<string[]> => {
    await clock.advance(after)
    return names.splice(0)
  }
  return { clock, queue, popped, held }
}

test('important pods come first, then those that came first', async () => {
  const { queue, popped } = setUp()
  const quiet = new SchedulingQueue({ clock: new SimulatedClock(), profile: defaultProfile })
  for (const [name, priority] of [
    ['a', 0],
    ['b', 10],
    ['c', 0],
    ['d', 10],
  ] as const) {
    quiet.set(podInfo(aPod(name, { spec: { priority } })))
  }
  const order = []
  for (let i = 0; i < 4; i++) order.push((await quiet.pop())?.pod.pod.metadata.name)
  assert.deepEqual(order, ['b', 'd', 'a', 'c'])
  queue.set(podInfo(aPod('late')))
  assert.deepEqual(await popped(), ['late'])
})

test('unschedulable pods wait for an event that their plugins care about', async () => {
  const { queue, popped, held } = setUp()
  queue.set(podInfo(aPod('p')))
  assert.deepEqual(await popped(), ['p'])
  queue.unschedulable(held.pop()!, new Set(['NodeAffinity']))
  queue.move('AssignedPodDelete')
  assert.deepEqual(await popped(10_000), [])
  queue.move('NodeLabel')
  assert.deepEqual(await popped(), ['p'])
  assert.deepEqual(queue.sizes(), { active: 0, backoff: 0, unschedulable: 0, gated: 0, inFlight: 1 })
})

test('the back-off is cut short when there is nothing else to do, and only then', async () => {
  const clock = new SimulatedClock()
  const queue = new SchedulingQueue({ clock, profile: defaultProfile })
  const pop = async (): Promise<string | undefined> => (await queue.pop())?.pod.pod.metadata.name
  queue.set(podInfo(aPod('tried')))
  const tried = (await queue.pop())!
  queue.unschedulable(tried, new Set(['NodeAffinity']))
  queue.move('NodeAdd')
  assert.equal(queue.sizes().backoff, 1)
  queue.set(podInfo(aPod('new')))
  assert.deepEqual([await pop(), await pop()], ['new', 'tried'])
  queue.unschedulable(tried, new Set(['NodeAffinity']))
  const next = pop()
  queue.move('NodeAdd')
  assert.equal(await next, 'tried')
})

test('the back-off is not cut short where that feature is off', async () => {
  const clock = new SimulatedClock()
  const queue = new SchedulingQueue({ clock, profile: defaultProfile, popFromBackoff: false })
  queue.set(podInfo(aPod('tried')))
  queue.unschedulable((await queue.pop())!, new Set(['NodeAffinity']))
  queue.move('NodeAdd')
  let popped = false
  const next = queue.pop().then(() => {
    popped = true
  })
  await clock.advance(900)
  assert.equal(popped, false)
  await clock.advance(200)
  await next
  assert.equal(popped, true)
})

test('a pod tried many times in vain waits its whole back-off', async () => {
  const { queue, popped, held } = setUp()
  queue.set(podInfo(aPod('p')))
  for (let attempt = 1; attempt <= 6; attempt++) {
    assert.deepEqual(await popped(), ['p'])
    queue.unschedulable(held.pop()!, new Set(['NodeAffinity']))
    queue.move('NodeAdd')
  }
  assert.deepEqual(await popped(9999), [])
  assert.deepEqual(await popped(1), ['p'])
})

test('the back-off doubles up to ten seconds', async () => {
  const { queue, popped, held } = setUp()
  queue.set(podInfo(aPod('p')))
  await popped()
  for (const seconds of [1, 2, 4, 8, 10, 10]) {
    queue.retry(held.pop()!)
    assert.deepEqual(await popped(seconds * 1000 - 1), [])
    assert.deepEqual(await popped(1), ['p'])
  }
})

test('after five minutes an unschedulable pod is tried whatever happened', async () => {
  const { queue, popped, held } = setUp()
  queue.set(podInfo(aPod('p')))
  await popped()
  queue.unschedulable(held.pop()!, new Set(['NodeAffinity']))
  assert.deepEqual(await popped(299_999), [])
  assert.deepEqual(await popped(1), ['p'])
})

test('gated pods stay out until their gates are gone', async () => {
  const { queue, popped } = setUp()
  const gated = aPod('p', { spec: { schedulingGates: [{ name: 'example.com/wait' }] } })
  queue.set(podInfo(gated))
  assert.deepEqual(await popped(600_000), [])
  assert.equal(queue.sizes().gated, 1)
  queue.set(podInfo({ ...gated, spec: { ...gated.spec!, schedulingGates: [] } }))
  assert.deepEqual(await popped(), ['p'])
})

test('a changed pod is tried again at once, a changed status alone is not', async () => {
  const { queue, popped, held } = setUp()
  const pod = aPod('p')
  queue.set(podInfo(pod))
  await popped()
  queue.unschedulable(held.pop()!, new Set(['TaintToleration']))
  queue.set(podInfo({ ...pod, status: { phase: 'Pending', message: 'new' } }))
  assert.deepEqual(await popped(20_000), [])
  queue.set(podInfo({ ...pod, spec: { ...pod.spec!, tolerations: [{ operator: 'Exists' }] } }))
  assert.deepEqual(await popped(), ['p'])
})

test('removed pods are never popped, and a namesake is another pod', async () => {
  const quiet = new SchedulingQueue({ clock: new SimulatedClock(), profile: defaultProfile })
  quiet.set(podInfo(aPod('p')))
  quiet.remove('default/p')
  const second = podInfo(aPod('p'))
  quiet.set(second)
  assert.equal((await quiet.pop())?.pod, second)
  quiet.close()
  assert.equal(await quiet.pop(), undefined)
})

test('a pod that a plugin keeps out after it was tried in vain waits until it is released, then for what may help it', async () => {
  const clock = new SimulatedClock()
  let isHeld = false
  const gate: SchedulerPlugin = {
    name: 'Gate',
    events: [],
    preEnqueue: () => (isHeld ? { plugin: 'Gate', reasons: ['held'] } : undefined),
  }
  const queue = new SchedulingQueue({ clock, profile: [...defaultProfile, { plugin: gate, weight: 0 }] })
  const next = async (): Promise<string | undefined> => {
    const popped = queue.pop().then(entry => entry?.pod.pod.metadata.name)
    await clock.advance(0)
    return Promise.race([popped, Promise.resolve('nobody')])
  }
  queue.set(podInfo(aPod('p')))
  const entry = (await queue.pop())!
  isHeld = true
  queue.unschedulable(entry, new Set(['NodeResourcesFit']))
  queue.move('AssignedPodDelete')
  queue.activate(entry.pod.key)
  queue.release(entry.pod.key)
  assert.equal(entry.state, 'gated', 'whatever happens')
  isHeld = false
  queue.move('AssignedPodDelete')
  assert.equal(entry.state, 'gated', 'it is for the plugin to say so')
  queue.release(entry.pod.key)
  assert.equal(entry.state, 'unschedulable')
  queue.move('NodeTaint')
  assert.equal(entry.state, 'unschedulable', 'of no use to who had rejected it')
  queue.move('AssignedPodDelete')
  assert.equal(entry.state, 'backoff')
  assert.equal(await next(), 'p')
  // A pod that nobody has tried yet goes straight in.
  isHeld = true
  queue.set(podInfo(aPod('new')))
  assert.equal(queue.sizes().gated, 1)
  isHeld = false
  queue.release('default/new')
  assert.equal(await next(), 'new')
})
