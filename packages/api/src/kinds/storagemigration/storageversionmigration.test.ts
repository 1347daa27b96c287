import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { StorageVersionMigration } from '../../generated/storagemigration.v1beta1.ts'
import { testCreate, testUpdate } from '../../testing/validation-table.ts'
import { StorageVersionMigrationKind } from './storageversionmigration.ts'
import { validateMigrationStatusUpdate } from './validation.ts'

const migration = {
  metadata: { name: 'm' },
  spec: { resource: { group: 'stable.example.com', resource: 'crontabs' } },
} as unknown as StorageVersionMigration

const DNS_LABEL =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

testCreate(StorageVersionMigrationKind, migration, [
  { name: 'as it should be', change: () => {}, errors: [] },
  {
    name: 'of the core group',
    change: ({ spec }) => {
      spec.resource = { group: '', resource: 'secrets' }
    },
    errors: [],
  },
  {
    name: 'of nothing',
    change: ({ spec }) => {
      spec.resource = { group: '', resource: '' }
    },
    errors: ['spec.resource.resource: Required value: resource is required to be set'],
  },
  {
    name: 'of a subresource of no group',
    change: ({ spec }) => {
      spec.resource = { group: 'Apps', resource: 'pods/status' }
    },
    errors: [
      `spec.resource.resource: Invalid value: "pods/status": ${DNS_LABEL}`,
      "spec.resource.group: Invalid value: \"Apps\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
  },
])

testUpdate(StorageVersionMigrationKind, migration, [
  {
    name: 'of another resource',
    change: ({ spec }) => {
      spec.resource.resource = 'others'
    },
    errors: [
      'spec: Invalid value: {"resource":{"group":"stable.example.com","resource":"others"}}: field is immutable',
    ],
  },
])

type Status = NonNullable<StorageVersionMigration['status']>
const condition = (type: string, status = 'True') => ({
  type,
  status,
  reason: 'R',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})
const conditions = (...types: string[]): Status => ({ conditions: types.map(type => condition(type)) })
const AT = 'status.conditions'

const statuses: readonly [string, Status, Status, readonly string[]][] = [
  ['runs', {}, conditions('Running'), []],
  ['learns where it begins', {}, { resourceVersion: '12' }, []],
  ['a version that is none', {}, { resourceVersion: '0' }, ['status.resourceVersion: 0']],
  [
    'another version',
    { resourceVersion: '1' },
    { resourceVersion: '2' },
    ['status.resourceVersion: field is immutable'],
  ],
  [
    'both at once',
    {},
    conditions('Succeeded', 'Failed'),
    [`${AT}: Both success and failed conditions cannot be true at the same time`],
  ],
  [
    'success taken back',
    conditions('Succeeded'),
    {},
    [`${AT}: Success condition cannot be set to false once it is true`],
  ],
  ['failure taken back', conditions('Failed'), {}, [`${AT}: Failed condition cannot be set to false once it is true`]],
  [
    'a condition without a time',
    {},
    { conditions: [{ ...condition('Running'), lastTransitionTime: '' }] },
    [`${AT}[0].lastTransitionTime: Required value`],
  ],
]
for (const [name, old, status, errors] of statuses) {
  it(`status of a migration: ${name}`, () => {
    const found = validateMigrationStatusUpdate({ ...migration, status }, { ...migration, status: old })
    const told = found.map(({ field, body }) => `${field}: ${body.split(': ').at(-1)}`)
    assert.deepEqual(told, errors)
  })
}

it('the columns of a migration tell what it is about and its last state', () => {
  const cells = (status: Status): unknown[] =>
    StorageVersionMigrationKind.columns.map(column => column.value({ ...migration, status }, 0))
  assert.deepEqual(cells({}), ['m', 'crontabs.stable.example.com', 'Unknown'])
  assert.deepEqual(cells(conditions('Running', 'Succeeded')).at(-1), 'Succeeded')
  assert.deepEqual(cells({ conditions: [condition('Running', 'False'), condition('Failed')] }).at(-1), 'Failed')
})
