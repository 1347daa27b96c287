import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigMaps, Pods, ResourceQuotas } from '@canopus/api'
import type { Pod, ResourceQuota } from '@canopus/api/core/v1'
import type { Draft, ResourceType } from '@canopus/apimachinery'
import { createResourceQuotaController } from './resource-quota.ts'
import { heldWatches } from './testing/held-watches.ts'
import { createWorld } from './testing/world.ts'

it('quotas are counted when they come, when they change, and when something goes', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const { client } = world.context
  const scope = { namespace: 'ns' }
  const pod = (name: string, cpu: string, namespace = 'ns') =>
    ({
      metadata: { name, namespace },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] },
    }) as Draft<Pod>
  const used = async () => (await client.resource(ResourceQuotas).get('q', scope)).status?.used

  await client.resource(Pods).create(pod('a', '250m'))
  await client.resource(Pods).create(pod('b', '0.5'))
  await client.resource(Pods).create(pod('c', '1', 'other'))
  await world.start(createResourceQuotaController(world.context))
  const hard = { pods: '5', 'requests.cpu': '2', 'count/configmaps': '3' }
  await client.resource(ResourceQuotas).create({
    metadata: { name: 'q', namespace: 'ns' },
    spec: { hard },
  } as Draft<ResourceQuota>)
  await world.settle()
  const quota = await client.resource(ResourceQuotas).get('q', scope)
  assert.deepEqual(quota.status, {
    hard,
    used: { pods: '2', 'requests.cpu': '750m', 'count/configmaps': '0' },
  })

  await client.resource(Pods).delete('b', scope)
  await world.settle()
  assert.deepEqual(await used(), { pods: '1', 'requests.cpu': '250m', 'count/configmaps': '0' })

  await client.resource(ConfigMaps).create({ metadata: { name: 'm', namespace: 'ns' } })
  const before = await client.resource(ResourceQuotas).get('q', scope)
  await client.resource(ResourceQuotas).update({ ...before, spec: { hard: { 'count/configmaps': '4' } } })
  await world.settle()
  assert.deepEqual(await used(), { 'count/configmaps': '1' })
})

const PLURAL = 'widgets.example.com'
it('custom resources are counted while their kind is served', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const { client } = world.context
  const scope = { namespace: 'ns' }
  const quotas = client.resource(ResourceQuotas)
  const used = async () => (await quotas.get('q', scope)).status?.used
  await world.start(createResourceQuotaController(world.context))
  await quotas.create({
    metadata: { name: 'q', namespace: 'ns' },
    spec: { hard: { [`count/${PLURAL}`]: '3' } },
  } as Draft<ResourceQuota>)
  await world.settle()
  assert.deepEqual(await used(), {})

  const widgets = {
    ...ConfigMaps,
    group: 'example.com',
    version: 'v1',
    kind: 'Widget',
    plural: 'widgets',
    singular: 'widget',
  } as ResourceType
  world.server.serve(widgets)
  await client.resource(widgets).create({ metadata: { name: 'a', namespace: 'ns' } })
  await world.settle(31_000)
  assert.deepEqual(await used(), { [`count/${PLURAL}`]: '1' })
  await client.resource(widgets).create({ metadata: { name: 'b', namespace: 'ns' } })
  await client.resource(widgets).delete('a', scope)
  await world.settle()
  assert.deepEqual(await used(), { [`count/${PLURAL}`]: '1' })
  await client.resource(widgets).delete('b', scope)
  await world.settle()
  assert.deepEqual(await used(), { [`count/${PLURAL}`]: '0' })
})

it('what admission has charged is not given away again because the watch of pods is behind', async t => {
  const { watches, hold, release } = heldWatches(/\/pods\?/)
  const world = createWorld(watches)
  t.after(() => world.stop())
  const { client } = world.context
  const scope = { namespace: 'ns' }
  const pods = client.resource(Pods)
  const quotas = client.resource(ResourceQuotas)
  const pod = (name: string) =>
    ({ metadata: { name, namespace: 'ns' }, spec: { containers: [{ name: 'c', image: 'i' }] } }) as Draft<Pod>
  const used = async () => (await quotas.get('q', scope)).status?.used?.pods

  await pods.create(pod('a'))
  await pods.create(pod('b'))
  await world.start(createResourceQuotaController(world.context))
  await quotas.create({
    metadata: { name: 'q', namespace: 'ns' },
    spec: { hard: { pods: '3' } },
  } as Draft<ResourceQuota>)
  await world.settle()
  assert.equal(await used(), '2')

  // A pod more, as admission does it, which the controller cannot see; and a reason to count.
  hold()
  const quota = await quotas.get('q', scope)
  await quotas.updateStatus({ ...quota, status: { ...quota.status, used: { pods: '3' } } })
  await pods.create(pod('c'))
  const charged = await quotas.get('q', scope)
  await quotas.update({ ...charged, spec: { hard: { pods: '4' } } })
  await world.settle()
  assert.equal(await used(), '3')

  await pods.delete('a', scope)
  release()
  await world.settle()
  assert.equal(await used(), '2')
})

it('a change that uses no more and no less is no reason to count', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const { client } = world.context
  const scope = { namespace: 'ns' }
  const pods = client.resource(Pods)
  const quotas = client.resource(ResourceQuotas)
  const used = async () => (await quotas.get('q', scope)).status?.used

  const spec = { containers: [{ name: 'c', image: 'i' }] }
  await pods.create({ metadata: { name: 'a', namespace: 'ns' }, spec } as Draft<Pod>)
  await world.start(createResourceQuotaController(world.context))
  await quotas.create({
    metadata: { name: 'q', namespace: 'ns' },
    spec: { hard: { pods: '3', resourcequotas: '1' } },
  } as Draft<ResourceQuota>)
  await world.settle()
  assert.deepEqual(await used(), { pods: '1', resourcequotas: '1' })

  // Admission charges for a pod that is not stored yet; another one is written meanwhile, and so was the quota itself.
  const quota = await quotas.get('q', scope)
  await quotas.updateStatus({ ...quota, status: { ...quota.status, used: { pods: '2', resourcequotas: '1' } } })
  const pod = await pods.get('a', scope)
  const labelled = await pods.update({ ...pod, metadata: { ...pod.metadata, labels: { tier: 'web' } } })
  await world.settle()
  assert.deepEqual(await used(), { pods: '2', resourcequotas: '1' })

  await pods.create({ metadata: { name: 'b', namespace: 'ns' }, spec } as Draft<Pod>)
  await pods.updateStatus({ ...labelled, status: { phase: 'Failed' } })
  await world.settle()
  assert.deepEqual(await used(), { pods: '1', resourcequotas: '1' })
})
