import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, PersistentVolume } from '@canopus/api/core/v1'
import type { VolumeAttachment } from '@canopus/api/storage/v1'
import { attachmentName } from './attachment-name.ts'
import { MAX_WAIT_FOR_UNMOUNT, planNode, uniqueNameOf } from './plan.ts'

const metadataOf = (name: string) => ({ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '' })
const volume: PersistentVolume = {
  metadata: metadataOf('pv'),
  spec: { csi: { driver: 'disks.example.com', volumeHandle: 'h1' } },
}
const attachment: VolumeAttachment = {
  metadata: metadataOf(attachmentName('h1', 'disks.example.com', 'a')),
  spec: { attacher: 'disks.example.com', nodeName: 'a', source: { persistentVolumeName: 'pv' } },
  status: { attached: true },
}
const nodeOf = (ready: string, inUse = true, tainted = false): Node => ({
  metadata: metadataOf('a'),
  spec: tainted ? { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } : {},
  status: {
    conditions: [{ type: 'Ready', status: ready }],
    ...(inUse ? { volumesInUse: [uniqueNameOf(volume)] } : {}),
  },
})
const AT_LAST = MAX_WAIT_FOR_UNMOUNT + 1

const table: [what: string, node: Node | undefined, waited: number, disabled: boolean, expected: string][] = [
  ['healthy, still mounted', nodeOf('True'), AT_LAST, false, 'waits'],
  ['healthy, unmounted', nodeOf('True', false), 0, false, 'detached'],
  // What is safe is told of as forced all the same once the time is over.
  ['healthy, unmounted late', nodeOf('True', false), AT_LAST, false, 'timeout'],
  ['not healthy, still mounted', nodeOf('Unknown'), 0, false, 'waits'],
  ['not healthy, at the last moment', nodeOf('False'), MAX_WAIT_FOR_UNMOUNT, false, 'waits'],
  ['not healthy, too late', nodeOf('Unknown'), AT_LAST, false, 'timeout'],
  ['not healthy, too late, but never forced', nodeOf('Unknown'), AT_LAST, true, 'waits'],
  ['not healthy, unmounted', nodeOf('False', false), 0, false, 'detached'],
  ['out of service', nodeOf('Unknown', true, true), 0, false, 'out-of-service'],
  ['out of service, says that it is healthy', nodeOf('True', true, true), 0, false, 'out-of-service'],
  ['out of service, never forced by time', nodeOf('Unknown', true, true), AT_LAST, true, 'out-of-service'],
  ['out of service, too late', nodeOf('Unknown', true, true), AT_LAST, false, 'timeout'],
  ['gone', undefined, MAX_WAIT_FOR_UNMOUNT, false, 'waits'],
  ['gone, too late', undefined, AT_LAST, false, 'timeout'],
]

for (const [what, node, waited, disableForceDetachOnTimeout, expected] of table) {
  test(`a volume that nobody wants at its node: ${what}`, () => {
    const plan = planNode({
      node,
      wanted: [],
      attachments: [attachment],
      elsewhere: () => [],
      needsAttaching: () => true,
      volume: () => volume,
      waited: () => waited,
      disableForceDetachOnTimeout,
    })
    const [detached] = plan.detach
    assert.equal(detached ? (detached.forced ?? 'detached') : 'waits', expected)
    // The node is told only of what is not about to go.
    const isTold = node !== undefined && expected === 'waits'
    assert.deepEqual(plan.attached, isTold ? [{ name: uniqueNameOf(volume), devicePath: '' }] : [])
    assert.equal(plan.waiting.length, expected === 'waits' ? 1 : 0)
  })
}

test('what somebody wrote for a node and a volume that are not there is left alone', () => {
  const plan = planNode({
    node: undefined,
    wanted: [],
    attachments: [attachment],
    elsewhere: () => [],
    needsAttaching: () => true,
    volume: () => undefined,
    waited: () => AT_LAST,
  })
  assert.deepEqual(plan.detach, [])
})

const named = (name: string): VolumeAttachment => ({ ...attachment, metadata: metadataOf(name) })
const owners: [what: string, each: VolumeAttachment, known: PersistentVolume | undefined, detached: boolean][] = [
  ['named after volume, driver and node', attachment, volume, true],
  ['of a volume that has gone', attachment, undefined, true],
  ['named by somebody else', named('mine'), volume, false],
  ['named by somebody else, of a volume that nobody knows', named('mine'), undefined, false],
  ['named after another volume', named(attachmentName('h2', 'disks.example.com', 'a')), volume, false],
]
for (const [what, each, known, detached] of owners) {
  test(`an attachment that nobody wants is taken away only where the controller would have made it: ${what}`, () => {
    const plan = planNode({
      node: nodeOf('True', false),
      wanted: [],
      attachments: [each],
      elsewhere: () => [],
      needsAttaching: () => true,
      volume: () => known,
      waited: () => 0,
    })
    assert.equal(plan.detach.length === 1, detached)
  })
}

test('a volume that somebody else has written an attachment for is attached all the same', () => {
  const wanted = [{ volume, pods: [] }]
  const facts = { node: nodeOf('True'), wanted, elsewhere: () => [], needsAttaching: () => true, waited: () => 0 }
  const plan = planNode({ ...facts, attachments: [named('mine')], volume: () => volume })
  assert.deepEqual([plan.attach, plan.attached], [wanted, []])
})

test('a node that is gone gets nothing new', () => {
  const plan = planNode({
    node: undefined,
    wanted: [{ volume, pods: [] }],
    attachments: [],
    elsewhere: () => [],
    needsAttaching: () => true,
    volume: () => volume,
    waited: () => 0,
  })
  assert.deepEqual([plan.attach, plan.blocked], [[], []])
})
