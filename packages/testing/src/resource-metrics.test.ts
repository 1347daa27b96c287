/** `kubectl top` and an autoscaler, on what a kubelet says that is none, and on what annotations say. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Deployments, HorizontalPodAutoscalers, Nodes, Pods } from '@canopus/api'
import { SimulatedClock } from '@canopus/base'
import { startCluster, type TestCluster } from './start-cluster.ts'

const missing = spawnSync('kubectl', ['version', '--client']).error !== undefined

/** A kubelet for all nodes: every pod of namespace default uses 800 thousandths of a core and 64 MiB. */
async function startKubelet(
  cluster: () => TestCluster,
  clock: SimulatedClock,
): Promise<{ port: number; secure(): void; close(): void }> {
  const started = clock.now() - 30_000
  const server = createServer(async (_request, response) => {
    const pods = await cluster().client.resource(Pods).list({ namespace: 'default' })
    // With the time: under way the clock goes on.
    const now = clock.now()
    const elapsed = (now - started) / 1000
    const lines = pods.items.flatMap(({ metadata: { name } }) => {
      const labels = `{container="main",namespace="default",pod="${name}"}`
      return [
        `container_cpu_usage_seconds_total${labels} ${elapsed * 0.8} ${now}`,
        `container_memory_working_set_bytes${labels} ${64 * 2 ** 20} ${now}`,
        `container_start_time_seconds${labels} ${started / 1000}`,
      ]
    })
    const node = [
      `node_cpu_usage_seconds_total ${elapsed * 2} ${now}`,
      `node_memory_working_set_bytes ${8 * 2 ** 30} ${now}`,
    ]
    response.end(`${[...node, ...lines].join('\n')}\n`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    secure() {
      const { key, certificate: cert } = cluster().pki.apiserver
      server.setSecureContext({ key, cert })
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

test('kubectl top, and more pods where those that there are have too much to do', {
  skip: missing ? 'kubectl is not on the PATH' : false,
  timeout: 600_000,
}, async context => {
  // Connections are real: simulated seconds must not outrun them, and go slower the longer it takes.
  let turn = 10
  const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, turn))
  const clock = new SimulatedClock({ start: Date.now(), settle })
  let cluster: TestCluster
  const kubelet = await startKubelet(() => cluster, clock)
  context.after(() => kubelet.close())
  cluster = await startCluster({ clock, nodes: 1 })
  context.after(() => cluster.stop())
  kubelet.secure()
  const kubectl = (...args: string[]): Promise<string> =>
    new Promise((resolve, reject) =>
      execFile(
        'kubectl',
        ['--kubeconfig', cluster.kubeconfig, '--cache-dir', `${cluster.kubeconfig}.cache`, ...args],
        (error, out, err) => (error ? reject(new Error(err)) : resolve(out)),
      ),
    )
  const { client } = cluster
  const until = async (done: () => Promise<boolean>): Promise<void> => {
    for (let seconds = 0; seconds < 600; seconds += 1) {
      await clock.advance(1000)
      if (await done()) return
      if (seconds % 60 === 59) turn *= 1.5
    }
    assert.fail('it did not come about in ten minutes')
  }
  await until(async () => (await client.resource(Nodes).list()).items[0]?.status?.capacity !== undefined)
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
  }
  await client.resource(Nodes).patch('node-0', 'merge', { status }, { subresource: 'status' })
  const labels = { app: 'web' }
  await client.resource(Deployments).create({
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'main', image: 'i', resources: { requests: { cpu: '1' } } }] },
      },
    },
  })
  await kubectl('autoscale', 'deployment', 'web', '--cpu-percent=40', '--min=1', '--max=3')
  await until(async () => {
    const hpa = await client.resource(HorizontalPodAutoscalers).get('web', { namespace: 'default' })
    return hpa.status?.desiredReplicas === 2
  })
  assert.match(
    await kubectl('top', 'nodes'),
    /^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\) *\nnode-0 +2000m +6% +8192Mi +3% *\n$/,
  )
  assert.match(await kubectl('top', 'pods', '-l', 'app=web'), /\nweb-\S+ +800m +64Mi *\n/)
  assert.match(await kubectl('get', 'hpa', 'web'), /cpu: 80%\/40%/)
  assert.match(
    await kubectl('describe', 'hpa', 'web'),
    /SuccessfulRescale.*New size: 2; reason: cpu resource utilization/,
  )
})

test('kubectl top on simulated nodes: as annotations have it', {
  skip: missing ? 'kubectl is not on the PATH' : false,
  timeout: 600_000,
}, async context => {
  const clock = new SimulatedClock({ start: Date.now(), settle: () => new Promise(resolve => setTimeout(resolve, 1)) })
  const cluster = await startCluster({ clock, nodes: 1 })
  context.after(() => cluster.stop())
  const { client, kubeconfig } = cluster
  const annotations = { 'simulation.canopus/cpu': '800m', 'simulation.canopus/memory': '64Mi' }
  await client.resource(Pods).create({
    metadata: { name: 'web', namespace: 'default', annotations },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  })
  const top = (what: string): Promise<string> =>
    new Promise(resolve =>
      execFile('kubectl', ['--kubeconfig', kubeconfig, '--cache-dir', `${kubeconfig}.cache`, 'top', what], (_, out) =>
        resolve(out),
      ),
    )
  const told = async (what: string): Promise<string> => {
    for (let looks = 0; looks < 20; looks++) {
      const text = await top(what)
      if (text !== '') return text
      await clock.advance(15_000)
    }
    return 'nothing'
  }
  assert.match(await told('pods'), /\nweb +800m +64Mi *\n/)
  assert.match(await told('nodes'), /\nnode-0 +800m +2% +64Mi +0% *\n/)
})
