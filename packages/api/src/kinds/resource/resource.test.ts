import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../../generated/resource.v1.ts'
import { created, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { ResourceClaimKind } from './resourceclaim.ts'
import { ResourceClaimTemplateKind } from './resourceclaimtemplate.ts'
import { ResourceSliceKind } from './resourceslice.ts'

const metadata = { name: 'a', namespace: 'default' }
const claim = {
  metadata,
  spec: { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } },
} as unknown as ResourceClaim

testCreate(ResourceClaimKind, claim, [
  {
    name: 'request for nothing',
    change: object => {
      object.spec.devices.requests = [{ name: 'gpu' }]
    },
    errors: ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
  },
  {
    name: 'a count of all',
    change: object => {
      object.spec.devices.requests![0]!.exactly = { deviceClassName: 'a', allocationMode: 'All', count: 2 }
    },
    errors: [
      "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
    ],
  },
])

testUpdate(ResourceClaimKind, claim, [
  {
    name: 'requests',
    change: object => {
      object.spec = { devices: {} }
    },
    errors: ['spec: Invalid value: {"Devices":{"Requests":null,"Constraints":null,"Config":null}}: field is immutable'],
  },
])

const classless = (status: object, old: object = {}, deleted = false): string[] => {
  const before = { ...created(ResourceClaimKind, claim), status: old } as ResourceClaim
  const now = structuredClone(before)
  now.status = status as ResourceClaim['status'] & object
  if (deleted) now.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
  return ResourceClaimKind.strategy.validateStatusUpdate!(now, before).map(fieldErrorText)
}

const result = { request: 'gpu', driver: 'gpu.example.com', pool: 'n1', device: 'gpu-0' }
const allocation = { devices: { results: [result] } }
const pod = { resource: 'pods', name: 'p', uid: 'u' }

test('ResourceClaim status: a device for somebody', () => {
  assert.deepEqual(classless({ allocation, reservedFor: [pod] }), [])
  assert.deepEqual(classless({ reservedFor: [pod] }), [
    'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
  ])
  assert.deepEqual(classless({ allocation, reservedFor: [pod] }, { allocation }, true), [
    'status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
  ])
  const other = { ...result, request: 'cpu' }
  assert.deepEqual(classless({ allocation: { devices: { results: [other] } } }), [
    `status.allocation.devices.results[0].request: Invalid value: "cpu": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
  ])
})

test('ResourceClaim status: a device that was not given', () => {
  const { request: _request, ...device } = result
  assert.deepEqual(classless({ allocation, devices: [{ ...device, device: 'gpu-1' }] }, { allocation }), [
    'status.devices[0]: Invalid value: {"Driver":"gpu.example.com","Pool":"n1","Device":"gpu-1","ShareID":""}: must be an allocated device in the claim',
  ])
})

const shares: readonly [string, string][] = [
  ['X', 'error validating uid: invalid UUID length: 1'],
  ['6f9619ff-8b86-4d01-b42d-00cf4fc964fx', 'error validating uid: invalid UUID format'],
  ['urn:oops:6f9619ff-8b86-4d01-b42d-00cf4fc964ff', 'error validating uid: invalid urn prefix: "urn:oops:"'],
  ['(6f9619ff-8b86-4d01-b42d-00cf4fc964ff)', 'error validating uid: invalid bracketed UUID format'],
  [
    '6F9619FF-8b86-4d01-b42d-00cf4fc964ff',
    'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters',
  ],
]
for (const [shareID, problem] of shares) {
  test(`ResourceClaim status: the share ${shareID}`, () => {
    assert.deepEqual(classless({ allocation: { devices: { results: [{ ...result, shareID }] } } }), [
      `status.allocation.devices.results[0].shareID: Invalid value: ${JSON.stringify(shareID)}: ${problem}`,
    ])
  })
}

const template = { metadata, spec: { spec: claim.spec } } as unknown as ResourceClaimTemplate

testCreate(ResourceClaimTemplateKind, template, [
  {
    name: 'names for claims',
    change: object => {
      object.spec.metadata = { name: 'a', uid: 'u', labels: { 'a!': 'b' }, finalizers: [] } as never
    },
    errors: [
      `spec.metadata.labels: Invalid value: "a!": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'spec.metadata.name: Forbidden: cannot be set',
      'spec.metadata.uID: Forbidden: cannot be set',
      'spec.metadata.finalizers: Forbidden: cannot be set',
    ],
  },
])

const slice = {
  metadata: { name: 's' },
  spec: { driver: 'gpu.example.com', pool: { name: 'n1', generation: 1, resourceSliceCount: 1 }, nodeName: 'n1' },
} as unknown as ResourceSlice

testCreate(ResourceSliceKind, slice, [
  {
    name: 'devices that cannot be',
    change: object => {
      object.spec.devices = [
        {
          name: 'gpu-0',
          attributes: { 'a/b': { int: 1, bool: true }, version: { version: '1' } },
          capacity: { memory: { value: '1Gi', requestPolicy: { default: '1Mi', validRange: { min: '1Mi' } } } },
          taints: [{ key: 'a', effect: 'Never' }],
          bindingConditions: ['a'],
        },
        { name: 'gpu-0', allowMultipleAllocations: true, nodeName: 'n1' },
      ] as never
    },
    errors: [
      'spec.devices[0].attributes[a/b]: Invalid value: {"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified',
      'spec.devices[0].attributes[version].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
      'spec.devices[0].capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true',
      'spec.devices[0].taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
      'spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions',
      'spec.devices[1]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
      'spec.devices[1]: Duplicate value: "gpu-0"',
    ],
  },
  {
    name: 'amounts that do not fit',
    change: object => {
      object.spec.devices = [
        {
          name: 'gpu-0',
          allowMultipleAllocations: true,
          capacity: {
            memory: {
              value: '8Mi',
              requestPolicy: { default: '3Mi', validRange: { min: '1Mi', max: '16Mi', step: '4Mi' } },
            },
          },
        },
      ]
    },
    errors: [
      'spec.devices[0].capacity[memory].requestPolicy.validRange.max: Invalid value: "16Mi": max is larger than capacity value: 8Mi',
      'spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: "3Mi": value is not a multiple of a given step (4Mi) from (1Mi)',
      'spec.devices[0].capacity[memory].requestPolicy.validRange.step: Invalid value: "16Mi": value is not a multiple of a given step (4Mi) from (1Mi)',
    ],
  },
  {
    name: 'amounts of nothing',
    change: object => {
      object.spec.devices = [
        {
          name: 'gpu-0',
          allowMultipleAllocations: true,
          capacity: { memory: { requestPolicy: { default: '1Mi', validValues: ['1Mi', '1024Ki'] } } as never },
        },
      ]
    },
    errors: [
      'spec.devices[0].capacity[memory].requestPolicy.validValues[0]: Invalid value: "1Mi": option is larger than capacity value: 0',
      'spec.devices[0].capacity[memory].requestPolicy.validValues[1]: Invalid value: "1024Ki": option is larger than capacity value: 0',
      'spec.devices[0].capacity[memory].requestPolicy.validValues[1]: Duplicate value: "1048576"',
    ],
  },
  {
    name: 'names that are none',
    change: object => {
      object.spec.devices = [{ name: 'gpu-0', attributes: { '/a': { int: 1 } } }]
    },
    errors: ['spec.devices[0].attributes: Invalid value: "": the domain must not be empty'],
  },
  {
    name: 'nowhere',
    change: object => {
      delete object.spec.nodeName
    },
    errors: [
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
    ],
  },
])
