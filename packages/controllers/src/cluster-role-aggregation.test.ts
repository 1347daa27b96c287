import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ClusterRoles } from '@canopus/api'
import type { ClusterRole } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import { createClusterRoleAggregationController } from './cluster-role-aggregation.ts'
import { createWorld } from './testing/world.ts'

it('aggregated cluster roles follow the roles that they select', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  const roles = world.context.client.resource(ClusterRoles)
  const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] })
  const role = (name: string, to: string | undefined, from: string | undefined, ...resources: string[]) =>
    ({
      metadata: { name, labels: to ? { to } : {} },
      ...(from && { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: from } }] } }),
      ...(resources.length > 0 && { rules: resources.map(rule) }),
    }) as Draft<ClusterRole>
  const resources = async (name: string) => (await roles.get(name)).rules?.flatMap(each => each.resources ?? [])

  await world.start(createClusterRoleAggregationController(world.context))
  await roles.create(role('admin', undefined, 'admin'))
  await roles.create(role('edit', 'admin', 'edit'))
  await roles.create(role('own-admin', 'admin', undefined, 'roles', 'pods'))
  await roles.create(role('own-edit', 'edit', undefined, 'pods'))
  await world.settle()
  assert.deepEqual(await resources('edit'), ['pods'])
  assert.deepEqual(await resources('admin'), ['pods', 'roles'])

  await roles.delete('own-edit')
  await world.settle()
  assert.deepEqual((await resources('edit')) ?? [], [])
  assert.deepEqual(await resources('admin'), ['roles', 'pods'])
})
