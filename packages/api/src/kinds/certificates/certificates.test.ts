import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { CertificateSigningRequest } from '../../generated/certificates.v1.ts'
import { created, testCreate } from '../../testing/validation-table.ts'
import { CertificateSigningRequestKind } from './certificatesigningrequest.ts'

const pem = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'
const request = {
  metadata: { name: 'me' },
  spec: { request: btoa(pem), signerName: 'example.com/signer', usages: ['client auth'] },
} as unknown as CertificateSigningRequest

const asking = (text: string) => (object: CertificateSigningRequest) => {
  object.spec.request = btoa(text)
}
const notOne = (text: string) => [
  `spec.request: Invalid value: "${btoa(text)}": PEM block type must be CERTIFICATE REQUEST`,
]
const newer = pem.replaceAll('CERTIFICATE', 'NEW CERTIFICATE')
const later = pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE') + pem

testCreate(CertificateSigningRequestKind, request, [
  { name: 'text before and after the request', change: asking(`# for the tests\n${pem}more\n`), errors: [] },
  { name: 'a request of another name', change: asking(newer), errors: notOne(newer) },
  { name: 'a certificate first', change: asking(later), errors: notOne(later) },
  {
    name: 'no usages',
    change: object => {
      object.spec.usages = []
    },
    errors: ['spec.usages: Required value'],
  },
  {
    name: 'signer without a domain',
    change: object => {
      object.spec.signerName = 'signer'
    },
    errors: [
      `spec.signerName: Invalid value: "signer": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
    ],
  },
  {
    name: 'too short a time',
    change: object => {
      object.spec.expirationSeconds = 10
    },
    errors: [
      'spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 600 seconds (10 minutes)',
    ],
  },
])

test('CertificateSigningRequest: who asks is recorded, not believed', () => {
  const object = structuredClone(request)
  object.spec.username = 'admin'
  const user = { name: 'ann', groups: ['dev'] }
  CertificateSigningRequestKind.strategy.prepareForCreate!(object, { now: '', user })
  assert.equal(object.spec.username, 'ann')
  assert.deepEqual(object.spec.groups, ['dev'])
})

test('CertificateSigningRequest: approval changes conditions alone and stays', () => {
  const { approval } = CertificateSigningRequestKind.strategy.subresources!
  const old = created(CertificateSigningRequestKind, request)
  const approved = structuredClone(old)
  approved.spec.signerName = 'other.com/signer'
  approved.status = { certificate: 'AAAA', conditions: [{ type: 'Approved', status: 'True' }] }
  approval!.prepareForUpdate(approved, old, { now: 'now' })
  assert.equal(approved.spec.signerName, 'example.com/signer')
  const condition = { type: 'Approved', status: 'True', lastUpdateTime: 'now', lastTransitionTime: 'now' }
  assert.deepEqual(approved.status, { conditions: [condition] })
  assert.deepEqual(approval!.validateUpdate(approved, old), [])
  const withdrawn = structuredClone(approved)
  withdrawn.status = {}
  approval!.prepareForUpdate(withdrawn, approved, { now: 'later' })
  assert.deepEqual(approval!.validateUpdate(withdrawn, approved).map(fieldErrorText), [
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ])
})
