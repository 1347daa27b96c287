/** Storage version migrations on a whole control plane: what lies in the store afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CustomResourceDefinitions, Secrets, StorageVersionMigrations, storableKinds } from '@canopus/api'
import type { StorageVersionMigration } from '@canopus/api/storagemigration/v1beta1'
import { isConditionTrue } from '@canopus/apimachinery'
import { EncryptedStore, Encryption } from '@canopus/apiserver'
import { silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore, type Store } from '@canopus/store'
import { startCluster, type TestCluster } from './start-cluster.ts'

const WITH_MIGRATIONS = {
  listen: false,
  featureGates: { StorageVersionMigrator: true },
  runtimeConfig: { 'storagemigration.k8s.io/v1beta1': true },
}

/** Migrates a resource, and answers the migration once nothing of it goes on. */
async function migrate({ client }: TestCluster, group: string, resource: string): Promise<StorageVersionMigration> {
  const migrations = client.resource(StorageVersionMigrations)
  await migrations.create({ metadata: { name: resource }, spec: { resource: { group, resource } } })
  const abort = new AbortController()
  const query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true } as const
  for await (const { type, object } of migrations.watch({ ...query, signal: abort.signal })) {
    const conditions = object.status?.conditions
    if (type === 'BOOKMARK' || !conditions?.some(each => each.type === 'Running' && each.status === 'False')) continue
    abort.abort()
    return object
  }
  throw new Error('the watch ended')
}

const succeeded = ({ status }: StorageVersionMigration): boolean => isConditionTrue(status?.conditions, 'Succeeded')

const keyNamed = (name: string): string => `{name: ${name}, secret: ${Buffer.alloc(32, name).toString('base64')}}`

async function encrypted(store: Store, ...names: string[]): Promise<Store> {
  const providers = `[{aesgcm: {keys: [${names.map(keyNamed).join(', ')}]}}]`
  const text = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources: [{resources: [secrets], providers: ${providers}}]
`
  const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const encryption = await Encryption.load({ readFile: () => text, reload: false, ...surroundings })
  // A cluster closes its store when it stops; what lies below is used on.
  const kept = new Proxy(store, {
    get: (target, name) => {
      if (name === 'close') return async () => {}
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return new EncryptedStore(kept, encryption, storableKinds)
}

test('secrets are written anew under a new key', { timeout: 60_000 }, async context => {
  const store = createMemoryStore({ clock: systemClock })
  context.after(() => store.close())
  const names = ['a', 'b', 'c']
  const keys = async (): Promise<string[]> => {
    const values = await Promise.all(names.map(name => store.get(`/registry/secrets/default/${name}`)))
    return values.map(kv => /^k8s:enc:aesgcm:v1:(\w+):/.exec(Buffer.from(kv!.value).toString('latin1'))?.[1] ?? 'none')
  }
  const before = await startCluster({ listen: false, store: await encrypted(store, 'one') })
  for (const name of names) {
    await before.client.resource(Secrets).create({ metadata: { name, namespace: 'default' }, stringData: { a: name } })
  }
  await before.stop()
  const after = await startCluster({ ...WITH_MIGRATIONS, store: await encrypted(store, 'two', 'one') })
  context.after(() => after.stop())
  assert.deepEqual(await keys(), ['one', 'one', 'one'])
  assert.ok(succeeded(await migrate(after, '', 'secrets')))
  assert.deepEqual(await keys(), ['two', 'two', 'two'])
  const read = await after.client.resource(Secrets).get('a', { namespace: 'default' })
  assert.equal(read.data?.a, Buffer.from('a').toString('base64'))
  assert.equal(read.metadata.managedFields?.length, 1)
})

test('a custom resource is migrated to the version that is stored today', { timeout: 60_000 }, async context => {
  const cluster = await startCluster(WITH_MIGRATIONS)
  context.after(() => cluster.stop())
  const definitions = cluster.client.resource(CustomResourceDefinitions)
  const schema = { openAPIV3Schema: { type: 'object' } }
  const crd = await definitions.create({
    metadata: { name: 'tabs.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'tabs', kind: 'Tab' },
      versions: [
        { name: 'v1', served: true, storage: true, schema },
        { name: 'v2', served: true, storage: false, schema },
      ],
    },
  })
  await definitions.patch(crd.metadata.name, 'json', [
    { op: 'replace', path: '/spec/versions/0/storage', value: false },
    { op: 'replace', path: '/spec/versions/1/storage', value: true },
  ])
  assert.deepEqual((await definitions.get(crd.metadata.name)).status?.storedVersions, ['v1', 'v2'])
  assert.ok(succeeded(await migrate(cluster, 'example.com', 'tabs')))
  const { status } = await definitions.get(crd.metadata.name)
  assert.deepEqual(status?.storedVersions, ['v2'])
  const condition = status?.conditions?.find(each => each.type === 'StorageMigrating')
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'MigrationSucceeded'])
})

test('a resource that cannot be migrated is said to be none', { timeout: 60_000 }, async context => {
  const cluster = await startCluster(WITH_MIGRATIONS)
  context.after(() => cluster.stop())
  const { status } = await migrate(cluster, '', 'componentstatuses')
  assert.deepEqual(
    status?.conditions?.map(({ type, status, message }) => [type, status, message]),
    [
      ['Running', 'False', 'Migration completed'],
      [
        'Failed',
        'True',
        'resource "/v1, Resource=componentstatuses" does not support discovery operations: [update patch list]',
      ],
    ],
  )
})
