import { humanDuration } from '@canopus/apimachinery'
import type { CertificateSigningRequest } from '../../generated/certificates.v1.ts'
import { CertificateSigningRequests } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => status?.conditions?.some(each => each.type === type) ?? false
  const verdict = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  return `${verdict}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`
}

export const CertificateSigningRequestKind = defineKind<CertificateSigningRequest>({
  type: CertificateSigningRequests,
  message: 'certificates.v1.CertificateSigningRequest',
  storagePrefix: 'certificatesigningrequests',
  strategy: strategyOf({ status: () => ({}) }),
  columns: [
    nameColumn,
    ageColumn,
    text('SignerName', 'Who is asked to sign.', each => each.spec.signerName || '<none>'),
    text('Requestor', 'Who asks.', each => each.spec.username ?? ''),
    text('RequestedDuration', 'How long the certificate should be valid.', each =>
      each.spec.expirationSeconds === undefined ? '<none>' : humanDuration(each.spec.expirationSeconds * 1000),
    ),
    text('Condition', 'How far the request is.', conditionText),
  ],
  selectableFields: { 'spec.signerName': each => each.spec.signerName ?? '' },
})
