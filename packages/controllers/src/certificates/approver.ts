/**
 * Approves requests of kubelets without a person: client certificates of those who hold the right to it, by a
 * SubjectAccessReview (kubernetes pkg/controller/certificates/approver), and, where the cluster wants it, serving
 * certificates for a node's own names.
 */

import { CertificateSigningRequests, Nodes, SubjectAccessReviews } from '@canopus/api'
import type { SubjectAccessReview } from '@canopus/api/authorization/v1'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { Draft } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'
import { type CsrSigner, hasCondition } from './csr-signer.ts'

export interface CsrApproverOptions {
  csrSigner: CsrSigner
  /**
   * Whether a node gets a serving certificate for the addresses in its status without a person's approval. Upstream never
   * does that; without it somebody has to, or the API server cannot tell its kubelets from others.
   */
  approveServing?: boolean
}

/** A node may ask before its addresses are known. */
const LOOK_AGAIN = 1_000

export function createCsrApprover(context: ControllerContext, options: CsrApproverOptions): Controller {
  const { client, informers } = context
  const requests = informers.informer(CertificateSigningRequests)
  const nodes = options.approveServing ? informers.informer(Nodes) : undefined

  async function approve(csr: CertificateSigningRequest, message: string): Promise<undefined> {
    const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message }
    const status = { ...csr.status, conditions: [...(csr.status?.conditions ?? []), condition] }
    const approved = { ...csr, status }
    await client
      .resource(CertificateSigningRequests)
      .subresource(csr.metadata.name, 'approval', approved, { method: 'PUT' })
    return undefined
  }

  async function mayHave(csr: CertificateSigningRequest, subresource: string): Promise<boolean> {
    const { username, uid, groups, extra } = csr.spec
    const asked = {
      metadata: {},
      spec: {
        ...(username === undefined ? {} : { user: username }),
        ...(uid === undefined ? {} : { uid }),
        ...(groups === undefined ? {} : { groups }),
        ...(extra === undefined ? {} : { extra }),
        resourceAttributes: {
          group: 'certificates.k8s.io',
          resource: 'certificatesigningrequests',
          verb: 'create',
          subresource,
          version: '*',
        },
      },
    } as Draft<SubjectAccessReview>
    return (await client.resource(SubjectAccessReviews).create(asked)).status?.allowed ?? false
  }

  return defineController(context, {
    name: 'certificatesigningrequest-approving-controller',
    workers: 1,
    backoff: { initialBackoff: 200 },
    triggers: [primary(CertificateSigningRequests, ({ object, deleted }) => !deleted && isOpen(object))],
    async reconcile(name) {
      const csr = requests.lister.get(name)
      if (csr === undefined || !isOpen(csr)) return undefined
      for (const { subresource, message } of await options.csrSigner.autoApprovals(csr)) {
        if (await mayHave(csr, subresource)) return approve(csr, message)
      }
      const serving = nodes && (await options.csrSigner.servingRequest(csr))
      if (!serving) return undefined
      const addresses = nodes.lister.get(serving.node)?.status?.addresses ?? []
      const own = new Set([serving.node, ...addresses.map(({ address }) => address)])
      if (serving.hosts.every(host => own.has(host))) {
        return approve(csr, 'Auto approving kubelet serving certificate for the addresses of its node.')
      }
      return { requeueAfter: LOOK_AGAIN }
    },
  })
}

const isOpen = (csr: CertificateSigningRequest): boolean =>
  !csr.status?.certificate && !hasCondition(csr, 'Approved') && !hasCondition(csr, 'Denied')
