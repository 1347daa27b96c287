import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PersistentVolumeClaims, VolumeAttributesClasses } from '@canopus/api'
import { createWorld } from '../testing/world.ts'
import { createAttributesClassProtectionController } from './attributes-class-protection.ts'
import { claimOf } from './binder/testing.ts'

test('a class of attributes stays until the last claim that names it is gone', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  await world.start(createAttributesClassProtectionController(world.context))
  const classes = world.context.client.resource(VolumeAttributesClasses)
  await classes.create({ metadata: { name: 'gold' }, driverName: 'example.com/disks' })
  world.server.add(PersistentVolumeClaims, claimOf({ volumeAttributesClassName: 'gold' }))
  await world.settle()
  assert.deepEqual(world.server.get(VolumeAttributesClasses, 'gold')?.metadata.finalizers, [
    'kubernetes.io/vac-protection',
  ])
  await classes.delete('gold')
  await world.settle()
  assert.ok(world.server.get(VolumeAttributesClasses, 'gold'))
  world.server.remove(PersistentVolumeClaims, 'data', 'default')
  await world.settle()
  assert.equal(world.server.get(VolumeAttributesClasses, 'gold'), undefined)
})
