/** Spans below those of the storage: calls to etcd, and what a KMS plugin keeps the keys of. */
import assert from 'node:assert/strict'
import { afterEach, it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore, openEtcdStore, type Store } from '@canopus/store'
import { findEtcd, startEtcd } from '@canopus/store/testing'
import { EncryptedStore } from '../storage/encryption/encrypted-store.ts'
import { Encryption } from '../storage/encryption/encryption.ts'
import { identity } from '../storage/encryption/transformer.ts'
import { startKmsPlugin } from '../testing/kms-plugin.ts'
import { startMemoryServer } from '../testing/memory-server.ts'
import { type CollectedSpan, startTraceCollector, tracingTo } from '../testing/trace-collector.ts'
import { tracedGrpcCall } from './grpc-call.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each()
})

const NAMESPACE = '/api/v1/namespaces/default'

type Send = (path: string, object: object, method?: string) => Promise<number>

/** All spans of what a server on the store is asked meanwhile. */
async function spansOf(store: Store, ask: (send: Send) => Promise<void>) {
  const collector = await startTraceCollector()
  closing.push(() => collector.stop())
  const server = await startMemoryServer({ store, tracing: tracingTo(collector) })
  await ask(async (path, object, method = 'POST') => (await server.send(method, `${NAMESPACE}${path}`, object)).status)
  await server.stop()
  return collector.spans
}

const below = (spans: readonly CollectedSpan[], parent: CollectedSpan): readonly CollectedSpan[] =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId)

const namesOfEvents = ({ events }: CollectedSpan): string[] => events.map(({ name }) => name)

const program = findEtcd()
const skip = program ? false : 'no etcd: the Debian package etcd-server is neither installed nor to be had'

it('calls to etcd have spans', { skip }, async () => {
  const etcd = await startEtcd(program!)
  closing.push(() => etcd.stop())
  const aroundCall = tracedGrpcCall
  const options = { clock: systemClock, logger: silentLogger, aroundCall }
  const store = await openEtcdStore({ endpoints: [etcd.endpoint], ...options })
  closing.push(() => store.close())
  const spans = await spansOf(store, async send => {
    assert.equal(await send('/configmaps', { metadata: { name: 'traced' } }), 201)
  })
  const create = spans.find(({ name }) => name === 'Create etcd3')!
  const [call, ...more] = below(spans, create)
  assert.deepEqual(more, [])
  assert.equal(call!.name, 'etcdserverpb.KV/Txn')
  assert.equal(call!.kind, 3)
  const { hostname, port } = new URL(etcd.endpoint)
  assert.deepEqual(call!.attributes, {
    'rpc.method': 'etcdserverpb.KV/Txn',
    'rpc.system.name': 'grpc',
    'server.address': hostname,
    'server.port': Number(port),
    'rpc.response.status_code': 'OK',
  })
  const messages = call!.events.map(({ name, attributes }) => [
    name,
    attributes['rpc.message.type'],
    attributes['rpc.message.id'],
    Number(attributes['rpc.message.uncompressed_size']) > 0,
  ])
  assert.deepEqual(messages, [
    ['message', 'SENT', 1, true],
    ['message', 'RECEIVED', 1, true],
  ])
})

it('what a KMS plugin keeps the keys of has spans', async () => {
  const plugin = await startKmsPlugin()
  closing.push(() => plugin.stop())
  const { endpoint } = plugin
  const text = JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers: [{ kms: { apiVersion: 'v2', name: 'mine', endpoint } }] }],
  })
  const basics = { clock: systemClock, random: systemRandom, logger: silentLogger }
  const encryption = await Encryption.load({ readFile: () => text, reload: false, ...basics })
  const store = new EncryptedStore(createMemoryStore({ clock: systemClock }), encryption, builtInKinds)
  const spans = await spansOf(store, async send => {
    assert.equal(await send('/secrets', { metadata: { name: 'sealed' } }), 201)
    assert.equal(await send('/secrets', { metadata: { name: 'sealed' } }), 409)
  })
  const [written, taken] = spans.filter(({ name }) => name === 'Create etcd3')
  const sealing = below(spans, written!)
  assert.deepEqual(
    sealing.map(({ name }) => name),
    ['TransformToStorage with envelopeTransformer'],
  )
  assert.deepEqual(sealing[0]!.attributes, { 'transformer.provider.name': 'mine' })
  assert.deepEqual(namesOfEvents(sealing[0]!), [
    'About to encrypt data using DEK',
    'Data encryption succeeded',
    'About to encode encrypted object',
    'Encoded encrypted object',
  ])
  assert.deepEqual(namesOfEvents(written!), [
    'About to Encode',
    'Encode succeeded',
    'TransformToStorage succeeded',
    'Txn call succeeded',
    'decode succeeded',
  ])
  const opening = below(spans, taken!).find(({ name }) => name === 'TransformFromStorage with envelopeTransformer')!
  assert.deepEqual(namesOfEvents(opening), [
    'About to decode encrypted object',
    'Decoded encrypted object',
    'About to decrypt data using DEK',
    'Data decryption succeeded',
  ])
})

it('what cannot be brought into the form that it is stored in does not get as far as a transaction', async () => {
  let isAway = false
  const toStorage = (data: Uint8Array): Uint8Array => (isAway ? assert.fail('the plugin is away') : data)
  const encryption = { generation: 1, transformerOf: () => ({ ...identity, toStorage }) } as unknown as Encryption
  const store = new EncryptedStore(createMemoryStore({ clock: systemClock }), encryption, builtInKinds)
  const spans = await spansOf(store, async send => {
    assert.equal(await send('/secrets', { metadata: { name: 'there' } }), 201)
    isAway = true
    assert.equal(await send('/secrets', { metadata: { name: 'new' } }), 500)
    const labels = { changed: 'true' }
    assert.equal(await send('/secrets/there', { metadata: { name: 'there', labels } }, 'PUT'), 500)
  })
  const failed = ['About to Encode', 'Encode succeeded', 'TransformToStorage failed']
  const ofSecrets = (verb: string) =>
    spans.filter(({ name, attributes }) => name === `${verb} etcd3` && attributes.resource === 'secrets')
  assert.deepEqual(namesOfEvents(ofSecrets('Create').at(-1)!), failed)
  assert.deepEqual(namesOfEvents(ofSecrets('GuaranteedUpdate').at(-1)!), ['initial value restored', ...failed])
})
