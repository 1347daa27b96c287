import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Deployments, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { SIMULATION_ANNOTATIONS } from './simulated-pod.ts'
import { type Simulation, startSimulation } from './simulation/start-simulation.ts'

const { cpu: CPU, memory: MEMORY, readyDelay } = SIMULATION_ANNOTATIONS

interface Figures {
  metadata: { name: string }
  usage?: unknown
  containers?: { name: string; usage: { cpu: string; memory: string } }[]
}

/** What the API says that nodes or pods use, by name. */
async function figures({ client, during }: Simulation, resource: 'nodes' | 'pods'): Promise<Map<string, unknown>> {
  const path = `/apis/metrics.k8s.io/v1beta1/${resource}`
  const response = await during(client.transport.send({ method: 'GET', path, headers: {} }))
  const { items } = JSON.parse(new TextDecoder().decode(await response.bytes())) as { items: Figures[] }
  const told = ({ usage, containers }: Figures): unknown =>
    usage ?? containers?.map(each => `${each.name} ${each.usage.cpu} ${each.usage.memory}`).join()
  return new Map(items.map(each => [each.metadata.name, told(each)]))
}

const pod = (name: string, annotations: Record<string, string>, containers = ['c']): Partial<Pod> => ({
  metadata: { name, namespace: 'default', annotations } as unknown as Pod['metadata'],
  spec: { containers: containers.map(each => ({ name: each, image: 'i' })) },
})

async function started(context: { after(work: () => unknown): void }): Promise<Simulation> {
  const simulation = await startSimulation({ seed: 1, nodes: 1 })
  context.after(() => simulation.stop())
  return simulation
}

describe('what pods use on simulated nodes', () => {
  it('is as their annotations have it, and their containers share it', async context => {
    const simulation = await started(context)
    const rows: [name: string, annotations: Record<string, string>, containers: string[], told: string | undefined][] =
      [
        ['both', { [CPU]: '250m', [MEMORY]: '64Mi' }, ['c'], 'c 250m 64Mi'],
        ['two', { [CPU]: '1', [MEMORY]: '1Ki' }, ['a', 'b'], 'a 500m 512,b 500m 512'],
        ['half', { [CPU]: '0.5' }, ['c'], 'c 500m 0'],
        ['wrong', { [CPU]: 'much', [MEMORY]: '1Mi' }, ['c'], 'c 0 1Mi'],
        ['less', { [CPU]: '-1' }, ['c'], 'c 0 0'],
        ['silent', {}, ['c'], undefined],
      ]
    const pods = simulation.client.resource(Pods)
    for (const [name, annotations, containers] of rows)
      await simulation.during(pods.create(pod(name, annotations, containers) as never))
    await simulation.advance(60_000)
    const told = await figures(simulation, 'pods')
    assert.deepEqual(
      rows.map(([name]) => [name, told.get(name)]),
      rows.map(([name, , , expected]) => [name, expected]),
    )
    const node = { cpu: '1750m', memory: `${65 * 1024 + 1}Ki` }
    assert.deepEqual((await figures(simulation, 'nodes')).get('node-0'), node)
    simulation.nodes.fail('node-0')
    await simulation.advance(15_000)
    assert.deepEqual([...(await figures(simulation, 'nodes'))], [])
    assert.deepEqual([...(await figures(simulation, 'pods'))], [])
  })

  it('is their share of what their deployment has to bear', async context => {
    const simulation = await started(context)
    const { client, during, advance } = simulation
    const deployments = client.resource(Deployments)
    const labels = { app: 'web' }
    await during(
      deployments.create({
        metadata: { name: 'web', namespace: 'default', annotations: { [CPU]: '3' } },
        spec: {
          replicas: 3,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels, annotations: { [MEMORY]: '8Mi', [readyDelay]: '30s' } },
            spec: { containers: [{ name: 'c', image: 'i' }] },
          },
        },
      }),
    )
    await advance(25_000)
    const told = async (): Promise<unknown[]> => [...(await figures(simulation, 'pods')).values()]
    assert.deepEqual(await told(), ['c 0 8Mi', 'c 0 8Mi', 'c 0 8Mi'], 'none is ready')
    await advance(60_000)
    assert.deepEqual(await told(), ['c 1 8Mi', 'c 1 8Mi', 'c 1 8Mi'])
    await during(deployments.patch('web', 'merge', { spec: { replicas: 2 } }, { namespace: 'default' }))
    await advance(45_000)
    assert.deepEqual(await told(), ['c 1500m 8Mi', 'c 1500m 8Mi'])
    const less = { metadata: { annotations: { [CPU]: '200m' } } }
    await during(deployments.patch('web', 'merge', less, { namespace: 'default' }))
    await advance(45_000)
    assert.deepEqual(await told(), ['c 100m 8Mi', 'c 100m 8Mi'])
  })
})
