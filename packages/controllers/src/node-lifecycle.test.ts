import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Leases, Nodes, Pods } from '@canopus/api'
import type { Node, Pod, Taint, Toleration } from '@canopus/api/core/v1'
import { formatMicroTime } from '@canopus/apimachinery'
import { createClient } from '@canopus/client'
import {
  createNodeLifecycleController,
  createTaintEvictionController,
  desiredTaints,
  tolerationTime,
} from './node-lifecycle.ts'
import { createWorld } from './testing/world.ts'

const NOW = '2026-01-01T00:00:00Z'
const meta = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: NOW })
const node = (ready: string, spec: Node['spec'] = {}): Node => ({
  metadata: meta('n'),
  spec,
  status: { conditions: [{ type: 'Ready', status: ready }] },
})
const keys = (taints: readonly Taint[]): string[] =>
  taints.map(taint => `${taint.key.split('/').at(-1)}:${taint.effect}`)

describe('desiredTaints', () => {
  const cases: [string, Node, string[]][] = [
    ['ready', node('True'), []],
    ['not ready', node('False'), ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['lost', node('Unknown'), ['unreachable:NoSchedule', 'unreachable:NoExecute']],
    ['cordoned', node('True', { unschedulable: true }), ['unschedulable:NoSchedule']],
    [
      'back again, with a taint of somebody else',
      node('True', {
        taints: [
          { key: 'mine', effect: 'NoSchedule' },
          { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
        ],
      }),
      ['mine:NoSchedule'],
    ],
  ]
  for (const [name, each, expected] of cases) it(name, () => assert.deepEqual(keys(desiredTaints(each, NOW)), expected))
})

describe('tolerationTime', () => {
  const taint: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }
  const cases: [string, Toleration[], number | 'forever'][] = [
    ['none', [], 0],
    ['for a while', [{ key: taint.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }], 300_000],
    ['forever', [{ operator: 'Exists' }], 'forever'],
    [
      'the shortest counts',
      [{ operator: 'Exists' }, { key: taint.key, operator: 'Exists', tolerationSeconds: 5 }],
      5_000,
    ],
    ['another effect', [{ key: taint.key, operator: 'Exists', effect: 'NoSchedule' }], 0],
  ]
  for (const [name, tolerations, expected] of cases) {
    it(name, () =>
      assert.equal(
        tolerationTime({ metadata: meta('p'), spec: { containers: [], tolerations } } as Pod, [taint]),
        expected,
      ),
    )
  }
})

describe('a node that stops sending heartbeats', () => {
  it('becomes Unknown, is tainted, and loses its pods when their time is over', async () => {
    const world = createWorld()
    const client = createClient(world.server)
    await client
      .resource(Nodes)
      .create({ metadata: { name: 'n' }, spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] } })
    await client.resource(Leases).create({
      metadata: { name: 'n', namespace: 'kube-node-lease' },
      spec: { holderIdentity: 'n', renewTime: formatMicroTime(world.clock.now()) },
    })
    const tolerations = [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ]
    await client
      .resource(Pods)
      .create({ metadata: { name: 'p', namespace: 'default' }, spec: { nodeName: 'n', containers: [], tolerations } })
    await world.start(createNodeLifecycleController(world.context), createTaintEvictionController(world.context))
    await world.settle(45_000)
    assert.deepEqual((await client.resource(Nodes).get('n')).spec.taints ?? [], [])
    await world.settle(10_000)
    const lost = await client.resource(Nodes).get('n')
    assert.equal(lost.status?.conditions?.[0]?.status, 'Unknown')
    assert.deepEqual(keys(lost.spec.taints ?? []), ['unreachable:NoSchedule', 'unreachable:NoExecute'])
    const pods = async (): Promise<number> =>
      (await client.resource(Pods).list()).items.filter(pod => !pod.metadata.deletionTimestamp).length
    await world.settle(280_000)
    assert.equal(await pods(), 1)
    await world.settle(30_000)
    assert.equal(await pods(), 0)
    world.stop()
  })
})
