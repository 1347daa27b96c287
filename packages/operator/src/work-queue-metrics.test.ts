import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MetricsRegistry, SimulatedClock } from '@canopus/base'
import { WorkQueue } from './work-queue.ts'
import { workQueueMetrics } from './work-queue-metrics.ts'

it('queues tell how many keys wait, for how long, and how long they are worked on', async () => {
  const clock = new SimulatedClock()
  const registry = new MetricsRegistry()
  const queue = new WorkQueue({ clock, metrics: workQueueMetrics(registry, 'deployment') })
  workQueueMetrics(registry, 'other').adds.add()
  queue.add('a')
  queue.add('a')
  queue.add('b')
  await clock.advance(2000)
  const key = await queue.take()
  await clock.advance(3000)
  const running = (): string[] => registry.text().match(/^workqueue_(unfinished|longest).*deployment.*/gm) ?? []
  assert.deepEqual(running(), [
    'workqueue_longest_running_processor_seconds{name="deployment"} 3',
    'workqueue_unfinished_work_seconds{name="deployment"} 3',
  ])
  queue.addRateLimited(key!)
  queue.done(key!)
  const text = registry.text()
  for (const line of [
    'workqueue_depth{name="deployment"} 1',
    'workqueue_adds_total{name="deployment"} 2',
    'workqueue_adds_total{name="other"} 1',
    'workqueue_retries_total{name="deployment"} 1',
    'workqueue_queue_duration_seconds_sum{name="deployment"} 2',
    'workqueue_work_duration_seconds_sum{name="deployment"} 3',
    'workqueue_work_duration_seconds_bucket{name="deployment",le="10"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), line)
  }
  assert.deepEqual(
    running().map(line => line.split(' ')[1]),
    ['0', '0'],
  )
})
