/** Deletes finished jobs when their time to live is over (kubernetes pkg/controller/ttlafterfinished). */

import { Jobs } from '@canopus/api'
import type { Job } from '@canopus/api/batch/v1'
import { hasReason, parseTime } from '@canopus/apimachinery'
import { exponentialBuckets, perRegistry } from '@canopus/base'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

/** When the job is to go, in milliseconds since the epoch; nothing where it is to stay. */
export function expiryOf(job: Job): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec
  if (ttlSecondsAfterFinished === undefined || job.metadata.deletionTimestamp) return undefined
  const finished = job.status?.conditions?.find(
    each => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True',
  )
  const at = parseTime(finished?.lastTransitionTime ?? '')
  return at === undefined ? undefined : at + ttlSecondsAfterFinished * 1000
}

const deletionDuration = perRegistry(registry =>
  registry
    .histogram(
      'ttl_after_finished_controller_job_deletion_duration_seconds',
      '[ALPHA] The time it took to delete the job since it became eligible for deletion',
      [],
      exponentialBuckets(0.1, 2, 14),
    )
    .with(),
)

export function createTtlAfterFinishedController(context: ControllerContext): Controller {
  const jobs = context.informers.informer(Jobs)
  const client = context.client.resource(Jobs)
  const duration = context.metrics && deletionDuration(context.metrics)
  return defineController(context, {
    name: 'ttl-after-finished-controller',
    triggers: [primary(Jobs, ({ object, deleted }) => !deleted && expiryOf(object) !== undefined)],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const cached = jobs.lister.get(name, namespace)
      const due = cached && expiryOf(cached)
      if (due === undefined) return undefined
      const now = context.clock.now()
      if (due > now) return { requeueAfter: due - now }
      try {
        // Its time to live may have been extended a moment ago.
        const job = await client.get(name, { namespace: namespace! })
        const current = expiryOf(job)
        if (current === undefined || current > now) return undefined
        const body = { propagationPolicy: 'Foreground', preconditions: { uid: job.metadata.uid } }
        await client.delete(name, { namespace: namespace!, body })
        duration?.observe((context.clock.now() - current) / 1000)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
      return undefined
    },
  })
}
