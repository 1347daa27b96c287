import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigMaps, Deployments, Events, Namespaces, Pods, ReplicaSets, ServiceAccounts } from '@canopus/api'
import { createLocalCloud } from './cloud/local-load-balancers.ts'
import { controllerNames, createControllers, withPresentName } from './create-controllers.ts'
import { createWorld } from './testing/world.ts'

test('all of them together: a deployment comes up, its owner goes, its namespace goes', async () => {
  const world = createWorld()
  const controllers = createControllers(world.context, {
    controllers: ['*', 'bootstrap-signer-controller', 'token-cleaner-controller'],
    rootCa: 'PEM',
    nodeIpam: { clusterCidrs: ['10.244.0.0/16'] },
    featureGates: { enabled: () => true },
    cloud: context => ({
      ...createLocalCloud(context),
      instances: { exists: async () => true, isShutDown: async () => false, metadata: async () => undefined },
      routes: { list: async () => [], create: async () => {}, delete: async () => {} },
    }),
    checkPolicy: async () => [],
    issueToken: async () => 'token',
    csrSigner: {
      autoApprovals: async () => [],
      servingRequest: async () => undefined,
      sign: async () => ({ kind: 'foreign' }),
    },
  })
  assert.deepEqual(
    controllers.map(controller => controller.name),
    controllerNames,
  )
  await world.start(...controllers)
  await world.context.client.resource(Namespaces).create({ metadata: { name: 'x' }, spec: {} })
  await world.settle()
  assert.ok(world.server.get(ServiceAccounts, 'default', 'x'))
  assert.ok(world.server.get(ConfigMaps, 'kube-root-ca.crt', 'x'))
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  const deployments = world.context.client.resource(Deployments)
  await deployments.create({
    metadata: { name: 'web', namespace: 'x' },
    spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template, progressDeadlineSeconds: 600 },
  })
  await world.settle()
  assert.equal(world.server.list(Pods, 'x').length, 2)
  assert.ok(world.server.list(Events, 'x').some(event => event.source?.component === 'deployment-controller'))
  await deployments.delete('web', { namespace: 'x' })
  await world.settle(10_000)
  assert.equal(world.server.list(ReplicaSets, 'x').length, 0)
  assert.equal(world.server.list(Pods, 'x').length, 0)
  await world.context.client.resource(Namespaces).delete('x')
  await world.settle(60_000)
  assert.equal(world.server.get(Namespaces, 'x'), undefined)
  world.stop()
})

const table: [string, string[], (names: readonly string[]) => boolean][] = [
  ['one', ['deployment-controller'], names => names.length === 1],
  [
    'all but one',
    ['*', '-deployment-controller'],
    names => !names.includes('deployment-controller') && names.length > 5,
  ],
  ['none', [], names => names.length === 0],
  ['by an older name', ['cronjob'], names => names.join() === 'cronjob-controller'],
  [
    'bootstrap tokens are not looked after unless asked for',
    ['*'],
    names => !names.includes('token-cleaner-controller'),
  ],
  [
    'bootstrap tokens, asked for by older names',
    ['*', 'bootstrapsigner', 'tokencleaner'],
    names => ['bootstrap-signer-controller', 'token-cleaner-controller'].every(name => names.includes(name)),
  ],
  ['names of what upstream leaves out too', ['-selinux-warning-controller'], names => names.length === 0],
  ['the first word counts', ['-job', '*', 'job'], names => !names.includes('job-controller')],
]
for (const [name, controllers, expected] of table) {
  test(`selection: ${name}`, () => {
    const made = createControllers(createWorld().context, { controllers })
    assert.ok(expected(made.map(controller => controller.name)))
  })
}

test('controllers and their older names are those of kube-controller-manager', () => {
  const older = 'service route cloud-node-lifecycle podgc pvc-protection csrsigning root-ca-cert-publisher endpoint'
  assert.deepEqual([...older.split(' '), '-attachdetach', '*'].map(withPresentName), [
    'service-lb-controller',
    'node-route-controller',
    'cloud-node-lifecycle-controller',
    'pod-garbage-collector-controller',
    'persistentvolumeclaim-protection-controller',
    'certificatesigningrequest-signing-controller',
    'root-ca-certificate-publisher-controller',
    'endpoints-controller',
    '-persistentvolume-attach-detach-controller',
    '*',
  ])
})

test('an unknown name is refused', () => {
  assert.throws(() => createControllers(createWorld().context, { controllers: ['deploymnt'] }), /known controllers/)
})
