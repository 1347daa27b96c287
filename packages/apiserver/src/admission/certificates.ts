import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import { messageOf } from '@canopus/base'
import { parseCertificateRequest } from '@canopus/platform'
import { SIGNERS } from '../certificates/signers.ts'
import type { AdmissionPlugin, Attributes, Authorizer, User } from '../security.ts'
import { type AdmissionContext, refusal } from './shared.ts'

const RESOURCE = 'certificates.k8s.io/certificatesigningrequests'

/** Whoever approves or denies a request must hold `approve` on its signer. */
export function certificateApproval({ authorizer }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    operations: ['UPDATE'],
    resources: [`${RESOURCE}/approval`],
    async validate(attributes) {
      const { signerName } = (attributes.oldObject as CertificateSigningRequest).spec
      if (await maySign(authorizer, attributes.user, 'approve', signerName)) return
      const why = `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`
      throw refusal(attributes, why)
    },
  }
}

/** Whoever writes the certificate must hold `sign` on its signer. */
export function certificateSigning({ authorizer }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    operations: ['UPDATE'],
    resources: [`${RESOURCE}/status`],
    async validate(attributes) {
      const old = attributes.oldObject as CertificateSigningRequest
      const { status } = attributes.object as CertificateSigningRequest
      const same =
        old.status?.certificate === status?.certificate &&
        JSON.stringify(old.status?.conditions) === JSON.stringify(status?.conditions)
      if (same || (await maySign(authorizer, attributes.user, 'sign', old.spec.signerName))) return
      const why = `user not permitted to sign requests with signerName ${JSON.stringify(old.spec.signerName)}`
      throw refusal(attributes, why)
    },
  }
}

/** Nobody becomes `system:masters` by a certificate of the API server's client signer. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  operations: ['CREATE'],
  resources: [RESOURCE],
  async validate(attributes) {
    const { spec } = attributes.object as CertificateSigningRequest
    if (spec.signerName !== SIGNERS.apiserverClient) return
    const pem = Buffer.from(spec.request, 'base64').toString('utf8')
    const request = await parseCertificateRequest(pem).catch((error: unknown) => {
      throw refusal(attributes, `failed to parse CSR: ${messageOf(error)}`)
    })
    if (request.subject.organizations.includes('system:masters')) {
      throw refusal(attributes, `use of ${SIGNERS.apiserverClient} signer with system:masters group is not allowed`)
    }
  },
}

/** The right can be held for one signer or for all of its domain (`example.com/*`). */
async function maySign(authorizer: Authorizer, user: User, verb: string, signer: string): Promise<boolean> {
  for (const name of [signer, `${signer.split('/')[0]}/*`]) {
    const attributes: Attributes = {
      user,
      verb,
      isResourceRequest: true,
      path: '',
      apiGroup: 'certificates.k8s.io',
      apiVersion: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
    }
    if ((await authorizer.authorize(attributes)).decision === 'allow') return true
  }
  return false
}
