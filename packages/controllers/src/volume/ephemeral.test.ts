import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PersistentVolumeClaims, Pods } from '@canopus/api'
import { createWorld } from '../testing/world.ts'
import { createEphemeralVolumeController } from './ephemeral.ts'

test('a pod gets the claims of its own spec, unless one of that name is in the way', async () => {
  const world = createWorld()
  await world.start(createEphemeralVolumeController(world.context))
  const add = (name: string) =>
    world.server.add(Pods, {
      metadata: { name, namespace: 'default' },
      spec: {
        containers: [],
        volumes: [
          {
            name: 'scratch',
            ephemeral: {
              volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'] } },
            },
          },
        ],
      },
    })
  const claim = (name: string) => world.server.get(PersistentVolumeClaims, name, 'default')
  add('p')
  await world.settle()
  assert.equal(claim('p-scratch')?.metadata.labels?.a, 'b')
  assert.deepEqual(claim('p-scratch')?.spec?.accessModes, ['ReadWriteOnce'])
  assert.equal(claim('p-scratch')?.metadata.ownerReferences?.[0]?.name, 'p')
  assert.deepEqual(world.figures(/^ephemeral_volume_controller/), [
    'ephemeral_volume_controller_create_failures_total 0',
    'ephemeral_volume_controller_create_total 1',
  ])
  world.server.add(PersistentVolumeClaims, { metadata: { name: 'q-scratch', namespace: 'default' }, spec: {} })
  add('q')
  await world.settle()
  assert.equal(claim('q-scratch')?.metadata.ownerReferences, undefined)
  const text = 'PVC default/q-scratch was not created for pod default/q (pod is not owner)'
  assert.ok(world.events.includes(`FailedBinding ephemeral volume scratch: ${text}`))
  world.server.remove(PersistentVolumeClaims, 'q-scratch', 'default')
  await world.settle()
  assert.equal(claim('q-scratch')?.metadata.ownerReferences?.[0]?.name, 'q')
  world.stop()
})
