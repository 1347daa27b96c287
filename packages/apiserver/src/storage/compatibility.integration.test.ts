/**
 * What kube-apiserver left in etcd, read over our API; and what we leave there. The objects are upstream's own published
 * encodings of every kind; where they are not at hand, that part is skipped.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { builtInKinds, type Kind } from '@canopus/api'
import { testData } from '@canopus/api/testing/test-data'
import { apiVersionOf, collectionPath } from '@canopus/apimachinery'
import { silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { openEtcdStore, type Store } from '@canopus/store'
import { type EtcdServer, findEtcd, startEtcd } from '@canopus/store/testing'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { aesCbc } from './encryption/aes.ts'
import { EncryptedStore } from './encryption/encrypted-store.ts'
import { Encryption } from './encryption/encryption.ts'

const program = findEtcd()
const fixtures = testData('api-fixtures/testdata/HEAD')
const skip = !program ? 'no etcd: the Debian package etcd-server is neither installed nor to be had' : false
const withoutFixtures = fixtures === undefined ? "upstream's encoded objects are not at hand" : false

/** Where upstream keeps what is not under the plural name of its resource (pkg/kubeapiserver, SpecialDefaultResourcePrefixes). */
const UPSTREAM_PREFIXES: Readonly<Record<string, string>> = {
  '/replicationcontrollers': 'controllers',
  '/endpoints': 'services/endpoints',
  '/nodes': 'minions',
  '/services': 'services/specs',
  'networking.k8s.io/ingresses': 'ingress',
  'events.k8s.io/events': 'events',
  'apiextensions.k8s.io/customresourcedefinitions': 'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices': 'apiregistration.k8s.io/apiservices',
}
const prefixOf = ({ type }: Kind): string => UPSTREAM_PREFIXES[`${type.group}/${type.plural}`] ?? type.plural

test('every kind lies where upstream keeps it', () => {
  for (const kind of builtInKinds) assert.equal(kind.storagePrefix, prefixOf(kind), kind.type.plural)
})

test('of kinds with several versions, the one is stored that upstream stores', () => {
  const stored = builtInKinds.filter(kind => kind.storedAs !== undefined)
  const pairs = stored.map(({ type, storedAs }) => [apiVersionOf(type), type.kind, apiVersionOf(storedAs!.type)])
  assert.deepEqual(pairs.sort(), [
    ['autoscaling/v1', 'HorizontalPodAutoscaler', 'autoscaling/v2'],
    ['events.k8s.io/v1', 'Event', 'v1'],
  ])
})

interface Fixture {
  readonly file: string
  readonly kind: Kind
  readonly bytes: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: fixtures are of every kind
  readonly json: any
}

/** The fixtures of kinds that we store, in the version that is stored. */
function storedFixtures(): Fixture[] {
  return builtInKinds
    .filter(kind => kind.storedAs === undefined)
    .flatMap(kind => {
      const { group, version, kind: name } = kind.type
      const file = `${group || 'core'}.${version}.${name}`
      return readFixture(file, kind)
    })
}

/** Those of older versions that upstream still stores or may have left behind. */
function formerFixtures(): Fixture[] {
  const files = readdirSync(fixtures!).filter(file => /\.v\d+beta\d+\.[A-Za-z]+\.pb$/.test(file))
  return files.flatMap(file => {
    const [, group = '', kindName = ''] = /^(.*)\.v\d+beta\d+\.([A-Za-z]+)\.pb$/.exec(file) ?? []
    const kind = builtInKinds.find(
      each => each.type.group === group && each.type.kind === kindName && each.storedAs === undefined,
    )
    return kind === undefined ? [] : readFixture(file.slice(0, -3), kind)
  })
}

function readFixture(file: string, kind: Kind): Fixture[] {
  try {
    const bytes = readFileSync(`${fixtures}/${file}.pb`)
    return [{ file, kind, bytes, json: JSON.parse(readFileSync(`${fixtures}/${file}.json`, 'utf8')) }]
  } catch {
    return []
  }
}

/** Former versions whose fields differ: upstream converts them, we leave them out. */
const DIFFERENT = [
  'apps.v1beta1.ControllerRevision',
  'apps.v1beta1.Deployment',
  'apps.v1beta1.StatefulSet',
  'discovery.k8s.io.v1beta1.EndpointSlice',
  'events.k8s.io.v1beta1.Event',
  'flowcontrol.apiserver.k8s.io.v1beta1.FlowSchema',
  'flowcontrol.apiserver.k8s.io.v1beta1.PriorityLevelConfiguration',
  'flowcontrol.apiserver.k8s.io.v1beta2.FlowSchema',
  'flowcontrol.apiserver.k8s.io.v1beta2.PriorityLevelConfiguration',
  'networking.k8s.io.v1beta1.Ingress',
  'policy.v1beta1.PodDisruptionBudget',
  'resource.k8s.io.v1beta1.DeviceClass',
  'resource.k8s.io.v1beta1.ResourceClaim',
  'resource.k8s.io.v1beta1.ResourceClaimTemplate',
  'resource.k8s.io.v1beta1.ResourceSlice',
]

const NAMESPACE = 'default'

describe("on upstream's etcd", { skip }, () => {
  let etcd: EtcdServer
  const closing: (() => Promise<void>)[] = []

  const open = (prefix: string): Promise<Store> =>
    openEtcdStore({ endpoints: [etcd.endpoint], clock: systemClock, logger: silentLogger, prefix })

  async function serve(prefix: string): Promise<MemoryServer & { store: Store }> {
    const store = await open(prefix)
    const server = await startMemoryServer({ store })
    closing.push(async () => {
      await server.stop()
      await store.close()
    })
    return server
  }

  before(async () => {
    etcd = await startEtcd(program!)
  })
  after(async () => {
    for (const each of closing.reverse()) await each()
    await etcd.stop()
  })

  const keyOf = ({ kind }: Fixture, name: string): string =>
    `/registry/${kind.storagePrefix}/${kind.type.namespaced ? `${NAMESPACE}/` : ''}${name}`
  const pathOf = ({ kind: { type } }: Fixture): string => collectionPath(type, type.namespaced ? NAMESPACE : undefined)
  /** As upstream reads it: with the defaults of today, and fields that stand for others in the form that is kept. */
  function expected({ json, kind }: Fixture, resourceVersion: string): object {
    const object = structuredClone(json)
    kind.strategy.default?.(object)
    return {
      ...object,
      apiVersion: apiVersionOf(kind.type),
      metadata: { ...object.metadata, resourceVersion },
    }
  }

  test('objects that it wrote are read, listed and watched', { skip: withoutFixtures }, async () => {
    const all = storedFixtures()
    assert.ok(all.length > 50, `${all.length} kinds have fixtures`)
    const writer = await open('/protobuf')
    closing.push(() => writer.close())
    const revisions = new Map<string, number>()
    for (const each of all) {
      const { revision } = await writer.create(keyOf(each, 'read'), () => each.bytes)
      revisions.set(each.file, revision)
    }
    const { send, watch, errors } = await serve('/protobuf')
    for (const each of all) {
      const revision = `${revisions.get(each.file)}`
      const got = await send('GET', `${pathOf(each)}/read`)
      assert.deepEqual([got.status, got.json], [200, expected(each, revision)], each.file)
      const { items, metadata } = (await send('GET', pathOf(each))).json
      assert.equal(items.length, 1, each.file)
      const stream = await watch(`${pathOf(each)}?watch=1&resourceVersion=${metadata.resourceVersion}`)
      const later = await writer.create(keyOf(each, 'watched'), () => each.bytes)
      const event = await stream.next()
      stream.end()
      assert.deepEqual(event, { type: 'ADDED', object: expected(each, `${later.revision}`) }, each.file)
    }
    assert.deepEqual(errors, [])
  })

  test('objects in older versions are read as the version of today', { skip: withoutFixtures }, async () => {
    const all = formerFixtures().filter(({ file }) => !DIFFERENT.includes(file))
    assert.ok(all.some(({ file }) => file === 'admissionregistration.k8s.io.v1beta1.MutatingAdmissionPolicy'))
    const writer = await open('/former')
    closing.push(() => writer.close())
    const { send, errors } = await serve('/former')
    for (const each of all) {
      const name = each.file.toLowerCase()
      const { revision } = await writer.create(keyOf(each, name), () => each.bytes)
      const got = await send('GET', `${pathOf(each)}/${name}`)
      assert.deepEqual([got.status, got.json], [200, expected(each, `${revision}`)], each.file)
    }
    assert.deepEqual(errors, [])
  })

  test('an autoscaler of v1 and an event of the other group are converted', { skip: withoutFixtures }, async () => {
    const writer = await open('/converted')
    closing.push(() => writer.close())
    const { send } = await serve('/converted')
    for (const [file, path, prefix] of [
      ['autoscaling.v1.HorizontalPodAutoscaler', '/apis/autoscaling/v1', 'horizontalpodautoscalers'],
      ['events.k8s.io.v1.Event', '/apis/events.k8s.io/v1', 'events'],
    ] as const) {
      const bytes = readFileSync(`${fixtures}/${file}.pb`)
      const { revision } = await writer.create(`/registry/${prefix}/${NAMESPACE}/one`, () => bytes)
      const json = JSON.parse(readFileSync(`${fixtures}/${file}.json`, 'utf8'))
      const got = await send('GET', `${path}/namespaces/${NAMESPACE}/${prefix}/one`)
      assert.equal(got.status, 200, got.text)
      assert.equal(got.json.metadata.resourceVersion, `${revision}`)
      assert.deepEqual(got.json.spec ?? got.json.note, json.spec ?? json.note)
    }
  })

  test('they can be changed and deleted, and what we write names its kind', { skip: withoutFixtures }, async () => {
    const [each] = storedFixtures().filter(({ file }) => file === 'core.v1.ConfigMap')
    const writer = await open('/changed')
    closing.push(() => writer.close())
    const { send, store } = await serve('/changed')
    await writer.create(keyOf(each!, 'one'), () => withoutDeletion(each!))
    // With the fixture's, which no server would have taken, nothing could be changed.
    const patch = { metadata: { finalizers: ['example.com/kept'], generateName: null }, data: { more: 'x' } }
    const headers = { 'content-type': 'application/merge-patch+json' }
    const changed = await send('PATCH', `${pathOf(each!)}/one`, patch, headers)
    assert.equal(changed.status, 200, changed.text)
    const stored = JSON.parse(Buffer.from((await store.get(keyOf(each!, 'one')))!.value).toString())
    assert.deepEqual([stored.apiVersion, stored.kind, stored.data.more], ['v1', 'ConfigMap', 'x'])
    const gone = { metadata: { finalizers: null } }
    await send('PATCH', `${pathOf(each!)}/one`, gone, headers)
    assert.equal((await send('DELETE', `${pathOf(each!)}/one`)).status, 200)
    assert.equal(await store.get(keyOf(each!, 'one')), undefined)
  })

  test('what it encrypted is read, and what we encrypt lies there in its form', { skip: withoutFixtures }, async () => {
    const [each] = storedFixtures().filter(({ file }) => file === 'core.v1.Secret')
    const key = Buffer.alloc(32, 7)
    const providers = [{ aescbc: { keys: [{ name: 'key1', secret: key.toString('base64') }] } }]
    const resources = [{ resources: ['secrets'], providers }]
    const text = JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources,
    })
    const options = {
      readFile: () => text,
      reload: false,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    }
    const inner = await open('/encrypted')
    closing.push(() => inner.close())
    const head = Buffer.from('k8s:enc:aescbc:v1:key1:')
    const sealed = Buffer.concat([head, aesCbc(key).toStorage(each!.bytes, keyOf(each!, 'one'))])
    const { revision } = await inner.create(keyOf(each!, 'one'), () => sealed)
    const server = await startMemoryServer({
      store: new EncryptedStore(inner, await Encryption.load(options), builtInKinds),
    })
    closing.push(() => server.stop())
    const got = await server.send('GET', `${pathOf(each!)}/one`)
    assert.deepEqual([got.status, got.json], [200, expected(each!, `${revision}`)])
    await server.send('POST', pathOf(each!), { metadata: { name: 'two' }, data: { a: 'eA==' } })
    const stored = Buffer.from((await inner.get(keyOf(each!, 'two')))!.value)
    assert.deepEqual(stored.subarray(0, head.length), head)
    const { data } = aesCbc(key).fromStorage(stored.subarray(head.length), '') as { data: Uint8Array }
    const { apiVersion, kind, data: fields } = JSON.parse(Buffer.from(data).toString())
    assert.deepEqual([apiVersion, kind, fields], ['v1', 'Secret', { a: 'eA==' }])
  })

  test('a broken value is one object that cannot be read', async () => {
    const writer = await open('/broken')
    closing.push(() => writer.close())
    const { send } = await serve('/broken')
    await writer.create(`/registry/configmaps/${NAMESPACE}/broken`, () => Buffer.from('k8s\0nonsense'))
    const got = await send('GET', `/api/v1/namespaces/${NAMESPACE}/configmaps/broken`)
    assert.equal(got.status, 500)
    assert.equal((await send('GET', '/api/v1/namespaces/other/configmaps')).status, 200)
  })
})

/** A fixture is of an object that is being deleted; this is it before. */
function withoutDeletion({ json }: Fixture): Uint8Array {
  const { deletionTimestamp: _, deletionGracePeriodSeconds: __, resourceVersion: ___, ...metadata } = json.metadata
  return Buffer.from(
    JSON.stringify({ ...json, immutable: false, metadata: { ...metadata, name: 'one', namespace: NAMESPACE } }),
  )
}
