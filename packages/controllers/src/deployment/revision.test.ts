import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import { annotationsOf, latestRevision, REVISION, REVISION_HISTORY, revisionOf } from './revision.ts'

const withRevision = (revision: string): ReplicaSet =>
  ({ metadata: { name: 'a', annotations: { [REVISION]: revision } }, spec: {} }) as unknown as ReplicaSet

test('a revision is a number of 64 bits; what is none counts as 0', () => {
  const cases: [text: string, revision: bigint][] = [
    ['7', 7n],
    ['3546343826724305832', 3546343826724305832n],
    ['9223372036854775808', 0n],
    ['1.5', 0n],
    ['x', 0n],
    ['', 0n],
  ]
  for (const [text, revision] of cases) assert.equal(revisionOf(withRevision(text)), revision, text)
  assert.equal(revisionOf({ metadata: {} }), 0n)
})

test('what follows a revision beyond the exact numbers is the next one', () => {
  const latest = latestRevision([withRevision('2'), withRevision('3546343826724305832')])
  const deployment = { metadata: { name: 'd' } } as Deployment
  const annotations = annotationsOf(deployment, withRevision('2'), latest + 1n)
  assert.deepEqual(annotations, { [REVISION]: '3546343826724305833', [REVISION_HISTORY]: '2' })
})
