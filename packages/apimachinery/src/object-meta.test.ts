import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from './field-error.ts'
import type { ObjectMeta } from './generated/meta.ts'
import { checkPathSegmentName } from './names.ts'
import { carryOverMetadata, validateFieldManager, validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts'

const meta = (change: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name: 'web',
  namespace: 'default',
  uid: 'u1',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
  generation: 2,
  ...change,
})
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u9' }

test('metadata of new objects is checked', () => {
  const cases: [change: Partial<ObjectMeta>, expected: string[]][] = [
    [{}, []],
    [{ name: '' }, ['metadata.name: Required value: name or generateName is required']],
    [{ namespace: undefined }, ['metadata.namespace: Required value']],
    [{ namespace: 'a.b' }, ['metadata.namespace: Invalid value: "a.b": must not contain dots']],
    [{ generateName: 'web-' }, []],
    [{ generation: -1 }, ['metadata.generation: Invalid value: -1: must be greater than or equal to 0']],
    [
      { finalizers: ['orphan', 'foregroundDeletion'] },
      [
        'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
      ],
    ],
    [
      { ownerReferences: [{ ...owner, uid: '', kind: '' }] },
      [
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      ],
    ],
    [
      { ownerReferences: [{ ...owner, apiVersion: 'a/b/c' }] },
      ['metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty'],
    ],
    [
      {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: 'rs2', controller: true },
        ],
      },
      [
        `metadata.ownerReferences: Invalid value: ${JSON.stringify([
          { ...owner, controller: true },
          { ...owner, name: 'rs2', controller: true },
        ])}: Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/rs and ReplicaSet/rs2`,
      ],
    ],
    [
      { managedFields: [{ manager: 'x', operation: 'Foo' }] },
      ['metadata.managedFields[0].operation: Unsupported value: "Foo": supported values: "Apply", "Update"'],
    ],
  ]
  for (const [change, expected] of cases) {
    assert.deepEqual(validateObjectMeta(meta(change), { namespaced: true }).map(fieldErrorText), expected)
  }
})

test('names go by the rule of the kind, and cluster-scoped kinds have no namespace', () => {
  const rules = { namespaced: false, validateName: checkPathSegmentName }
  assert.deepEqual(validateObjectMeta(meta({ name: 'system:NODE', namespace: undefined }), rules), [])
  assert.deepEqual(validateObjectMeta(meta(), rules).map(fieldErrorText), [
    'metadata.namespace: Forbidden: not allowed on this type',
  ])
})

test('metadata that must stay is held fast', () => {
  const cases: [change: Partial<ObjectMeta>, old: Partial<ObjectMeta>, expected: string[]][] = [
    [{}, {}, []],
    [{ name: 'x' }, {}, ['metadata.name: Invalid value: "x": field is immutable']],
    [{ namespace: 'x' }, {}, ['metadata.namespace: Invalid value: "x": field is immutable']],
    [{ uid: 'x' }, {}, ['metadata.uid: Invalid value: "x": field is immutable']],
    [{ resourceVersion: '' }, {}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']],
    [{ generation: 1 }, {}, ['metadata.generation: Invalid value: 1: must not be decremented']],
    [
      { deletionTimestamp: '2026-01-02T00:00:00Z' },
      {},
      ['metadata.deletionTimestamp: Invalid value: "2026-01-02T00:00:00Z": field is immutable'],
    ],
    [
      { finalizers: ['b/x', 'a/x'], deletionTimestamp: '2026-01-02T00:00:00Z' },
      { deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: ['b/x'] },
      [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/x"}',
      ],
    ],
    [{ finalizers: ['a/x'] }, {}, []],
  ]
  for (const [change, old, expected] of cases) {
    assert.deepEqual(validateObjectMetaUpdate(meta(change), meta(old)).map(fieldErrorText), expected)
  }
})

test('what clients leave out is carried over', () => {
  const changed = meta({ uid: '', creationTimestamp: '1999-01-01T00:00:00Z' })
  const old = meta({ deletionTimestamp: '2026-01-02T00:00:00Z', deletionGracePeriodSeconds: 30 })
  carryOverMetadata(changed, old)
  assert.deepEqual(changed, old)
})

test('field managers are printable and short', () => {
  assert.deepEqual(validateFieldManager('kubectl-client side'), [])
  assert.deepEqual(validateFieldManager('a\u0007').map(fieldErrorText), [
    'fieldManager: Invalid value: "a\\a": invalid character U+0007 (at position 1)',
  ])
  assert.equal(validateFieldManager('x'.repeat(129))[0]?.body, 'Too long: may not be more than 128 bytes')
})
