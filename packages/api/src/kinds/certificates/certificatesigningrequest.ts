import { checkPathSegmentName, humanDuration } from '@canopus/apimachinery'
import type { CertificateSigningRequest } from '../../generated/certificates.v1.ts'
import { CertificateSigningRequests } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { copyField, defineKind, strategyOf } from '../shared/strategy.ts'
import {
  approval,
  prepareForCreate,
  prepareForStatusUpdate,
  validateRequest,
  validateStatusUpdate,
} from './validation.ts'

/** Nothing of a request can be changed, only its metadata. */
function keepSpec(object: CertificateSigningRequest, old: CertificateSigningRequest): void {
  copyField(object, old, 'spec')
}

function conditionText({ status }: CertificateSigningRequest): string {
  const has = (type: string): boolean => status?.conditions?.some(each => each.type === type) ?? false
  const verdict = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  return `${verdict}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`
}

export const CertificateSigningRequestKind = defineKind<CertificateSigningRequest>({
  type: CertificateSigningRequests,
  message: 'certificates.v1.CertificateSigningRequest',
  storagePrefix: 'certificatesigningrequests',
  strategy: strategyOf(
    { spec: true, status: () => ({}) },
    {
      validate: object => validateRequest(object),
      validateUpdate: (object, old) => validateRequest(object, old),
      validateStatusUpdate: validateStatusUpdate,
      prepareForCreate,
      prepareForUpdate: keepSpec,
      prepareForStatusUpdate,
      subresources: { approval },
      unowned: {
        '': [['spec']],
        status: [['spec'], ['status', 'conditions']],
        approval: [['spec'], ['status', 'certificate']],
      },
      validateName: checkPathSegmentName,
    },
  ),
  columns: [
    nameColumn,
    ageColumn,
    text(
      'SignerName',
      of('certificates.v1.CertificateSigningRequestSpec.signerName'),
      each => each.spec.signerName || '<none>',
    ),
    text('Requestor', 'Base64-encoded PKCS#10 CSR data', each => each.spec.username ?? ''),
    text('RequestedDuration', of('certificates.v1.CertificateSigningRequestSpec.expirationSeconds'), each =>
      each.spec.expirationSeconds === undefined ? '<none>' : humanDuration(each.spec.expirationSeconds * 1000),
    ),
    text('Condition', 'Conditions applied to the request, such as approval or denial.', conditionText),
  ],
  selectableFields: { 'spec.signerName': each => each.spec.signerName ?? '' },
})
