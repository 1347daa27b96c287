/** What an update of `/status` does to metadata, of every kind that has a status. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apiVersionOf } from '@canopus/apimachinery'
import { builtInKinds } from '../index.ts'

/** Kinds whose status strategy upstream puts all of the old metadata back. */
const LEAVE_METADATA = [
  'admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  'apiregistration.k8s.io/v1/apiservices',
  'flowcontrol.apiserver.k8s.io/v1/flowschemas',
  'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
  'networking.k8s.io/v1/servicecidrs',
  'resource.k8s.io/v1/resourceclaims',
  'storage.k8s.io/v1/volumeattachments',
  'storagemigration.k8s.io/v1beta1/storageversionmigrations',
]

/** Those of others that are put back. */
const LEAVE_SOME: Readonly<Record<string, readonly string[]>> = {
  'apps/v1/deployments': ['labels'],
  'v1/pods': ['deletionTimestamp', 'ownerReferences'],
}

const FIELDS = ['labels', 'annotations', 'finalizers', 'ownerReferences', 'deletionTimestamp'] as const
const metadata = {
  labels: { a: 'b' },
  annotations: { a: 'b' },
  finalizers: ['a.b/c'],
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'a', uid: 'u' }],
  deletionTimestamp: '2020-01-01T00:00:00Z',
}

describe('an update of /status leaves of the metadata', () => {
  const kinds = builtInKinds.filter(({ type, storedAs }) => type.subresources.status && storedAs === undefined)
  for (const { type, strategy } of kinds) {
    const address = `${apiVersionOf(type)}/${type.plural}`
    const expected = LEAVE_METADATA.includes(address) ? FIELDS : (LEAVE_SOME[address] ?? [])
    it(`${address}: ${expected.join(', ') || 'nothing'}`, () => {
      const old = { metadata: { name: 'a', uid: 'u' }, spec: {}, status: {} }
      const object = structuredClone({ ...old, metadata: { ...old.metadata, ...metadata } })
      strategy.prepareForStatusUpdate?.(object as never, old as never, { now: '2026-01-01T00:00:00Z' })
      const left = FIELDS.filter(field => object.metadata[field] === undefined)
      assert.deepEqual(
        left,
        expected.length === FIELDS.length ? FIELDS : FIELDS.filter(each => expected.includes(each)),
      )
    })
  }
})
