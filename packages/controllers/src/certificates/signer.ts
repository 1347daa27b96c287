/** Signs approved requests with the cluster's own authority (kubernetes pkg/controller/certificates/signer). */

import { CertificateSigningRequests } from '@canopus/api'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import { formatTime } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'
import { type CsrSigner, hasCondition } from './csr-signer.ts'

export function createCsrSigningController(
  context: ControllerContext,
  { csrSigner }: { csrSigner: CsrSigner },
): Controller {
  const requests = context.informers.informer(CertificateSigningRequests)
  const client = context.client.resource(CertificateSigningRequests)
  return defineController(context, {
    name: 'certificatesigningrequest-signing-controller',
    workers: 1,
    backoff: { initialBackoff: 200 },
    triggers: [primary(CertificateSigningRequests, ({ object, deleted }) => !deleted && isToSign(object))],
    async reconcile(name) {
      const csr = requests.lister.get(name)
      if (csr === undefined || !isToSign(csr)) return undefined
      const result = await csrSigner.sign(csr)
      if (result.kind === 'signed') {
        await client.updateStatus({ ...csr, status: { ...csr.status, certificate: result.certificate } })
      }
      if (result.kind === 'failed') {
        const now = formatTime(context.clock.now())
        const condition = {
          type: 'Failed',
          status: 'True',
          reason: 'SignerValidationFailure',
          message: result.message,
          lastUpdateTime: now,
          lastTransitionTime: now,
        }
        const conditions = [...(csr.status?.conditions ?? []), condition]
        await client.updateStatus({ ...csr, status: { ...csr.status, conditions } })
      }
      return undefined
    },
  })
}

const isToSign = (csr: CertificateSigningRequest): boolean =>
  !csr.status?.certificate &&
  hasCondition(csr, 'Approved') &&
  !hasCondition(csr, 'Failed') &&
  !hasCondition(csr, 'Denied')
