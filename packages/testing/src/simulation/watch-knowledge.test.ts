import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { WatchKnowledge } from './watch-knowledge.ts'

it('a component knows what its slowest watch of a collection has delivered', async () => {
  const clock = new SimulatedClock()
  const knowledge = new WatchKnowledge(clock)
  const known = (): number => Math.round(knowledge.knownUntil('scheduler', 'pods') / 1000)
  const pods = knowledge.begin('scheduler', '/api/v1/pods?watch=true&resourceVersion=1')
  pods.waiting()
  await clock.advance(10_000)
  assert.equal(known(), 10)

  pods.behind() // something has come, and is held back
  await clock.advance(5000)
  assert.equal(known(), 10)
  pods.waiting()
  assert.equal(known(), 10, 'more may have come in the meantime')
  await clock.advance(1000)
  assert.equal(known(), 16)

  pods.behind() // the stream ends, and another takes its place
  await clock.advance(30_000)
  const again = knowledge.begin('scheduler', '/api/v1/pods?watch=true&resourceVersion=9')
  assert.equal(known(), 16)
  again.waiting()
  await clock.advance(1000)
  assert.equal(known(), 47)

  const some = knowledge.begin('scheduler', '/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3D')
  await clock.advance(2000)
  assert.equal(known(), 47, 'another watch of the same, which has brought nothing yet')
  some.waiting()
  await clock.advance(1000)
  assert.equal(known(), 50)
  assert.equal(knowledge.knownUntil('controller-manager', 'pods'), clock.monotonic())
})
