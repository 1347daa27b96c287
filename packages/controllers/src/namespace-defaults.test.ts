import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { ConfigMaps, Namespaces, ServiceAccounts } from '@canopus/api'
import { forbiddenError } from '@canopus/apimachinery'
import { createRootCaPublisher } from './root-ca-publisher.ts'
import { createServiceAccountController } from './service-account.ts'
import { createWorld, type World } from './testing/world.ts'

let world: World
beforeEach(async () => {
  world = createWorld()
  world.server.add(Namespaces, { metadata: { name: 'x' }, spec: { finalizers: ['kubernetes'] } })
  await world.start(
    createServiceAccountController(world.context),
    createRootCaPublisher(world.context, { rootCa: 'PEM' }),
  )
  await world.settle()
})
afterEach(() => world.stop())

const ca = () => world.server.get(ConfigMaps, 'kube-root-ca.crt', 'x')

test('a namespace is born with its service account and the root certificates', () => {
  assert.ok(world.server.get(ServiceAccounts, 'default', 'x'))
  assert.deepEqual(ca()?.data, { 'ca.crt': 'PEM' })
  // The object that was made is looked at once more.
  assert.deepEqual(world.figures(/^root_ca_cert_publisher_sync_(total|duration_seconds_count)/), [
    'root_ca_cert_publisher_sync_duration_seconds_count{code="200"} 2',
    'root_ca_cert_publisher_sync_total{code="200"} 2',
  ])
})

test('figures tell why certificates could not be published', async () => {
  world.server.failNext(
    { method: 'POST', path: /configmaps/ },
    forbiddenError({ group: '', resource: 'configmaps', name: 'y' }, 'no'),
    1,
  )
  world.server.add(Namespaces, { metadata: { name: 'y' }, spec: { finalizers: ['kubernetes'] } })
  await world.settle()
  assert.deepEqual(world.figures(/^root_ca_cert_publisher_sync_total.*403/), [
    'root_ca_cert_publisher_sync_total{code="403"} 1',
  ])
})

test('both come back when deleted, the certificates also when changed', async () => {
  world.server.remove(ServiceAccounts, 'default', 'x')
  world.server.remove(ConfigMaps, 'kube-root-ca.crt', 'x')
  await world.settle()
  assert.ok(world.server.get(ServiceAccounts, 'default', 'x'))
  assert.ok(ca())
  world.server.change(ConfigMaps, 'kube-root-ca.crt', 'x', object => (object.data = { 'ca.crt': 'mine', more: '' }))
  await world.settle()
  assert.deepEqual(ca()?.data, { 'ca.crt': 'PEM' })
})

test('a namespace on its way out is left alone', async () => {
  await world.context.client.resource(Namespaces).delete('x')
  await world.settle()
  world.server.remove(ServiceAccounts, 'default', 'x')
  await world.settle()
  assert.equal(world.server.get(ServiceAccounts, 'default', 'x'), undefined)
})
