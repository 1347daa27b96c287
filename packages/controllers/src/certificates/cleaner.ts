/** Removes requests that nobody needs any more (kubernetes pkg/controller/certificates/cleaner). */

import { CertificateSigningRequests } from '@canopus/api'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import { hasReason } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

const HOUR = 3_600_000
const DECIDED = 1 * HOUR
const PENDING = 24 * HOUR

export function createCsrCleaner(context: ControllerContext): Controller {
  const requests = context.informers.informer(CertificateSigningRequests)
  return defineController(context, {
    name: 'certificatesigningrequest-cleaner-controller',
    workers: 1,
    triggers: [primary(CertificateSigningRequests, ({ deleted }) => !deleted)],
    async reconcile(name) {
      const csr = requests.lister.get(name)
      if (csr === undefined) return undefined
      const left = endOfUse(csr) - context.clock.now()
      if (left > 0) return { requeueAfter: left }
      try {
        await context.client
          .resource(CertificateSigningRequests)
          .delete(name, { body: { preconditions: { uid: csr.metadata.uid } } })
      } catch (error) {
        if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
      }
      return undefined
    },
  })
}

/** When the request may go, in milliseconds since the epoch: an hour after a verdict, a day without one. */
export function endOfUse({ metadata, status }: CertificateSigningRequest): number {
  const verdicts = (status?.conditions ?? []).filter(({ type }) => ['Approved', 'Denied', 'Failed'].includes(type))
  const times = verdicts.map(({ lastUpdateTime }) => Date.parse(lastUpdateTime ?? metadata.creationTimestamp))
  return times.length > 0 ? Math.max(...times) + DECIDED : Date.parse(metadata.creationTimestamp) + PENDING
}
