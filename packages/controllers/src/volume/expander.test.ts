import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { PersistentVolumeClaims, PersistentVolumes } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim } from '@canopus/api/core/v1'
import { createWorld } from '../testing/world.ts'
import { createVolumeExpander, planExpansion } from './expander.ts'

const claimOf = (request: string, capacity: string, phase = 'Bound') =>
  ({
    metadata: { name: 'data', namespace: 'default', uid: 'c1' },
    spec: { volumeName: 'v', resources: { requests: { storage: request } } },
    status: { phase, capacity: { storage: capacity } },
  }) as unknown as PersistentVolumeClaim
const volumeOf = (uid: string | undefined) =>
  ({ metadata: { name: 'v' }, spec: uid ? { claimRef: { uid } } : {} }) as PersistentVolume

describe('planExpansion', () => {
  const cases: [what: string, claim: PersistentVolumeClaim, volume: PersistentVolume | undefined, expected: string][] =
    [
      ['a claim that has what it asks for', claimOf('1Gi', '1Gi'), volumeOf('c1'), 'nothing'],
      ['the same in other words', claimOf('1024Mi', '1Gi'), volumeOf('c1'), 'nothing'],
      ['a claim that has more', claimOf('1Gi', '2Gi'), volumeOf('c1'), 'nothing'],
      ['a claim that asks for more', claimOf('1500Mi', '1Gi'), volumeOf('c1'), 'tell'],
      ['a claim that is not bound', claimOf('2Gi', '1Gi', 'Pending'), volumeOf('c1'), 'nothing'],
      ['a claim that has lost its volume', claimOf('2Gi', '1Gi', 'Lost'), undefined, 'nothing'],
      ['a volume that has not been seen', claimOf('2Gi', '1Gi'), undefined, 'unbound'],
      ['a volume that is bound to another', claimOf('2Gi', '1Gi'), volumeOf('c2'), 'unbound'],
      ['a volume that is bound to nobody', claimOf('2Gi', '1Gi'), volumeOf(undefined), 'unbound'],
    ]
  for (const [what, claim, volume, expected] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(planExpansion(claim, volume), expected))
  }
})

test('a claim that grows is told of once, when its volume is its own', async () => {
  const world = createWorld()
  await world.start(createVolumeExpander(world.context))
  const { metadata, spec, status } = claimOf('1Gi', '1Gi')
  const claim = world.server.add(PersistentVolumeClaims, { metadata, spec, status: status! })
  world.server.add(PersistentVolumes, { metadata: { name: 'v' }, spec: { claimRef: { uid: 'another' } } })
  await world.settle()
  world.server.change(PersistentVolumeClaims, 'data', 'default', each => {
    each.spec.resources = { requests: { storage: '2Gi' } }
  })
  await world.settle()
  assert.deepEqual(world.events, [])
  world.server.change(PersistentVolumes, 'v', undefined, each => {
    each.spec.claimRef = { uid: claim.metadata.uid }
  })
  await world.settle(600_000)
  assert.deepEqual(world.events, ['ExternalExpanding waiting for an external controller to expand this PVC'])
  world.stop()
})
