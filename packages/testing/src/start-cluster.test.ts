import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import {
  ConfigMaps,
  Deployments,
  Jobs,
  Namespaces,
  Nodes,
  Pods,
  Services,
  ValidatingWebhookConfigurations,
} from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { isConditionTrue, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import { createClient } from '@canopus/client'
import { createKubeconfigTransport } from '@canopus/host'
import { startCluster, type TestCluster } from './start-cluster.ts'

interface Asked {
  uid: string
  operation: string
  name: string
}

/** Watches objects of a kind until one has this name and satisfies the condition. */
async function until<T extends KubeObject>(
  cluster: TestCluster,
  type: ResourceType<T>,
  name: string,
  condition: (object: T) => boolean,
): Promise<T> {
  const abort = new AbortController()
  const watch = cluster.client.resource(type).watch({
    ...(type.namespaced ? { namespace: 'default' } : {}),
    fieldSelector: `metadata.name=${name}`,
    signal: abort.signal,
  })
  for await (const { type: kind, object } of watch) {
    if (kind === 'BOOKMARK' || !condition(object)) continue
    abort.abort()
    return object
  }
  throw new Error(`the watch of ${name} ended`)
}

const template = (labels: Record<string, string>, restartPolicy = 'Always') => ({
  metadata: { labels },
  spec: { restartPolicy, containers: [{ name: 'main', image: 'example' }] },
})

describe('startCluster', { timeout: 60_000 }, () => {
  it('leaves nothing behind when an error ends the process before it is stopped', async () => {
    const module = new URL('./start-cluster.ts', import.meta.url).href
    const script = `const { startCluster } = await import(${JSON.stringify(module)})
      process.stdout.write((await startCluster()).kubeconfig)
      setTimeout(() => { throw new Error('a test went wrong') })`
    const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
    const failed = await promisify(execFile)(process.execPath, args).then(
      () => assert.fail('the program did not fail'),
      (error: { stdout: string; stderr: string }) => error,
    )
    assert.match(failed.stderr, /a test went wrong/)
    assert.match(failed.stdout, /canopus-cluster-/)
    assert.ok(!existsSync(dirname(failed.stdout)))
  })

  it('gives an API that other programs reach, and leaves nothing behind', async () => {
    const cluster = await startCluster()
    const transport = createKubeconfigTransport(cluster.kubeconfig)
    const outside = createClient(transport)
    await outside
      .resource(ConfigMaps)
      .create({ metadata: { name: 'made-outside', namespace: 'default' }, data: { a: 'b' } })
    const inside = await cluster.client.resource(ConfigMaps).get('made-outside', { namespace: 'default' })
    assert.deepEqual(inside.data, { a: 'b' })
    const service = await outside.resource(Services).get('kubernetes', { namespace: 'default' })
    assert.equal(service.spec?.clusterIP, '10.96.0.1')
    await cluster.stop()
    assert.equal(existsSync(cluster.kubeconfig), false)
    await assert.rejects(outside.resource(ConfigMaps).list())
    transport.close()
  })

  it('asks webhooks without a network', async context => {
    const asked: string[] = []
    const cluster = await startCluster({
      listen: false,
      webhooks: {
        async call({ service }, review) {
          const { apiVersion, kind, request } = review as { apiVersion: string; kind: string; request: Asked }
          asked.push(`${service?.name} ${request.operation} ${request.name}`)
          const allowed = request.name !== 'bad'
          return { apiVersion, kind, response: { uid: request.uid, allowed, status: { message: 'bad name' } } }
        },
        close() {},
      },
    })
    context.after(() => cluster.stop())
    const configMaps = cluster.client.resource(ConfigMaps)
    await cluster.client.resource(ValidatingWebhookConfigurations).create({
      metadata: { name: 'names' },
      webhooks: [
        {
          name: 'names.example.com',
          clientConfig: { service: { namespace: 'default', name: 'hook' } },
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    })
    // A read of the newest state waits for the cache, from which the webhooks are known.
    await cluster.client.resource(ValidatingWebhookConfigurations).list()
    const create = (name: string) => configMaps.create({ metadata: { name, namespace: 'default' } })
    await create('good')
    await assert.rejects(create('bad'), /admission webhook "names.example.com" denied the request: bad name/)
    // Controllers create config maps of their own.
    const ours = asked.filter(each => !each.endsWith('kube-root-ca.crt'))
    assert.deepEqual(ours, ['hook CREATE good', 'hook CREATE bad'])
  })

  it('runs deployments and jobs on simulated nodes', async () => {
    const cluster = await startCluster({ nodes: 3, listen: false })
    const { client } = cluster
    const labels = { app: 'web' }
    // Pods that come before a node may take them all go to the others.
    for (const name of ['node-0', 'node-1', 'node-2']) {
      const isOpen = ({ spec, status }: Node): boolean =>
        (spec.taints ?? []).length === 0 && isConditionTrue(status?.conditions, 'Ready')
      await until(cluster, Nodes, name, isOpen)
    }
    await client.resource(Deployments).create({
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 6, selector: { matchLabels: labels }, template: template(labels) },
    })
    await until(cluster, Deployments, 'web', deployment => deployment.status?.readyReplicas === 6)
    const pods = await client.resource(Pods).list({ namespace: 'default', labelSelector: 'app=web' })
    assert.equal(new Set(pods.items.map(pod => pod.spec.nodeName)).size, 3)
    await client.resource(Jobs).create({
      metadata: { name: 'once', namespace: 'default' },
      spec: { completions: 2, template: template({ job: 'once' }, 'Never') },
    })
    await until(cluster, Jobs, 'once', job => job.status?.succeeded === 2)
    assert.equal((await client.resource(Nodes).list()).items.length, 3)
    await cluster.stop()
  })

  it('removes namespaces with what is in them, and dependents with their owners', async () => {
    const cluster = await startCluster({ nodes: 1, listen: false })
    const { client } = cluster
    await client.resource(Namespaces).create({ metadata: { name: 'passing' }, spec: {} })
    await client.resource(Deployments).create({
      metadata: { name: 'web', namespace: 'passing' },
      spec: { replicas: 2, selector: { matchLabels: { a: 'b' } }, template: template({ a: 'b' }) },
    })
    const abort = new AbortController()
    const gone = (async () => {
      for await (const event of client
        .resource(Namespaces)
        .watch({ fieldSelector: 'metadata.name=passing', signal: abort.signal }))
        if (event.type === 'DELETED') return
    })()
    await client.resource(Namespaces).delete('passing')
    await gone
    abort.abort()
    assert.deepEqual((await client.resource(Pods).list({ namespace: 'passing' })).items, [])
    await cluster.stop()
  })
})
