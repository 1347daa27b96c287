import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigMaps, Deployments, Events, Namespaces, Pods, ReplicaSets, ServiceAccounts } from '@canopus/api'
import { createLocalCloud } from './cloud/local-load-balancers.ts'
import { controllerNames, createControllers } from './create-controllers.ts'
import { createWorld } from './testing/world.ts'

test('all of them together: a deployment comes up, its owner goes, its namespace goes', async () => {
  const world = createWorld()
  const controllers = createControllers(world.context, {
    rootCa: 'PEM',
    nodeIpam: { clusterCidrs: ['10.244.0.0/16'] },
    cloud: createLocalCloud,
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
]
for (const [name, controllers, expected] of table) {
  test(`selection: ${name}`, () => {
    const made = createControllers(createWorld().context, { controllers })
    assert.ok(expected(made.map(controller => controller.name)))
  })
}

test('an unknown name is refused', () => {
  assert.throws(() => createControllers(createWorld().context, { controllers: ['deploymnt'] }), /known controllers/)
})
