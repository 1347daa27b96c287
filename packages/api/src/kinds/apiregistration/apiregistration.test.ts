import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { APIService } from '../../generated/apiregistration.v1.ts'
import { validateApiService, validateApiServiceStatus } from './validation.ts'

const service = { namespace: 'a', name: 'b', port: 443 }
const remote = { group: 'g.example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service }
const { service: _, ...local } = remote
const of = (spec: object, name = 'v1.g.example.com'): APIService =>
  ({ metadata: { name }, spec }) as unknown as APIService

describe('APIServices', () => {
  const rows: readonly [string, APIService, string[]][] = [
    ['with a service', of(remote), []],
    ['of this server', of(local), []],
    ['of the core group', of({ ...local, group: '' }, 'v1.'), []],
    [
      'by another name',
      of(local, 'other'),
      ['metadata.name: Invalid value: "other": must be `spec.version+"."+spec.group`: "v1.g.example.com"'],
    ],
    [
      'of this server with a bundle',
      of({ ...local, caBundle: 'aGVsbG8=', insecureSkipTLSVerify: true }),
      [
        'spec.caBundle: Invalid value: "5 bytes": local APIServices may not have a caBundle',
        'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
      ],
    ],
    [
      'that trust a bundle and everybody',
      of({ ...remote, caBundle: 'aGVsbG8=', insecureSkipTLSVerify: true }),
      ['spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present'],
    ],
    [
      'with nothing right',
      of({ group: 'G', version: '1', groupPriorityMinimum: 20001, versionPriority: 0, service: { port: 0 } }, '1.G'),
      [
        'spec.group',
        'spec.version',
        'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
        'spec.versionPriority: Invalid value: 0: must be positive and less than 1000',
        'spec.service.namespace: Required value',
        'spec.service.name: Required value',
        'spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
      ],
    ],
  ]
  for (const [name, object, expected] of rows) {
    it(name, () => {
      const texts = validateApiService(object).map(fieldErrorText)
      assert.deepEqual(
        texts.map((text, index) => (text.startsWith(`${expected[index]}: `) ? expected[index] : text)),
        expected,
      )
    })
  }

  it('have conditions that hold, or not, or nobody knows', () => {
    const conditions = ['True', 'Maybe'].map(status => ({ type: 'Available', status }))
    const object = { ...of(remote), status: { conditions } } as unknown as APIService
    assert.deepEqual(validateApiServiceStatus(object).map(fieldErrorText), [
      'status.conditions[1].status: Unsupported value: "Maybe": supported values: "True", "False", "Unknown"',
    ])
  })
})
