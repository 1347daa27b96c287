import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pods, ResourceClaims, ResourceSlices } from '@canopus/api'
import type { DeviceTaint, DeviceToleration } from '@canopus/api/resource/v1'
import { formatTime } from '@canopus/apimachinery'
import { createWorld, type World } from '../testing/world.ts'
import { createDeviceTaintEvictionController, deviceEvictionTime } from './device-taint-eviction.ts'

const NOW = 1_700_000_000_000
const taint = (more: Partial<DeviceTaint> = {}): DeviceTaint => ({
  key: 'k',
  effect: 'NoExecute',
  timeAdded: formatTime(NOW - 10_000),
  ...more,
})
const exists: DeviceToleration = { key: 'k', operator: 'Exists' }

const table: [string, DeviceTaint[], DeviceToleration[], number | undefined][] = [
  ['no taints', [], [], undefined],
  ['not tolerated', [taint()], [], NOW],
  ['tolerated', [taint()], [exists], undefined],
  ['for a while, from the taint on', [taint()], [{ ...exists, tolerationSeconds: 30 }], NOW + 20_000],
  ['another effect', [taint({ effect: 'NoSchedule' })], [], undefined],
  [
    'the soonest of several',
    [taint(), taint({ key: 'l' })],
    [{ operator: 'Exists', tolerationSeconds: 60 }],
    NOW + 50_000,
  ],
]
for (const [name, taints, tolerations, expected] of table) {
  test(`device taints: ${name}`, () => assert.equal(deviceEvictionTime({ tolerations }, taints, NOW), expected))
}

async function scene(tolerations: DeviceToleration[]): Promise<World> {
  const world = createWorld()
  const resourceClaims = [{ name: 'gpu', resourceClaimName: 'c' }]
  const pod = world.server.add(Pods, {
    metadata: { name: 'p', namespace: 'x' },
    spec: { containers: [], nodeName: 'n', resourceClaims },
    status: { phase: 'Running' },
  })
  const result = { request: 'r', driver: 'd', pool: 'pool', device: 'gpu-0', tolerations }
  world.server.add(ResourceClaims, {
    metadata: { name: 'c', namespace: 'x' },
    spec: { devices: {} },
    status: {
      allocation: { devices: { results: [result] } },
      reservedFor: [{ resource: 'pods', name: 'p', uid: pod.metadata.uid }],
    },
  })
  world.server.add(ResourceSlices, {
    metadata: { name: 's' },
    spec: {
      driver: 'd',
      nodeName: 'n',
      pool: { name: 'pool', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'gpu-0' }],
    },
  })
  await world.start(createDeviceTaintEvictionController(world.context))
  await world.settle()
  return world
}

const isLeaving = (world: World): boolean => {
  const pod = world.server.get(Pods, 'p', 'x')
  return pod === undefined || pod.metadata.deletionTimestamp !== undefined
}
const setTaints = (world: World, taints: DeviceTaint[]): unknown =>
  world.server.change(ResourceSlices, 's', undefined, slice => {
    slice.spec.devices![0]!.taints = taints
  })

test('a pod leaves a device that is tainted', async () => {
  const world = await scene([])
  assert.equal(isLeaving(world), false)
  setTaints(world, [taint()])
  await world.settle()
  assert.equal(isLeaving(world), true)
  assert.deepEqual(world.events, ['DeviceTaintManagerEviction Marking for deletion'])
  world.stop()
})

test('a taint that goes in time cancels', async () => {
  const world = await scene([{ ...exists, tolerationSeconds: 30 }])
  setTaints(world, [taint({ timeAdded: formatTime(world.clock.now()) })])
  await world.settle(20_000)
  setTaints(world, [])
  await world.settle(20_000)
  assert.equal(isLeaving(world), false)
  assert.deepEqual(world.events, ['DeviceTaintManagerEviction Cancelling deletion'])
  setTaints(world, [taint({ timeAdded: formatTime(world.clock.now()) })])
  await world.settle(31_000)
  assert.equal(isLeaving(world), true)
  world.stop()
})
