import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigMaps, Deployments, Nodes, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { Logger } from '@canopus/base'
import type { Controller, ControllerContext } from '@canopus/operator'
import { type FaultRates, NO_FAULTS, SOME_FAULTS } from './faults.ts'
import { type Simulation, type SimulationOptions, startSimulation } from './start-simulation.ts'

async function simulation(
  options: SimulationOptions,
  work: (simulation: Simulation) => Promise<void>,
): Promise<Simulation> {
  const running = await startSimulation(options)
  try {
    await work(running)
  } finally {
    await running.stop()
  }
  return running
}

const DECODER = new TextDecoder()
const labels = { app: 'web' }
const web = (replicas: number, annotations: Record<string, string> = {}) => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: { metadata: { labels, annotations }, spec: { containers: [{ name: 'main', image: 'example' }] } },
  },
})

async function readyReplicas({ client }: Simulation): Promise<number> {
  return (await client.resource(Deployments).get('web', { namespace: 'default' })).status?.readyReplicas ?? 0
}

/** Writes into what its informer shows it. */
const labelling = ({ informers }: ControllerContext): Controller => {
  const mark = ({ metadata }: Pod): void => {
    metadata.labels ??= {}
    metadata.labels.seen = 'yes'
  }
  informers.informer(Pods).addHandler({ added: mark })
  return { name: 'labelling', run: async () => {} }
}

describe('startSimulation', () => {
  it('gives the same history for the same seed, byte for byte, and another for another', async () => {
    const faults = { ...SOME_FAULTS, conflict: 0.2, lostAnswer: 0.1 }
    const run = (seed: number) =>
      simulation({ seed, faults, keepHistory: true }, async running => {
        await running.during(
          running.client.resource(Deployments).create(web(5, { 'simulation.canopus/start-delay': '3s' })),
        )
        const { nodes, restart, advance, controlPlane } = running
        nodes.fail('node-1')
        restart('scheduler', 4000)
        controlPlane.clocks['controller-manager'].offset = 20_000
        controlPlane.clocks.nodes.offset = -20_000
        await advance(30_000)
        restart('controller-manager', 3000)
        controlPlane.disk.full = true
        await advance(10_000)
        controlPlane.disk.full = false
        restart('api-server', 5000)
        nodes.restart('node-0')
        nodes.restore('node-1')
        await advance(80_000)
      })
    const [first, second, other] = [await run(7), await run(7), await run(8)]
    const text = ({ history }: Simulation): string[] =>
      history.records.map(({ at, type, key, value }) => `${at} ${type} ${key} ${new TextDecoder().decode(value)}`)
    assert.deepEqual(text(first), text(second))
    assert.equal(first.history.digest(), second.history.digest())
    assert.notEqual(first.history.digest(), other.history.digest())
    assert.ok(first.history.length > 200)
    const kinds = Object.keys(SOME_FAULTS).filter(kind => SOME_FAULTS[kind as keyof FaultRates] > 0)
    const missing = kinds.filter(kind => first.faults.counts[kind] === undefined)
    assert.deepEqual(missing, [], 'every kind of mishap came to pass')
  })

  it('shares objects between components, none of which changes them', async () => {
    const mistakes: unknown[] = []
    const note = (_message: string, facts: Readonly<Record<string, unknown>> = {}): void => {
      if (facts.error instanceof TypeError) mistakes.push(facts.error.stack)
    }
    const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger }
    await simulation({ seed: 4, nodes: 2, frozen: true, logger }, async running => {
      await running.client.resource(Deployments).create(web(4))
      await running.until(async () => (await readyReplicas(running)) === 4)
      running.nodes.fail('node-0')
      await running.advance(400_000)
      await running.until(async () => (await readyReplicas(running)) === 4)
      await running.during(running.client.resource(Deployments).delete('web', { namespace: 'default' }))
      running.nodes.restore('node-0')
      await running.until(async () => (await running.client.resource(Pods).list()).items.length === 0)
    })
    assert.deepEqual(mistakes, [])
  })

  it('tells of a component that changes an object which it shares', async () => {
    for (const frozen of [true, false]) {
      const mistakes: string[] = []
      const note = (_message: string, facts: Readonly<Record<string, unknown>> = {}): void => {
        if (facts.error instanceof TypeError) mistakes.push(facts.error.message)
      }
      const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger }
      const extra = (as: (name: string) => ControllerContext): Controller[] => [labelling(as('labelling'))]
      await simulation({ seed: 5, nodes: 1, frozen, logger, controllers: { extra } }, async running => {
        await running.client.resource(Deployments).create(web(1))
        await running.until(async () => (await readyReplicas(running)) === 1)
      })
      if (frozen) assert.match(mistakes.join(), /not extensible|read only/)
      else assert.deepEqual(mistakes, [])
    }
  })

  it('tells how long things take in simulated time', async () => {
    await simulation({ seed: 1, nodes: 2 }, async running => {
      await running.advance(1000)
      await running.client.resource(Deployments).create(web(4, { 'simulation.canopus/start-delay': '42s' }))
      const took = await running.until(async () => (await readyReplicas(running)) === 4)
      assert.ok(took >= 42_000 && took < 43_000, `${took}`)
      await assert.rejects(
        running.until(() => false, 5000),
        /did not hold within 5 s of simulated time/,
      )
    })
  })

  it('moves pods off a node that dies, and takes it back when it returns', async () => {
    await simulation({ seed: 2, nodes: 2 }, async running => {
      await running.client.resource(Deployments).create(web(4))
      await running.until(async () => (await readyReplicas(running)) === 4)
      running.nodes.fail('node-0')
      const nodes = running.client.resource(Nodes)
      const isTainted = async (): Promise<boolean> =>
        ((await nodes.get('node-0')).spec?.taints ?? []).some(taint => taint.effect === 'NoExecute')
      await running.until(isTainted)
      // Five minutes of toleration, then their replacements are on the other node.
      const took = await running.until(async () => (await readyReplicas(running)) === 4, 900_000)
      assert.ok(took > 200_000 && took < 400_000, `${took}`)
      running.nodes.restore('node-0')
      await running.until(async () => !(await isTainted()))
      const { items } = await running.client.resource(Pods).list({ namespace: 'default' })
      assert.ok(items.every(pod => pod.metadata.deletionTimestamp !== undefined || pod.spec.nodeName === 'node-1'))
    })
  })

  it('tells one end of a pod, also where its node starts anew before it hears that the end is known', async () => {
    const said = new Map<string, Set<string>>()
    await simulation({ seed: 6, nodes: 1 }, async running => {
      running.history.listen(({ key, value }) => {
        const phase =
          key.startsWith('/registry/pods/') && value && /"phase":"(Succeeded|Failed)"/.exec(DECODER.decode(value))
        if (!phase) return
        const before = said.get(key)
        if (before === undefined) running.clock.setTimer(10, () => running.nodes.restart('node-0'))
        said.set(key, (before ?? new Set()).add(phase[1]!))
      })
      const annotations = { 'simulation.canopus/run-for': '10s', 'simulation.canopus/failure-chance': '0.5' }
      for (let i = 0; i < 10; i++) {
        await running.client.resource(Pods).create({
          metadata: { name: `task-${i}`, namespace: 'default', annotations },
          spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example' }] },
        })
      }
      await running.advance(5000)
      running.faults.rates = { ...NO_FAULTS, watchDelay: 1 }
      await running.advance(30_000)
    })
    const ends = [...said.values()].map(each => [...each].join())
    assert.deepEqual([...new Set(ends)].sort(), ['Failed', 'Succeeded'])
    assert.equal(ends.length, 10)
  })

  it('goes on after its API server was killed, and refuses writes while the disk is full', async () => {
    await simulation({ seed: 3, nodes: 1 }, async running => {
      const { client, controlPlane } = running
      const create = (name: string) =>
        client.resource(ConfigMaps).create({ metadata: { name, namespace: 'default' }, data: {} })
      await create('before')
      running.restart('api-server', 2000)
      await assert.rejects(create('meanwhile'), /connection refused/)
      await running.until(() => controlPlane.serving)
      controlPlane.disk.full = true
      await assert.rejects(create('full'), /disk is full/)
      controlPlane.disk.full = false
      await create('after')
      const { items } = await client.resource(ConfigMaps).list({ namespace: 'default' })
      const ours = items.map(each => each.metadata.name).filter(name => name !== 'kube-root-ca.crt')
      assert.deepEqual(ours, ['after', 'before'])
      await client.resource(Deployments).create(web(2))
      await running.until(async () => (await readyReplicas(running)) === 2)
    })
  })
})
