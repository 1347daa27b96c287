import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Secrets, ServiceAccounts } from '@canopus/api'
import { createServiceAccountTokenController } from './service-account-tokens.ts'
import { createWorld } from './testing/world.ts'

it('secrets for tokens are filled in, and go with their account', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const { client } = world.context
  const namespace = 'ns'
  const secret = (name: string, account: string, type = 'kubernetes.io/service-account-token') =>
    client.resource(Secrets).create({
      metadata: { name, namespace, annotations: { 'kubernetes.io/service-account.name': account } },
      type,
    })
  const names = async () =>
    (await client.resource(Secrets).list({ namespace })).items.map(({ metadata }) => metadata.name)

  const account = await client.resource(ServiceAccounts).create({ metadata: { name: 'robot', namespace } })
  await world.start(
    createServiceAccountTokenController(world.context, {
      rootCa: 'PEM',
      issueToken: async ({ metadata }, { metadata: { name } }) => `token of ${metadata.name} in ${name}`,
    }),
  )
  await secret('robot-token', 'robot')
  await secret('opaque', 'robot', 'Opaque')
  await secret('orphan', 'nobody')
  await world.settle()
  assert.deepEqual(await names(), ['opaque', 'robot-token'])
  const filled = await client.resource(Secrets).get('robot-token', { namespace })
  assert.equal(filled.metadata.annotations?.['kubernetes.io/service-account.uid'], account.metadata.uid)
  assert.deepEqual(filled.data, {
    token: btoa('token of robot in robot-token'),
    namespace: btoa('ns'),
    'ca.crt': btoa('PEM'),
  })
  assert.equal((await client.resource(Secrets).get('opaque', { namespace })).data, undefined)

  await client.resource(ServiceAccounts).delete('robot', { namespace })
  await world.settle()
  assert.deepEqual(await names(), ['opaque'])
})
