/** The loop that every controller runs on: triggers fill a queue, workers reconcile keys, failures come back later. */

import { StatusError } from '@canopus/apimachinery'
import { type Logger, whenAborted } from '@canopus/base'
import type { Controller, ControllerContext, Key, ReconcileResult } from './controller.ts'
import { StaleCacheError } from './own-writes.ts'
import type { Trigger } from './triggers.ts'
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts'
import { workQueueMetrics } from './work-queue-metrics.ts'

export interface ControllerDefinition {
  name: string
  /** What puts keys into the queue; see `primary`, `owned`, `mapped` and `on`. */
  triggers: readonly Trigger[]
  /**
   * Makes the world match the object's wish, whatever the event was. Called for one key at a time per key, also when the
   * object is gone. Throwing retries with back-off.
   */
  reconcile(key: Key, signal: AbortSignal): Promise<ReconcileResult | undefined>
  /** How many keys are worked on at the same time unless the context says it. Default 5. */
  workers?: number
  /** Keys to begin with, besides those that the triggers bring. */
  initialKeys?: readonly Key[]
  /** How long keys that failed wait. */
  backoff?: Pick<WorkQueueOptions, 'initialBackoff' | 'maxBackoff'>
}

/** Makes a controller. Its informers are asked for now; handlers are connected when it runs. */
export function defineController(context: ControllerContext, definition: ControllerDefinition): Controller {
  const informers = definition.triggers.map(trigger => trigger.prepare(context.informers))
  const logger = context.logger.child({ controller: definition.name })
  return {
    name: definition.name,
    async run(signal: AbortSignal): Promise<void> {
      const metrics = context.metrics && workQueueMetrics(context.metrics, definition.name)
      const queue = new WorkQueue<Key>({ clock: context.clock, ...definition.backoff, ...(metrics ? { metrics } : {}) })
      const enqueue = (key: Key, afterMs = 0): void => queue.addAfter(key, afterMs)
      try {
        await Promise.all(informers.map(informer => informer.waitForSync(signal)))
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      const disconnect = definition.triggers.map(trigger => trigger.connect(context.informers, enqueue))
      for (const key of definition.initialKeys ?? []) enqueue(key)
      const workers = context.workers ?? definition.workers ?? 5
      await runWorkers({ queue, logger, workers, reconcile: definition.reconcile }, signal)
      for (const stop of disconnect) stop()
    },
  }
}

export interface WorkOptions<K> {
  queue: WorkQueue<K>
  logger: Logger
  workers: number
  reconcile(key: K, signal: AbortSignal): Promise<ReconcileResult | undefined>
}

/** Works the queue off until `signal` aborts; then closes it and waits for what is under way. */
export async function runWorkers<K>(options: WorkOptions<K>, signal: AbortSignal): Promise<void> {
  const workers = Array.from({ length: options.workers }, () => work(options, signal))
  await whenAborted(signal)
  options.queue.close()
  await Promise.all(workers)
}

async function work<K>({ queue, logger, reconcile }: WorkOptions<K>, signal: AbortSignal): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      const result = await reconcile(key, signal)
      queue.forget(key)
      if (result?.requeueAfter !== undefined) queue.addAfter(key, result.requeueAfter)
    } catch (error) {
      if (!signal.aborted) onFailure(queue, key, error, logger)
    } finally {
      queue.done(key)
    }
  }
}

function onFailure<K>(queue: WorkQueue<K>, key: K, error: unknown, logger: Logger): void {
  const facts = { key, error, failures: queue.failures(key) + 1 }
  // Somebody else was faster, or the object has just gone: what happens all day in a healthy cluster.
  const isRace =
    error instanceof StaleCacheError || (error instanceof StatusError && (error.code === 409 || error.code === 404))
  if (isRace) logger.debug('reconcile was overtaken, trying again', facts)
  else logger.warn('reconcile failed, trying again', facts)
  const asked = error instanceof StatusError ? error.status.details?.retryAfterSeconds : undefined
  if (asked) queue.addAfter(key, asked * 1000)
  else queue.addRateLimited(key)
}

/** Another look after the shortest of the times that are given, if any is. */
export function again(...waits: readonly (number | undefined)[]): ReconcileResult | undefined {
  const soonest = Math.min(...waits.map(wait => wait ?? Number.POSITIVE_INFINITY))
  return soonest === Number.POSITIVE_INFINITY ? undefined : { requeueAfter: soonest }
}
