import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Nodes } from '@canopus/api'
import type { Node, NodeCondition } from '@canopus/api/core/v1'
import { SimulatedClock } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { startTimeOf } from '@canopus/platform'
import { withDefaults } from './changes.ts'
import { newConfig } from './config.ts'
import { CONTROL_PLANE_LABEL, markControlPlane, whyNotReady } from './node-ready.ts'
import { startedAt } from './processes.ts'

const START = Date.parse('2026-01-01T10:00:00.700Z')
const reporting = (change: Partial<NodeCondition>): Node => {
  const ready = { type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T10:00:01Z', ...change }
  return { status: { conditions: [ready] } } as unknown as Node
}

const cases: [string, Node | undefined, number | undefined, string | undefined][] = [
  ['not there', undefined, START, 'not registered yet'],
  ['not ready', reporting({ status: 'False', message: 'no network' }), START, 'no network'],
  ['ready', reporting({}), START, undefined],
  [
    'ready in the second in which the kubelet started',
    reporting({ lastHeartbeatTime: '2026-01-01T10:00:00Z' }),
    START,
    undefined,
  ],
  [
    'ready by the word of the one before',
    reporting({ lastHeartbeatTime: '2026-01-01T09:59:59Z' }),
    START,
    'its kubelet has not reported yet',
  ],
  ['ready, and nobody there any more', reporting({}), undefined, 'its kubelet does not run yet'],
]
describe('a node', () => {
  for (const [name, node, start, expected] of cases) it(name, () => assert.equal(whyNotReady(node, start), expected))

  it('is the control plane’s where it is the first, without a taint', async () => {
    const config = newConfig(withDefaults({ name: 'c', mirrors: [], nodes: 2 }), { root: '/home', run: '/run' }, 3)
    const server = createFakeServer({ clock: new SimulatedClock() })
    for (const name of ['c', 'c-2']) server.add<Node>(Nodes, { metadata: { name }, spec: {} })
    const client = createClient(server)
    await markControlPlane(client, config)
    await markControlPlane(client, config)
    const labels = server.list(Nodes).map(node => node.metadata.labels?.[CONTROL_PLANE_LABEL])
    assert.deepEqual(labels, ['', undefined])
    assert.equal(server.list(Nodes)[0]?.spec.taints, undefined)
    assert.equal(server.requests.filter(request => request.method === 'PATCH').length, 1)
  })
})

it('knows when a process started', () => {
  assert.equal(startedAt({ pid: 1, startTime: '250' }, 'cpu 1 2\nbtime 1000\nprocesses 5\n'), 1_002_500)
  const own = startedAt({ pid: process.pid, startTime: startTimeOf(process.pid)! })
  const age = Date.now() - own
  // The process is older than what its program counts: a busy machine takes a while to begin with it.
  assert.ok(age >= 0 && age < process.uptime() * 1000 + 60_000, `${age}`)
})
