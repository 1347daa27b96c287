/** Controllers on the real API server, where a fake one would not tell whether what they write is taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Deployments,
  Nodes,
  Pods,
  ResourceClaims,
  ResourceClaimTemplates,
  Services,
  ValidatingAdmissionPolicies,
} from '@canopus/api'
import type { KubeObject, ResourceType } from '@canopus/apimachinery'
import { createLocalCloud } from '@canopus/controllers'
import { startCluster, type TestCluster } from './start-cluster.ts'

/** Watches objects of a kind until one satisfies the condition. */
async function until<T extends KubeObject>(
  { client }: TestCluster,
  type: ResourceType<T>,
  condition: (object: T, gone: boolean) => boolean,
): Promise<T> {
  const abort = new AbortController()
  for await (const event of client.resource(type).watch({
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
    signal: abort.signal,
  })) {
    if (event.type === 'BOOKMARK' || !condition(event.object, event.type === 'DELETED')) continue
    abort.abort()
    return event.object
  }
  throw new Error('the watch ended')
}

const TTL = 'node.alpha.kubernetes.io/ttl'

test('controllers write what the API server takes', { timeout: 60_000 }, async context => {
  const cluster = await startCluster({ listen: false, nodes: 1, cloud: createLocalCloud })
  context.after(() => cluster.stop())
  const { client } = cluster
  await context.test('the types of a policy are checked', async () => {
    await client.resource(ValidatingAdmissionPolicies).create({
      metadata: { name: 'p' },
      spec: {
        matchConstraints: {
          resourceRules: [
            { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] },
          ],
        },
        validations: [{ expression: 'object.spec.replicaz > 1' }],
      },
    })
    const { status } = await until(cluster, ValidatingAdmissionPolicies, each => each.status?.observedGeneration === 1)
    const [warning] = status?.typeChecking?.expressionWarnings ?? []
    assert.equal(warning?.fieldRef, 'spec.validations[0].expression')
    assert.match(warning?.warning ?? '', /undefined field 'replicaz'/)
  })
  await context.test('the revision of a deployment is noted without counting as a change', async () => {
    const labels = { app: 'web' }
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    const spec = { selector: { matchLabels: labels }, template }
    await client.resource(Deployments).create({ metadata: { name: 'web', namespace: 'default' }, spec })
    const revision = 'deployment.kubernetes.io/revision'
    const ready = await until(cluster, Deployments, each => each.status?.readyReplicas === 1)
    assert.deepEqual([ready.metadata.annotations?.[revision], ready.metadata.generation], ['1', 1])
    await client.resource(Deployments).delete('web', { namespace: 'default' })
  })
  await context.test('claims are made for a pod and go with it', async () => {
    const devices = { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] }
    await client.resource(ResourceClaimTemplates).create({
      metadata: { name: 't', namespace: 'default' },
      spec: { spec: { devices } },
    })
    await client.resource(Pods).create({
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        containers: [{ name: 'c', image: 'i' }],
        resourceClaims: ['one', 'two'].map(name => ({ name, resourceClaimTemplateName: 't' })),
        schedulingGates: [{ name: 'example.com/wait' }],
      },
    })
    const pod = await until(cluster, Pods, each => (each.status?.resourceClaimStatuses ?? []).length === 2)
    assert.deepEqual(pod.status?.resourceClaimStatuses?.map(each => each.name).sort(), ['one', 'two'])
    // They may go before the pod does, which is marked first.
    const gone = until(cluster, ResourceClaims, (each, gone) => gone && each.metadata.name.startsWith('p-'))
    await client.resource(Pods).delete('p', { namespace: 'default' })
    await gone
  })
  await context.test('a balancer gets its address and its finalizer in one subresource', async () => {
    await until(cluster, Nodes, each => (each.status?.addresses ?? []).length > 0)
    await client.resource(Services).create({
      metadata: { name: 'web', namespace: 'default' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    })
    const service = await until(cluster, Services, each => (each.status?.loadBalancer?.ingress ?? []).length > 0)
    assert.deepEqual(service.metadata.finalizers, ['service.kubernetes.io/load-balancer-cleanup'])
    const gone = until(cluster, Services, (each, gone) => gone && each.metadata.name === 'web')
    await client.resource(Services).delete('web', { namespace: 'default' })
    await gone
  })
  await context.test('nodes are told how long they may rely on what they read', async () => {
    const { metadata } = await until(cluster, Nodes, each => TTL in (each.metadata.annotations ?? {}))
    assert.equal(metadata.annotations?.[TTL], '0')
  })
})
