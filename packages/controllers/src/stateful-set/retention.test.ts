import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StatefulSet } from '@canopus/api/apps/v1'
import type { PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import { claimOwners, isStale } from './retention.ts'

const KINDS = { set: 'apps/v1 StatefulSet', pod: 'v1 Pod', other: 'v1 ConfigMap' }
/** `kind name uid`, with `!` behind a controller. */
const reference = (text: string) => {
  const [kind, name, uid] = text.replace('!', '').split(' ') as [keyof typeof KINDS, string, string]
  const [apiVersion, ofKind] = KINDS[kind].split(' ')
  const controller = text.endsWith('!') ? { controller: true, blockOwnerDeletion: true } : {}
  return { apiVersion: apiVersion!, kind: ofKind!, name, uid, ...controller }
}
const setOf = (whenScaled: string, whenDeleted: string) =>
  ({
    metadata: { name: 'db', uid: 's1' },
    spec: { persistentVolumeClaimRetentionPolicy: { whenScaled, whenDeleted } },
  }) as StatefulSet
const pod = { metadata: { name: 'db-1', uid: 'p1' } } as Pod
const claimOf = (...owners: string[]) =>
  ({ metadata: { name: 'data-db-1', ownerReferences: owners.map(reference) } }) as unknown as PersistentVolumeClaim

const [KEEP, GO] = ['Retain', 'Delete']
const [SET, POD, OTHER] = ['set db s1!', 'pod db-1 p1!', 'other c c1!']

describe('whose a claim should be', () => {
  type Case = [
    what: string,
    policy: [whenScaled: string, whenDeleted: string],
    surplus: boolean,
    owners: string[],
    wanted: string[] | 'as they are',
    conflict?: true,
  ]
  const cases: Case[] = [
    ['nobody is to own it', [KEEP!, KEEP!], false, [], 'as they are'],
    ['the policy was changed to keep it', [KEEP!, KEEP!], false, [SET!, 'other x x1'], ['other x x1']],
    ['it goes with the set', [KEEP!, GO!], false, [], [SET!]],
    ['it goes with the set though the pod goes', [KEEP!, GO!], true, [SET!], 'as they are'],
    ['it goes with the pod when the set shrinks', [GO!, KEEP!], true, [], [POD!]],
    ['the set does not shrink', [GO!, KEEP!], false, [], 'as they are'],
    ['the set has grown again', [GO!, KEEP!], false, [POD!], []],
    ['from the set to the pod', [GO!, GO!], true, [SET!], [POD!]],
    ['from the pod back to the set', [GO!, GO!], false, [POD!], [SET!]],
    ['an owner that does not control', [KEEP!, GO!], false, ['set db s1'], [SET!]],
    ['owners beside them stay', [KEEP!, GO!], false, ['other x x1'], ['other x x1', SET!]],
    ['somebody else controls it', [KEEP!, GO!], false, [OTHER!], 'as they are', true],
    ['somebody else controls it as well', [KEEP!, GO!], false, [OTHER!, SET!], [OTHER!], true],
    ['somebody else controls it, and nobody minds', [KEEP!, KEEP!], false, [OTHER!], 'as they are'],
    ['a former set of that name', [KEEP!, GO!], false, ['set db s0!'], 'as they are', true],
    ['a former pod of that name', [GO!, GO!], true, ['pod db-1 p0!'], 'as they are', true],
  ]
  for (const [what, [whenScaled, whenDeleted], surplus, owners, wanted, conflict = false] of cases) {
    it(what, () => {
      assert.deepEqual(claimOwners(setOf(whenScaled, whenDeleted), pod, surplus, claimOf(...owners)), {
        wanted: wanted === 'as they are' ? undefined : wanted.map(reference),
        hasConflict: conflict,
      })
    })
  }
})

describe('a claim of a former pod', () => {
  const cases: [what: string, whenScaled: string, owners: string[], stale: boolean][] = [
    ['goes with it', GO!, ['pod db-1 p0!'], true],
    ['stays where claims stay', KEEP!, ['pod db-1 p0!'], false],
    ['is this pod’s own', GO!, [POD!], false],
    ['is another pod’s', GO!, ['pod db-2 p0!'], false],
    ['is the set’s', GO!, [SET!], false],
  ]
  for (const [what, whenScaled, owners, stale] of cases) {
    it(what, () => assert.equal(isStale(setOf(whenScaled, KEEP!), pod, claimOf(...owners)), stale))
  }
})
