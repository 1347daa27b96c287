/** Runs the plugin in a whole cluster, by the configuration beside it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, it } from 'node:test'
import { Nodes, Pods } from '@canopus/api'
import { readConfiguration } from '@canopus/scheduler'
import { startCluster, type TestCluster } from '@canopus/testing'
import cheapNodes from './cheap-nodes.ts'

let cluster: TestCluster
before(async () => {
  const configuration = readConfiguration(JSON.parse(readFileSync(`${import.meta.dirname}/scheduler.json`, 'utf8')))
  const scheduler = { configuration, factories: { CheapNodes: () => cheapNodes } }
  cluster = await startCluster({ nodes: 3, listen: false, scheduler })
  // Nodes are tainted until they have been seen ready.
  const missing = new Set(['node-0', 'node-1', 'node-2'])
  const prices: Record<string, string> = { 'node-0': '30', 'node-1': '10', 'node-2': '20' }
  for await (const { object } of cluster.client.resource(Nodes).watch()) {
    const { name, labels } = object.metadata
    if ((object.spec?.taints ?? []).length === 0 && labels?.['example.com/price'] !== undefined) missing.delete(name)
    if (missing.size === 0) break
    if (labels?.['example.com/price'] !== undefined) continue
    const patch = { metadata: { labels: { 'example.com/price': prices[name] } } }
    await cluster.client.resource(Nodes).patch(name, 'merge', patch)
  }
})
after(() => cluster.stop())

async function create(name: string, annotations: Record<string, string> = {}): Promise<void> {
  await cluster.client.resource(Pods).create({
    metadata: { name, namespace: 'default', annotations },
    spec: { schedulerName: 'cheap', containers: [{ name: 'c', image: 'nginx' }] },
  })
}

it('takes the cheapest node', async () => {
  await create('p')
  for await (const { object } of cluster.client.resource(Pods).watch({ namespace: 'default' })) {
    if (object.metadata.name !== 'p' || !object.spec?.nodeName) continue
    assert.equal(object.spec.nodeName, 'node-1')
    return
  }
})

it('keeps pods off nodes that are too dear, and says so', async () => {
  await create('poor', { 'example.com/most': '5' })
  for await (const { object } of cluster.client.resource(Pods).watch({ namespace: 'default' })) {
    const condition = object.status?.conditions?.find(each => each.type === 'PodScheduled')
    if (object.metadata.name !== 'poor' || condition === undefined) continue
    assert.match(condition.message!, /^0\/3 nodes are available: 3 node\(s\) were too dear\./)
    return
  }
})
