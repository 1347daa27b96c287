import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  builtInKinds,
  ClusterRoleBindings,
  ClusterRoles,
  ConfigMaps,
  EndpointSlices,
  Endpoints,
  FlowSchemas,
  Namespaces,
  PriorityClasses,
  RoleBindings,
  Roles,
  Services,
} from '@canopus/api'
import type { ClusterRole, ClusterRoleBinding } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { type Client, createClient } from '@canopus/client'
import { createMemoryStore, type Store } from '@canopus/store'
import { alwaysAllow } from '../authz/modes.ts'
import { type ApiServer, createApiServer } from '../server.ts'
import { defaultClusterRoles } from './default-roles.ts'
import { type BootstrapOptions, bootstrapCluster } from './index.ts'
import { aggregateRules, reconcileBinding, reconcileRole } from './reconcile-roles.ts'

const OPTIONS: BootstrapOptions = {
  authentication: { clientCa: 'CLIENT CA', requestHeaderClientCa: 'PROXY CA' },
  service: { clusterIP: '10.96.0.1', address: '192.0.2.10', port: 6443 },
}

describe('bootstrap', () => {
  let server: ApiServer
  let store: Store
  let client: Client
  let empty: string | undefined
  before(async () => {
    const clock = new SimulatedClock()
    store = createMemoryStore({ clock })
    server = createApiServer({
      store,
      clock,
      random: new SeededRandom(1),
      logger: silentLogger,
      kinds: builtInKinds,
      security: () => ({ authenticator: { authenticate: () => undefined }, authorizer: alwaysAllow, admission: [] }),
    })
    await server.start()
    client = createClient(server.transport({ name: 'system:apiserver', groups: ['system:masters'] }))
    empty = (await client.resource(FlowSchemas).list()).metadata.resourceVersion
    await bootstrapCluster(client, OPTIONS)
  })
  after(() => server.stop())
  const names = async (type: Parameters<Client['resource']>[0]) =>
    (await client.resource(type).list()).items.map(({ metadata }) => metadata.name!)

  it('makes what every cluster has', async () => {
    for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system']) {
      assert.ok((await names(Namespaces)).includes(name), name)
    }
    assert.deepEqual(await names(PriorityClasses), ['system-cluster-critical', 'system-node-critical'])
    assert.equal((await names(ClusterRoles)).length, 70)
    assert.equal((await names(ClusterRoleBindings)).length, 51)
    assert.equal((await names(Roles)).length, 7)
    assert.equal((await names(RoleBindings)).length, 7)
    const config = await client.resource(ConfigMaps).get('extension-apiserver-authentication', {
      namespace: 'kube-system',
    })
    assert.equal(config.data?.['client-ca-file'], 'CLIENT CA')
    assert.equal(config.data?.['requestheader-allowed-names'], '["front-proxy-client"]')
  })

  it('has no flow schema without its level at any time', async () => {
    const missing = new Set(await names(FlowSchemas))
    assert.ok(missing.size > 10)
    for await (const { object } of client.resource(FlowSchemas).watch({ resourceVersion: empty! })) {
      const condition = object.status?.conditions?.[0]
      assert.notEqual(condition?.status, 'True', object.metadata.name)
      if (condition !== undefined) missing.delete(object.metadata.name)
      if (missing.size === 0) break
    }
  })

  it('has its objects written by who writes them upstream', async () => {
    const schema = await client.resource(FlowSchemas).get('exempt')
    assert.ok(
      schema.metadata.managedFields?.some(({ manager }) => manager === 'api-priority-and-fairness-config-producer-v1'),
    )
    const service = await client.resource(Services).get('kubernetes', { namespace: 'default' })
    assert.match(JSON.stringify(service.metadata.managedFields), /"f:ipFamilyPolicy":\{\}/)
  })

  it('leads to the API server by the service kubernetes', async () => {
    const scope = { namespace: 'default' }
    const service = await client.resource(Services).get('kubernetes', scope)
    assert.deepEqual(service.spec?.ports, [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }])
    assert.equal(service.spec?.clusterIP, '10.96.0.1')
    assert.deepEqual(service.metadata.labels, { component: 'apiserver', provider: 'kubernetes' })
    const endpoints = await client.resource(Endpoints).get('kubernetes', scope)
    assert.deepEqual(endpoints.subsets?.[0]?.addresses, [{ ip: '192.0.2.10' }])
    const slice = await client.resource(EndpointSlices).get('kubernetes', scope)
    assert.deepEqual(slice.endpoints, [{ addresses: ['192.0.2.10'], conditions: { ready: true } }])
  })

  it('writes nothing where nothing is missing', async () => {
    const before = await store.revision()
    await bootstrapCluster(client, OPTIONS)
    assert.equal(await store.revision(), before)
  })

  it('follows the address of the API server', async () => {
    const moved = { clusterIP: '10.96.0.1', address: '192.0.2.11', port: 7443 }
    await bootstrapCluster(client, { ...OPTIONS, service: moved })
    const scope = { namespace: 'default' }
    const slice = await client.resource(EndpointSlices).get('kubernetes', scope)
    assert.deepEqual([slice.endpoints?.[0]?.addresses, slice.ports?.[0]?.port], [['192.0.2.11'], 7443])
    const service = await client.resource(Services).get('kubernetes', scope)
    assert.equal(service.spec?.ports?.[0]?.targetPort, 7443)
    const endpoints = await client.resource(Endpoints).get('kubernetes', scope)
    assert.equal(endpoints.subsets?.[0]?.addresses?.[0]?.ip, '192.0.2.11')
  })

  it('follows it to another family', async () => {
    for (const [address, addressType] of [
      ['2001:db8::1', 'IPv6'],
      ['192.0.2.10', 'IPv4'],
    ] as const) {
      await bootstrapCluster(client, { ...OPTIONS, service: { ...OPTIONS.service!, address } })
      const slice = await client.resource(EndpointSlices).get('kubernetes', { namespace: 'default' })
      assert.deepEqual([slice.addressType, slice.endpoints?.[0]?.addresses], [addressType, [address]])
    }
  })

  it('has the service kubernetes without endpoints where the address may not be published', async () => {
    const scope = { namespace: 'default' }
    await client.resource(Services).delete('kubernetes', scope)
    await client.resource(Endpoints).delete('kubernetes', scope)
    await client.resource(EndpointSlices).delete('kubernetes', scope)
    await bootstrapCluster(client, { ...OPTIONS, service: { clusterIP: '10.96.0.1', port: 6443 } })
    const service = await client.resource(Services).get('kubernetes', scope)
    assert.equal(service.spec?.clusterIP, '10.96.0.1')
    assert.deepEqual((await client.resource(Endpoints).list(scope)).items, [])
    assert.deepEqual((await client.resource(EndpointSlices).list(scope)).items, [])
    await bootstrapCluster(client, OPTIONS)
  })

  it('brings back what was taken away, and leaves what was added', async () => {
    const roles = client.resource(ClusterRoles)
    const bindings = client.resource(ClusterRoleBindings)
    const view = await roles.get('system:aggregate-to-view')
    const added = { apiGroups: ['example.com'], resources: ['things'], verbs: ['get'] }
    await roles.update({ ...view, rules: [added, ...view.rules!.slice(1)] })
    await roles.delete('system:node-proxier')
    const monitoring = await bindings.get('system:monitoring')
    await bindings.update({
      ...monitoring,
      subjects: [{ kind: 'User', name: 'jane', apiGroup: monitoring.roleRef.apiGroup! }],
    })
    await bindings.delete('system:basic-user')
    await bindings.create({
      metadata: { name: 'system:basic-user' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    } as Draft<ClusterRoleBinding>)

    await bootstrapCluster(client, OPTIONS)
    const restored = await roles.get('system:aggregate-to-view')
    assert.deepEqual(restored.rules?.[0], added)
    assert.deepEqual(restored.rules?.at(-1), view.rules?.[0])
    await roles.get('system:node-proxier')
    assert.deepEqual(
      (await bindings.get('system:monitoring')).subjects?.map(({ name }) => name),
      ['jane', 'system:monitoring'],
    )
    assert.equal((await bindings.get('system:basic-user')).roleRef.name, 'system:basic-user')
  })
})

describe('reconciling roles', () => {
  const wanted = {
    metadata: {
      name: 'r',
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
  } as Draft<ClusterRole>
  const existing = wanted as ClusterRole

  it('keeps what fits', () => assert.deepEqual(reconcileRole(existing, wanted), { kind: 'keep' }))
  it('keeps wider rules', () => {
    const wide = { ...existing, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] }
    assert.deepEqual(reconcileRole(wide, wanted), { kind: 'keep' })
  })
  it('leaves roles alone that say so', () => {
    const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
    const own = { ...existing, metadata: { ...existing.metadata, annotations }, rules: [] }
    assert.deepEqual(reconcileRole(own, wanted), { kind: 'keep' })
  })
  it('adds labels and annotations without changing others', () => {
    const bare = { ...existing, metadata: { name: 'r', labels: { mine: 'x' } } } as unknown as ClusterRole
    const change = reconcileRole(bare, wanted)
    assert.ok(change.kind === 'update')
    assert.deepEqual(change.object.metadata.labels, { mine: 'x', 'kubernetes.io/bootstrapping': 'rbac-defaults' })
  })
  it('replaces bindings to another role', () => {
    const binding = (name: string) =>
      ({ metadata: { name: 'b' }, roleRef: { apiGroup: 'g', kind: 'ClusterRole', name } }) as ClusterRoleBinding
    assert.deepEqual(reconcileBinding(binding('a'), binding('b')), { kind: 'replace' })
  })
  it('gives aggregated roles their rules, through several levels', () => {
    const roles = new Map(aggregateRules(defaultClusterRoles()).map(role => [role.metadata.name, role]))
    const resources = (name: string) => roles.get(name)!.rules!.flatMap(rule => rule.resources ?? [])
    assert.ok(resources('view').includes('pods/log') && !resources('view').includes('pods/exec'))
    assert.ok(resources('edit').includes('pods/log') && resources('edit').includes('pods/exec'))
    assert.ok(resources('admin').includes('pods/log') && resources('admin').includes('rolebindings'))
    assert.ok(!resources('edit').includes('rolebindings'))
  })
})
