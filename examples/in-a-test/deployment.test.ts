/** How to test against a whole cluster: it is up in a fraction of a second, and gone when the test is. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Deployments, Pods } from '@canopus/api'
import { startCluster, type TestCluster } from '@canopus/testing'

let cluster: TestCluster
before(async () => {
  cluster = await startCluster({ nodes: 2 })
})
after(() => cluster.stop())

it('scales a deployment', async () => {
  const deployments = cluster.client.resource(Deployments)
  const labels = { app: 'web' }
  await deployments.create({
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
    },
  })
  for await (const { object } of deployments.watch({ namespace: 'default' }))
    if (object.status?.readyReplicas === 3) break
  await deployments.patch('web', 'merge', { spec: { replicas: 1 } }, { namespace: 'default' })
  for await (const { object } of deployments.watch({ namespace: 'default' })) if (object.status?.replicas === 1) break
  const { items } = await cluster.client.resource(Pods).list({ namespace: 'default', labelSelector: 'app=web' })
  assert.equal(items.filter(pod => !pod.metadata.deletionTimestamp).length, 1)
})
