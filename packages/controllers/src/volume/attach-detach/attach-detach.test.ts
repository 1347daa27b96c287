import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { CSIDrivers, Nodes, PersistentVolumeClaims, PersistentVolumes, Pods, VolumeAttachments } from '@canopus/api'
import { createWorld, type World } from '../../testing/world.ts'
import { claimOf, volumeOf } from '../binder/testing.ts'
import { createAttachDetachController } from './controller.ts'

let world: World
const MANAGED = { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' }
const NAME = 'kubernetes.io/csi/disks.example.com^h1'

beforeEach(async () => {
  world = createWorld()
  for (const name of ['a', 'b'])
    world.server.add(Nodes, { metadata: { name, annotations: MANAGED }, spec: {}, status: {} })
  await world.start(createAttachDetachController(world.context))
  addVolume(['ReadWriteOnce'])
})
afterEach(() => world.stop())

function addVolume(accessModes: string[]): void {
  const claim = world.server.add(PersistentVolumeClaims, claimOf({ volumeName: 'pv' }, { phase: 'Bound' }))
  const claimRef = { name: 'data', namespace: 'default', uid: claim.metadata.uid }
  const { hostPath: _, ...spec } = volumeOf('pv', { accessModes, claimRef }).spec
  world.server.add(PersistentVolumes, {
    metadata: { name: 'pv' },
    spec: { ...spec, csi: { driver: 'disks.example.com', volumeHandle: 'h1' } },
  })
}
const addPod = (name: string, nodeName: string) =>
  world.server.add(Pods, {
    metadata: { name, namespace: 'default' },
    spec: { nodeName, containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
    status: { phase: 'Running' },
  })
const attachments = () => world.server.list(VolumeAttachments)
/** What the driver's attacher does. */
const answer = (node: string) =>
  world.server.change(
    VolumeAttachments,
    attachments().find(each => each.spec.nodeName === node)!.metadata.name,
    undefined,
    each => {
      each.status = { attached: true }
    },
  )
const attachedTo = (node: string) =>
  world.server.get(Nodes, node)?.status?.volumesAttached?.map(each => each.name) ?? []
const use = (node: string, names: string[]) =>
  world.server.change(Nodes, node, undefined, each => {
    each.status = { ...each.status, volumesInUse: names }
  })

test('a volume is attached for its pod, the node and the pod are told, and it is detached once the node lets it go', async () => {
  addPod('web', 'a')
  await world.settle()
  const [attachment] = attachments()
  // sha256 of handle, driver and node, as kubelets compute it.
  assert.equal(attachment!.metadata.name, 'csi-3497800cdebda2255c83b3dd4e238a1221821efa6ff861e1987275ee247d7997')
  assert.deepEqual(attachment!.spec, {
    attacher: 'disks.example.com',
    nodeName: 'a',
    source: { persistentVolumeName: 'pv' },
  })
  assert.deepEqual(attachedTo('a'), [])
  answer('a')
  await world.settle()
  assert.deepEqual(attachedTo('a'), [NAME])
  const plugin = 'kubernetes.io/csi:disks.example.com'
  assert.deepEqual(world.figures(/^(attachdetach_controller|storage_count)_/), [
    `attachdetach_controller_total_volumes{plugin_name="${plugin}",state="desired_state_of_world"} 1`,
    `attachdetach_controller_total_volumes{plugin_name="${plugin}",state="actual_state_of_world"} 1`,
    `storage_count_attachable_volumes_in_use{node="a",volume_plugin="${plugin}"} 1`,
  ])
  assert.deepEqual(world.events, ['SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "pv" '])
  use('a', [NAME])
  world.server.remove(Pods, 'web', 'default')
  await world.settle(5_000)
  assert.equal(attachments().length, 1)
  assert.deepEqual(attachedTo('a'), [NAME])
  use('a', [])
  await world.settle()
  assert.deepEqual([attachments(), attachedTo('a')], [[], []])
})

test('a volume for one node waits until the other has let it go; pods are told once', async () => {
  addPod('one', 'a')
  await world.settle()
  answer('a')
  addPod('two', 'b')
  await world.settle(10_000)
  assert.equal(attachments().length, 1)
  assert.deepEqual(
    world.events.filter(each => each.startsWith('FailedAttachVolume')),
    [
      'FailedAttachVolume Multi-Attach error for volume "pv" Volume is already exclusively attached to one node and can\'t be attached to another',
    ],
  )
  world.server.remove(Pods, 'one', 'default')
  await world.settle(5_000)
  assert.deepEqual(
    attachments().map(each => each.spec.nodeName),
    ['b'],
  )
})

test('a node that is out of service has to let everything go', async () => {
  addPod('one', 'a')
  await world.settle()
  answer('a')
  use('a', [NAME])
  await world.settle()
  world.server.change(Nodes, 'a', undefined, each => {
    each.spec = { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] }
  })
  world.server.remove(Pods, 'one', 'default')
  await world.settle()
  assert.deepEqual(attachments(), [])
  const forced = 'attach_detach_controller_attachdetach_controller_forced_detaches'
  assert.deepEqual(world.figures(/_forced_detaches/), [`${forced}{reason="out-of-service"} 1`])
})

test('drivers that do not attach are left alone, volumes for many nodes are at many', async () => {
  world.server.change(PersistentVolumes, 'pv', undefined, each => {
    each.spec.accessModes = ['ReadWriteMany']
  })
  addPod('one', 'a')
  addPod('two', 'b')
  await world.settle()
  assert.equal(attachments().length, 2)
  world.server.remove(Pods, 'one', 'default')
  world.server.remove(Pods, 'two', 'default')
  await world.settle()
  assert.equal(attachments().length, 0)
  world.server.add(CSIDrivers, { metadata: { name: 'disks.example.com' }, spec: { attachRequired: false } })
  addPod('three', 'a')
  await world.settle()
  assert.equal(attachments().length, 0)
})

test('a node that is not healthy, or is gone, has six minutes to let a volume go', async () => {
  addPod('one', 'a')
  await world.settle()
  answer('a')
  use('a', [NAME])
  world.server.remove(Pods, 'one', 'default')
  await world.settle(5 * 60_000)
  assert.deepEqual([attachments().length, attachedTo('a')], [1, [NAME]])
  world.server.remove(Nodes, 'a')
  await world.settle(50_000)
  assert.equal(attachments().length, 1)
  await world.settle(20_000)
  assert.equal(attachments().length, 0)
  const forced = 'attach_detach_controller_attachdetach_controller_forced_detaches'
  assert.deepEqual(world.figures(/_forced_detaches/), [`${forced}{reason="timeout"} 1`])
})
