/** The client library of Kubernetes for JavaScript, as published: typed calls, watches, informers, patches, any object. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '@canopus/testing'
import {
  ApiException,
  ApisApi,
  AppsV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ObjectMeta,
  VersionApi,
  Watch,
} from '@kubernetes/client-node'

const namespace = 'default'
const labels = { app: 'web' }
const deployment = {
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
  },
}

describe('@kubernetes/client-node', () => {
  const config = new KubeConfig()
  let cluster: TestCluster
  let core: CoreV1Api
  let apps: AppsV1Api

  before(async () => {
    cluster = await startCluster({ nodes: 1 })
    config.loadFromFile(cluster.kubeconfig)
    core = config.makeApiClient(CoreV1Api)
    apps = config.makeApiClient(AppsV1Api)
  })
  after(() => cluster.stop())

  it('reads, writes, and tells failures by their status', async () => {
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'one' }, data: { a: 'b' } } })
    const read = await core.readNamespacedConfigMap({ namespace, name: 'one' })
    assert.deepEqual(read.data, { a: 'b' })
    assert.ok(read.metadata!.creationTimestamp instanceof Date)
    const again = core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'one' } } })
    await assert.rejects(again, (error: unknown) => {
      assert.ok(error instanceof ApiException)
      assert.equal(error.code, 409)
      assert.match(String(error.body), /"reason":"AlreadyExists"/)
      return true
    })
    const { items } = await core.listNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name=one' })
    assert.deepEqual(
      items.map(each => each.metadata!.name),
      ['one'],
    )
    await core.deleteNamespacedConfigMap({ namespace, name: 'one' })
  })

  it('watches', async () => {
    const seen: string[] = []
    const request = await new Watch(config).watch(
      '/api/v1/namespaces/default/secrets',
      { fieldSelector: 'metadata.name=watched' },
      (phase, object: { metadata: { name: string } }) => {
        seen.push(`${phase} ${object.metadata.name}`)
        if (phase === 'DELETED') request.abort()
      },
      () => {},
    )
    const closed = once(request.signal, 'abort')
    await core.createNamespacedSecret({ namespace, body: { metadata: { name: 'watched' } } })
    const body = [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]
    await core.patchNamespacedSecret({ namespace, name: 'watched', body })
    await core.deleteNamespacedSecret({ namespace, name: 'watched' })
    await closed
    assert.deepEqual(seen, ['ADDED watched', 'MODIFIED watched', 'DELETED watched'])
  })

  it('follows a deployment with an informer', async () => {
    const informer = makeInformer(
      config,
      '/apis/apps/v1/namespaces/default/deployments',
      () => apps.listNamespacedDeployment({ namespace }),
      'app!=other',
    )
    const ready = new Promise<void>(resolve => {
      informer.on('update', ({ status }) => {
        if (status?.readyReplicas === 2) resolve()
      })
    })
    await informer.start()
    await apps.createNamespacedDeployment({ namespace, body: deployment })
    await ready
    await informer.stop()
    const patch = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch)
    const spec = { replicas: 1, template: { spec: { containers: [{ name: 'web', image: 'nginx:2' }] } } }
    await apps.patchNamespacedDeployment({ namespace, name: 'web', body: { spec } }, patch)
    const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'web' })
    assert.equal(scale.spec!.replicas, 1)
  })

  it('applies objects of any kind on the server', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config)
    const metadata: V1ObjectMeta = { name: 'applied', namespace }
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } }
    await objects.patch(body, undefined, undefined, 'first', undefined, PatchStrategy.ServerSideApply)
    const second = { ...body, data: { a: '2' } }
    const conflict = objects.patch(second, undefined, undefined, 'second', undefined, PatchStrategy.ServerSideApply)
    await assert.rejects(conflict, (error: unknown) => error instanceof ApiException && error.code === 409)
    const forced = await objects.patch(second, undefined, undefined, 'second', true, PatchStrategy.ServerSideApply)
    assert.deepEqual(
      forced.metadata.managedFields!.map(({ manager, operation }) => `${manager} ${operation}`),
      ['second Apply'],
    )
  })

  it('works with custom resources as soon as they are defined', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config)
    const names = { kind: 'Widget', plural: 'widgets' }
    const openAPIV3Schema = {
      type: 'object',
      properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
    }
    await objects.create({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names,
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    } as never)
    const groups = config.makeApiClient(ApisApi)
    while (!(await groups.getAPIVersions()).groups.some(each => each.name === 'example.com'));
    const custom = config.makeApiClient(CustomObjectsApi)
    const where = { group: 'example.com', version: 'v1', plural: 'widgets', namespace }
    const body = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec: { size: 3 } }
    await custom.createNamespacedCustomObject({ ...where, body })
    const { items } = await custom.listNamespacedCustomObject(where)
    assert.deepEqual(
      items.map((each: typeof body) => each.spec.size),
      [3],
    )
  })

  it('asks who may do what, and which version this is', async () => {
    const authorization = config.makeApiClient(AuthorizationV1Api)
    const resourceAttributes = { verb: 'delete', resource: 'nodes' }
    const body = { spec: { resourceAttributes, user: 'nobody' } }
    const { status } = await authorization.createSubjectAccessReview({ body })
    assert.equal(status!.allowed, false)
    assert.match((await config.makeApiClient(VersionApi).getCode()).gitVersion, /^v1\.36\./)
  })
})
