import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, type ObjectMeta } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { builtInKinds } from './index.ts'
import { changedMetadataErrors, newMetadataErrors } from './metadata-checks.ts'

const kindOf = (address: string): Kind => builtInKinds.find(({ type }) => `${type.group}/${type.plural}` === address)!
const metadata = (more: object, namespace?: string): ObjectMeta =>
  ({ name: 'a', resourceVersion: '1', ...(namespace !== undefined && { namespace }), ...more }) as ObjectMeta

const NAME = 'name is neither a standard finalizer name nor is it fully qualified'
const FINDING = `metadata.finalizers[0]: Invalid value: "x": ${NAME}`

/** Where finalizers without a domain have to be Kubernetes' own; and how often a label is told of that is none. */
const rows: readonly [string, boolean, number][] = [
  ['/configmaps', true, 4],
  ['/events', false, 2],
  ['/limitranges', true, 3],
  ['/services', true, 3],
  ['apps/deployments', true, 3],
  ['batch/jobs', true, 4],
  ['coordination.k8s.io/leases', false, 3],
  ['node.k8s.io/runtimeclasses', false, 4],
  ['policy/poddisruptionbudgets', false, 2],
  ['rbac.authorization.k8s.io/clusterroles', true, 4],
]
for (const [address, named, looks] of rows) {
  const kind = kindOf(address)
  const namespace = kind.type.namespaced ? 'default' : undefined

  test(`${address}: finalizers of new objects`, () => {
    const errors = newMetadataErrors(kind, metadata({ finalizers: ['x', 'orphan', 'example.com/x'] }, namespace))
    assert.deepEqual(errors.map(fieldErrorText), named ? [FINDING] : [])
  })

  test(`${address}: a label of a changed object is told of ${looks} times`, () => {
    const errors = changedMetadataErrors(kind, '', metadata({ labels: { a: '!' } }, namespace), metadata({}, namespace))
    assert.equal(errors.length, looks)
    assert.equal(new Set(errors.map(fieldErrorText)).size, 1)
    assert.deepEqual(changedMetadataErrors(kind, '', metadata({}, namespace), metadata({}, namespace)), [])
  })
}

test('status of cron jobs is looked at by the common code alone', () => {
  const labels = { a: '!' }
  const errors = changedMetadataErrors(kindOf('batch/cronjobs'), 'status', metadata({ labels }, 'b'), metadata({}, 'b'))
  assert.equal(errors.length, 2)
})
