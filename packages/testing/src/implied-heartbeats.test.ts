import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Deployments, Leases, Nodes } from '@canopus/api'
import type { Node, Pod } from '@canopus/api/core/v1'
import type { HistoryRecord } from './simulation/history.ts'
import { type Simulation, startSimulation } from './simulation/start-simulation.ts'

const TOLERATION = {
  key: 'node.kubernetes.io/unreachable',
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 20,
}
const labels = { app: 'web' }
const WEB = {
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 6,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [{ name: 'main', image: 'example' }],
        tolerations: [TOLERATION],
      },
    },
  },
}

type Course = (simulation: Simulation) => Promise<void>

async function play(heartbeats: 'written' | 'implied', course: Course): Promise<readonly HistoryRecord[]> {
  const simulation = await startSimulation({ seed: 5, nodes: 5, heartbeats, keepHistory: true })
  try {
    await simulation.during(simulation.client.resource(Deployments).create(WEB as never))
    await simulation.advance(33_000)
    await course(simulation)
  } finally {
    await simulation.stop()
  }
  return simulation.history.records
}

const parse = <T>(record: HistoryRecord): T => JSON.parse(new TextDecoder().decode(record.value)) as T
const lineOf = ({ at, type, key, value }: HistoryRecord): string =>
  `${at} ${type} ${key} ${new TextDecoder().decode(value)}`
const isLease = ({ key }: HistoryRecord): boolean => key.includes('/leases/')
const statesOf = (conditions: readonly { type: string; status: string }[] = []): string =>
  conditions.map(({ type, status }) => `${type}=${status}`).join()

/** What happened to nodes and pods, and when: conditions, taints, evictions. */
function fates(records: readonly HistoryRecord[]): string[] {
  return records.flatMap(record => {
    const told = `${record.at} ${record.type} ${record.key}`
    if (record.key.startsWith('/registry/minions/')) {
      const { spec, status } = parse<Node>(record)
      const taints = (spec.taints ?? []).map(({ key, effect, timeAdded }) => `${key}:${effect}@${timeAdded}`)
      return [`${told} ${statesOf(status?.conditions)} ${taints}`]
    }
    if (!record.key.startsWith('/registry/pods/')) return []
    const { metadata, spec, status } = parse<Pod>(record)
    return [`${told} ${spec.nodeName} ${status?.phase} ${statesOf(status?.conditions)} ${metadata.deletionTimestamp}`]
  })
}

const COURSES: Record<string, Course> = {
  'a node dies and comes back': async ({ nodes, advance }) => {
    nodes.fail('node-1')
    await advance(150_000)
    nodes.restore('node-1')
    await advance(100_000)
  },
  'it is away for less than the grace period, again and again': async ({ nodes, advance }) => {
    for (const away of [9_000, 44_000, 48_000, 52_000, 57_000]) {
      nodes.fail('node-2')
      await advance(away)
      nodes.restore('node-2')
      await advance(23_000)
    }
  },
  'most of them die together': async ({ nodes, advance }) => {
    for (const name of ['node-0', 'node-1', 'node-2', 'node-3']) nodes.fail(name)
    await advance(100_000)
    nodes.restore('node-2')
    await advance(60_000)
    nodes.restore('node-0')
    await advance(60_000)
  },
  'the API server is away for a while, and a node dies meanwhile': async ({ nodes, advance, restart }) => {
    restart('api-server', 64_000)
    await advance(20_000)
    nodes.fail('node-3')
    await advance(150_000)
  },
  'the API server is away for a moment': async ({ nodes, advance, restart }) => {
    restart('api-server', 2000)
    await advance(31_000)
    nodes.fail('node-3')
    await advance(100_000)
  },
  'the disk is full': async ({ advance, controlPlane }) => {
    controlPlane.disk.full = true
    await advance(47_000)
    controlPlane.disk.full = false
    await advance(30_000)
    controlPlane.disk.full = true
    await advance(80_000)
    controlPlane.disk.full = false
    await advance(80_000)
  },
  "the nodes' clock is put forward and back": async ({ nodes, advance, controlPlane }) => {
    controlPlane.clocks.nodes.offset = 40_000
    await advance(25_000)
    controlPlane.clocks.nodes.offset = -30_000
    await advance(120_000)
    nodes.fail('node-4')
    await advance(150_000)
  },
  'the controllers start anew, with a clock that is wrong, while a node is dead': async simulation => {
    const { nodes, advance, restart, controlPlane } = simulation
    controlPlane.clocks['controller-manager'].offset = -25_000
    nodes.fail('node-0')
    await advance(36_000)
    restart('controller-manager', 3000)
    await advance(120_000)
    nodes.restart('node-1')
    await advance(30_000)
  },
  'a lease is deleted while the controllers are away, and a node dies later': async simulation => {
    const { client, during, nodes, advance, restart } = simulation
    restart('controller-manager', 25_000)
    await advance(12_000)
    await during(client.resource(Leases).delete('node-1', { namespace: 'kube-node-lease' }))
    await advance(100_000)
    nodes.fail('node-3')
    await advance(100_000)
  },
  'requests may fail by chance for a time': async ({ nodes, advance, faults }) => {
    const before = faults.rates
    // Too seldom to come to pass, so that both have the same luck.
    faults.rates = { ...before, slow: 1e-12 }
    await advance(35_000)
    nodes.fail('node-2')
    faults.rates = before
    await advance(120_000)
  },
}

/**
 * Watches that a new API server finds too old begin anew, after a pause by chance. Where fewer versions have passed since, fewer
 * of them are too old: from then on the same things happen, but not at the same moments.
 */
const UNTIL: Record<string, number> = { 'the API server is away for a while, and a node dies meanwhile': 100_500 }

describe('implied heartbeats', () => {
  for (const [name, course] of Object.entries(COURSES)) {
    it(`change nothing but leases: ${name}`, async () => {
      const [written, implied] = [await play('written', course), await play('implied', course)]
      const until = UNTIL[name] ?? Number.POSITIVE_INFINITY
      const known = (records: readonly HistoryRecord[]): string[] => fates(records.filter(({ at }) => at < until))
      assert.deepEqual(known(implied), known(written))
      const given = known(written).filter(line => line.includes('Ready=Unknown') || line.includes('False'))
      assert.ok(given.length > 0, 'something happened to somebody')
      const counts = [written, implied].map(records => records.filter(isLease).length)
      assert.ok(counts[1]! < counts[0]!, `${counts}`)
    })
  }

  it('give the same history for the same seed, byte for byte', async () => {
    const course: Course = async ({ nodes, advance }) => {
      nodes.fail('node-1')
      await advance(90_000)
    }
    const [once, again] = [await play('implied', course), await play('implied', course)]
    assert.ok(once.length > 50)
    assert.deepEqual(again.map(lineOf), once.map(lineOf))
  })

  for (const heartbeats of ['written', 'implied'] as const) {
    it(`leave no lease of a node that is deleted, also while the controllers are away: ${heartbeats}`, async () => {
      const records = await play(heartbeats, async ({ client, during, advance, restart }) => {
        await during(client.resource(Nodes).delete('node-1'))
        restart('controller-manager', 20_000)
        await advance(10_000)
        await during(client.resource(Nodes).delete('node-2'))
        await advance(60_000)
      })
      const left = new Set<string>()
      for (const { key, type } of records.filter(isLease)) {
        if (type === 'delete') left.delete(key)
        else left.add(key)
      }
      const names = [...left].filter(key => key.includes('kube-node-lease')).map(key => key.split('/').at(-1))
      assert.deepEqual(names, ['node-0', 'node-3', 'node-4'])
    })
  }

  it('are written again where somebody has deleted the lease, and imply the following', async () => {
    const records = await play('implied', async ({ client, during, advance }) => {
      await during(client.resource(Leases).delete('node-1', { namespace: 'kube-node-lease' }))
      await advance(120_000)
    })
    const isOurs = ({ key }: HistoryRecord): boolean => key === '/registry/leases/kube-node-lease/node-1'
    const ours = records.filter(isOurs)
    const gone = ours.findIndex(({ type }) => type === 'delete')
    const after = ours.slice(gone + 1)
    assert.ok(gone > 0 && after.length >= 1 && after.length <= 2, `${ours.map(({ at, type }) => `${at} ${type}`)}`)
    assert.ok(after[0]!.at - ours[gone]!.at <= 20_000)
    assert.deepEqual(
      fates(records).filter(line => line.includes('Ready=Unknown')),
      [],
    )
  })
})
