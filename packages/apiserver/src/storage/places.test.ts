/** Kinds that are kept in another store: each store goes its own way, and clients see one server. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { silentLogger } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { createMemoryStore, openEtcdStore, type Store } from '@canopus/store'
import { type EtcdServer, findEtcd, startEtcd } from '@canopus/store/testing'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const N = '/api/v1/namespaces/n'
const EVENT = { involvedObject: { kind: 'Pod', namespace: 'n', name: 'p' }, type: 'Normal' }
const namesIn = async (store: Store, kind: string): Promise<string[]> =>
  (await store.list(`/registry/${kind}/`)).items.map(({ key }) => key.split('/').at(-1)!)

function suite(title: string, open: (index: number) => Promise<Store> | Store, skip: string | false = false): void {
  describe(title, { skip }, () => {
    let server: MemoryServer
    const stores: Store[] = []
    before(async () => {
      for (let index = 0; index < 3; index++) stores.push(await open(index))
      const [store, events, apps] = stores as [Store, Store, Store]
      const elsewhere = [
        { store: events, resources: ['/events', '/secrets'] },
        { store: apps, resources: ['apps/*', 'apiextensions.k8s.io/customresourcedefinitions'] },
      ]
      server = await startMemoryServer({ store, elsewhere })
    })
    after(async () => {
      await server?.stop()
      for (const store of stores) await store.close()
    })

    it('each lies where it belongs, events of both groups together', async () => {
      await server.send('POST', `${N}/configmaps`, { metadata: { name: 'a' } })
      await server.send('POST', `${N}/secrets`, { metadata: { name: 'b' } })
      const { status } = await server.send('POST', `${N}/events`, { metadata: { name: 'c' }, ...EVENT })
      assert.equal(status, 201)
      await server.send('POST', '/apis/apps/v1/namespaces/n/controllerrevisions', {
        metadata: { name: 'd' },
        revision: 1,
        data: {},
      })
      const where = await Promise.all(
        ['configmaps', 'secrets', 'events', 'controllerrevisions'].map(kind =>
          Promise.all(stores.map(async store => (await namesIn(store, kind)).join(''))),
        ),
      )
      assert.deepEqual(where, [
        ['a', '', ''],
        ['', 'b', ''],
        ['', 'c', ''],
        ['', '', 'd'],
      ])
      const other = await server.send('GET', '/apis/events.k8s.io/v1/namespaces/n/events/c')
      assert.equal(other.json.apiVersion, 'events.k8s.io/v1')
    })

    it('each has the revisions of its store', async () => {
      // Far ahead of the others.
      for (let round = 0; round < 20; round++)
        await server.send('PUT', `${N}/configmaps/a`, { metadata: { name: 'a' }, data: { round: String(round) } })
      const { json: secret } = await server.send('PUT', `${N}/secrets/b`, {
        metadata: { name: 'b' },
        stringData: { x: 'y' },
      })
      const { json: secrets } = await server.send('GET', `${N}/secrets`)
      const { json: maps } = await server.send('GET', `${N}/configmaps`)
      assert.equal(secrets.metadata.resourceVersion, secret.metadata.resourceVersion)
      assert.equal(Number(secrets.metadata.resourceVersion), await stores[1]!.revision())
      assert.ok(Number(maps.metadata.resourceVersion) >= Number(secrets.metadata.resourceVersion) + 15)
      const { status } = await server.send('GET', `${N}/secrets?resourceVersion=${secret.metadata.resourceVersion}`)
      assert.equal(status, 200)
    })

    it('watches go on from the revisions of their kind, with what others wrote into that store', async () => {
      const { json } = await server.send('GET', `${N}/secrets`)
      const watch = await server.watch(`${N}/secrets?watch=1&resourceVersion=${json.metadata.resourceVersion}`)
      const value = Buffer.from('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"foreign","namespace":"n"}}')
      const { revision } = await stores[1]!.create('/registry/secrets/n/foreign', () => value)
      const { type, object } = await watch.next()
      assert.deepEqual(
        [type, object.metadata.name, object.metadata.resourceVersion],
        ['ADDED', 'foreign', `${revision}`],
      )
      // And a read that comes after a write sees it, although the other stores stand still.
      await stores[1]!.create('/registry/secrets/n/later', () =>
        Buffer.from(value.toString().replace('foreign', 'later')),
      )
      const { json: after } = await server.send('GET', `${N}/secrets/later`)
      assert.equal(after.metadata.name, 'later')
      watch.end()
    })

    it('pages go on in the state that they began with', async () => {
      const names = (json: { items: { metadata: { name: string } }[] }) => json.items.map(each => each.metadata.name)
      const first = await server.send('GET', `${N}/secrets?limit=1`)
      await server.send('POST', `${N}/secrets`, { metadata: { name: 'zz' } })
      const rest = await server.send('GET', `${N}/secrets?limit=9&continue=${first.json.metadata.continue}`)
      assert.deepEqual([...names(first.json), ...names(rest.json)], ['b', 'foreign', 'later'])
      const deleted = await server.send('DELETE', `${N}/secrets`)
      assert.equal(deleted.status, 200)
      assert.deepEqual(await namesIn(stores[1]!, 'secrets'), [])
    })

    it('definitions of custom resources stay with the first', async () => {
      const schema = { openAPIV3Schema: { type: 'object' } }
      await server.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
        metadata: { name: 'things.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: true, schema }],
        },
      })
      assert.deepEqual(await namesIn(stores[0]!, 'apiextensions.k8s.io/customresourcedefinitions'), [
        'things.example.com',
      ])
    })

    it('all stores say how they are', async () => {
      const { text } = await server.send('GET', '/readyz?verbose')
      for (const name of ['etcd', 'etcd-readiness', 'etcd-override-0', 'etcd-override-readiness-1'])
        assert.match(text, new RegExp(`^\\[\\+\\]${name} ok$`, 'm'))
      const { json } = await server.send('GET', '/api/v1/componentstatuses')
      assert.deepEqual(
        json.items.map((each: { metadata: { name: string } }) => each.metadata.name),
        ['etcd-0', 'etcd-1', 'etcd-2'],
      )
      const { text: metrics } = await server.send('GET', '/metrics')
      const clusters = [...metrics.matchAll(/^apiserver_storage_size_bytes\{storage_cluster_id="(.*)"\}/gm)]
      assert.deepEqual(clusters.map(([, name]) => name).toSorted(), ['etcd-0', 'etcd-1', 'etcd-2', 'etcd-3', 'etcd-4'])
    })
  })
}

suite('kinds in memory elsewhere', () => createMemoryStore({ clock: systemClock }))

const program = findEtcd()
const servers: EtcdServer[] = []
after(() => Promise.all(servers.map(server => server.stop())))
suite(
  'kinds in other etcd clusters',
  async index => {
    // The third one is the second one's, under another prefix.
    if (index < 2) servers.push(await startEtcd(program!))
    const { endpoint } = servers.at(-1)!
    return openEtcdStore({ endpoints: [endpoint], prefix: `/of-${index}`, clock: systemClock, logger: silentLogger })
  },
  program ? false : 'no etcd: the Debian package etcd-server is neither installed nor to be had',
)
