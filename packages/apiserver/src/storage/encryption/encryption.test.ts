import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore, type Store } from '@canopus/store'
import { type KmsPlugin, startKmsPlugin } from '../../testing/kms-plugin.ts'
import { type MemoryServer, startMemoryServer } from '../../testing/memory-server.ts'
import { EncryptedStore } from './encrypted-store.ts'
import { Encryption } from './encryption.ts'

const ONE = Buffer.alloc(32, 1).toString('base64')
const TWO = Buffer.alloc(32, 2).toString('base64')

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each()
})

const configuration = (...resources: object[]): string =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources })
const secrets = (...providers: object[]): string => configuration({ resources: ['secrets'], providers })
const keyed = (type: string, ...keys: [string, string][]): object => ({
  [type]: { keys: keys.map(([name, secret]) => ({ name, secret })) },
})
const kms = ({ endpoint }: KmsPlugin, name = 'plugin'): object => ({
  kms: { apiVersion: 'v2', name, endpoint, timeout: '2s' },
})

/** A server whose store is encrypted by a file that can be changed. */
async function encrypted(text: string, inner?: Store, clock = systemClock) {
  const file = { text }
  const store = inner ?? createMemoryStore({ clock: systemClock })
  const options = { readFile: () => file.text, reload: true, clock, random: systemRandom, logger: silentLogger }
  const encryption = await Encryption.load(options)
  const server = await startMemoryServer({ store: new EncryptedStore(store, encryption, builtInKinds) })
  closing.push(() => server.stop())
  const stored = async (key: string): Promise<string> => Buffer.from((await store.get(key))!.value).toString('latin1')
  return { ...server, encryption, file, inner: store, stored }
}

const secret = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  data: { password: 'aHVudGVyMg==' },
})
const PATH = '/api/v1/namespaces/default/secrets'
const KEY = '/registry/secrets/default/one'

async function readsBack({ send }: Pick<MemoryServer, 'send'>): Promise<void> {
  const { status, json } = await send('GET', `${PATH}/one`)
  assert.deepEqual([status, json.data], [200, { password: 'aHVudGVyMg==' }])
}

describe('encryption at rest', () => {
  for (const type of ['aescbc', 'aesgcm', 'secretbox']) {
    test(`by ${type}: the store holds nothing of the secret, and clients and watchers see it`, async () => {
      const server = await encrypted(secrets(keyed(type, ['key1', ONE])))
      const watch = await server.watch(`${PATH}?watch=1`)
      await server.send('POST', PATH, secret('one'))
      const bytes = await server.stored(KEY)
      assert.ok(bytes.startsWith(`k8s:enc:${type}:v1:key1:`), bytes.slice(0, 40))
      assert.ok(!bytes.includes('password'))
      await readsBack(server)
      assert.equal((await watch.next()).object.data.password, 'aHVudGVyMg==')
      const listed = await server.send('GET', PATH)
      assert.equal(listed.json.items[0].data.password, 'aHVudGVyMg==')
      await server.send('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'plain' } })
      assert.ok((await server.stored('/registry/configmaps/default/plain')).startsWith('{'))
      await server.send('DELETE', `${PATH}/one`)
      assert.equal((await server.send('GET', `${PATH}/one`)).status, 404)
    })
  }

  test('another server reads what one wrote, and conflicts show the newest state', async () => {
    const text = secrets(keyed('aesgcm', ['key1', ONE]))
    const one = await encrypted(text)
    const created = await one.send('POST', PATH, secret('one'))
    const other = await encrypted(text, one.inner)
    await readsBack(other)
    await one.send('PUT', `${PATH}/one`, { ...created.json, data: { other: 'eA==' } })
    const again = await other.send('PUT', `${PATH}/one`, created.json)
    assert.equal(again.status, 409)
    assert.deepEqual((await other.send('GET', `${PATH}/one`)).json.data, { other: 'eA==' })
    assert.equal((await other.send('POST', PATH, secret('one'))).status, 409)
  })

  test('what is stored is bound to the name under which the store keeps it', async () => {
    const text = secrets(keyed('aesgcm', ['key1', ONE]))
    const inner = createMemoryStore({ clock: systemClock })
    const below = (prefix: string): Store =>
      new Proxy(inner, {
        get(target, name) {
          if (name === 'storedKey') return (key: string) => prefix + key
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    const one = await encrypted(text, below('/a'))
    await one.send('POST', PATH, secret('one'))
    await readsBack(await encrypted(text, below('/a')))
    const { json } = await (await encrypted(text, below('/b'))).send('GET', `${PATH}/one`)
    assert.match(json.message, /"\/b\/registry\/secrets\/default\/one"/)
  })

  test('with another key first: the old is read, and an update that changes nothing writes anew', async () => {
    const server = await encrypted(secrets(keyed('aescbc', ['key1', ONE])))
    const created = await server.send('POST', PATH, secret('one'))
    const same = await server.send('PUT', `${PATH}/one`, created.json)
    assert.equal(same.json.metadata.resourceVersion, created.json.metadata.resourceVersion)
    server.file.text = secrets(keyed('aescbc', ['key2', TWO], ['key1', ONE]))
    assert.equal(await server.encryption.reload(), true)
    await readsBack(server)
    const rewritten = await server.send('PUT', `${PATH}/one`, created.json)
    assert.notEqual(rewritten.json.metadata.resourceVersion, created.json.metadata.resourceVersion)
    assert.ok((await server.stored(KEY)).startsWith('k8s:enc:aescbc:v1:key2:'))
    const patch = { 'content-type': 'application/merge-patch+json' }
    const unchanged = await server.send('PATCH', `${PATH}/one`, {}, patch)
    assert.equal(unchanged.json.metadata.resourceVersion, rewritten.json.metadata.resourceVersion)
  })

  test('begins with plain objects, and ends with identity first', async () => {
    const server = await encrypted(secrets({ identity: {} }))
    const created = await server.send('POST', PATH, secret('one'))
    assert.ok((await server.stored(KEY)).startsWith('{'))
    for (const [providers, prefix] of [
      [[keyed('secretbox', ['k', ONE]), { identity: {} }], 'k8s:enc:secretbox:v1:k:'],
      [[{ identity: {} }, keyed('secretbox', ['k', ONE])], '{'],
    ] as const) {
      server.file.text = secrets(...providers)
      await server.encryption.reload()
      const { resourceVersion: _, ...metadata } = created.json.metadata
      assert.equal((await server.send('PUT', `${PATH}/one`, { ...created.json, metadata })).status, 200)
      assert.ok((await server.stored(KEY)).startsWith(prefix))
    }
    await readsBack(server)
  })

  test('what cannot be read is there: its kind answers 500, others go on, and it comes back with the key', async () => {
    const first = await encrypted(secrets(keyed('aesgcm', ['key1', ONE])))
    await first.send('POST', PATH, secret('one'))
    const server = await encrypted(secrets(keyed('aesgcm', ['key2', TWO])), first.inner)
    const got = await server.send('GET', `${PATH}/one`)
    const message = `Internal error occurred: unable to transform key "${KEY}": no matching key was found for the provided AES transformer`
    assert.deepEqual([got.status, got.json.message], [500, message])
    assert.equal((await server.send('GET', PATH)).status, 500)
    assert.equal((await server.send('GET', '/api/v1/namespaces/other/secrets')).status, 200)
    assert.equal((await server.send('GET', '/api/v1/namespaces')).status, 200)
    assert.equal((await server.send('DELETE', `${PATH}/one`)).status, 500)
    assert.equal((await server.send('POST', PATH, secret('one'))).status, 409)
    assert.equal((await server.send('POST', PATH, secret('two'))).status, 201)
    server.file.text = secrets(keyed('aesgcm', ['key2', TWO], ['key1', ONE]))
    await server.encryption.reload()
    await readsBack(server)
    assert.equal((await server.send('GET', PATH)).json.items.length, 2)
  })

  test('a value that was moved to another key does not open there', async () => {
    const server = await encrypted(secrets(keyed('aesgcm', ['key1', ONE])))
    await server.send('POST', PATH, secret('one'))
    const { value } = (await server.inner.get(KEY))!
    await server.inner.create('/registry/secrets/default/thief', () => value)
    const stolen = await server.send('GET', `${PATH}/thief`)
    assert.match(stolen.json.message, /thief.*message authentication failed/)
  })

  test('wildcards: the most exact rule counts', async () => {
    const provider = (name: string): object => keyed('aesgcm', [name, ONE])
    const server = await encrypted(
      configuration(
        { resources: ['secrets'], providers: [provider('exact')] },
        { resources: ['*.apps'], providers: [provider('group')] },
        { resources: ['*.*'], providers: [provider('all')] },
      ),
    )
    const { encryption } = server
    const name = (group: string, resource: string): string =>
      Buffer.from(encryption.transformerOf(group, resource).toStorage(Buffer.from('x'), '/')).toString('latin1')
    assert.match(name('', 'secrets'), /^k8s:enc:aesgcm:v1:exact:/)
    assert.match(name('apps', 'deployments'), /^k8s:enc:aesgcm:v1:group:/)
    assert.match(name('', 'configmaps'), /^k8s:enc:aesgcm:v1:all:/)
    assert.match(name('example.com', 'widgets'), /^k8s:enc:aesgcm:v1:all:/)
    const service = { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } }
    await server.send('POST', '/api/v1/namespaces/default/services', service)
    assert.match(await server.stored('/registry/services/specs/default/s'), /^k8s:enc:aesgcm:v1:all:/)
  })

  test('an invalid file is not taken over', async () => {
    const server = await encrypted(secrets(keyed('aesgcm', ['key1', ONE])))
    server.file.text = 'nonsense'
    assert.equal(await server.encryption.reload(), false)
    await server.send('POST', PATH, secret('one'))
    await readsBack(server)
  })
})

describe('encryption by a KMS v2 plugin', () => {
  async function plugin(abstract?: string): Promise<KmsPlugin> {
    const started = await startKmsPlugin(undefined, abstract)
    closing.push(() => started.stop())
    return started
  }

  test('one key for all values, which the plugin is asked for once', async () => {
    const kmsPlugin = await plugin()
    const text = secrets(kms(kmsPlugin))
    const server = await encrypted(text)
    for (const name of ['one', 'two', 'three']) await server.send('POST', PATH, secret(name))
    assert.ok((await server.stored(KEY)).startsWith('k8s:enc:kms:v2:plugin:'))
    assert.ok(!(await server.stored(KEY)).includes('password'))
    assert.equal(kmsPlugin.calls.encrypt, 1)
    await readsBack(server)
    const other = await encrypted(text, server.inner)
    await readsBack(other)
    assert.deepEqual([kmsPlugin.calls.encrypt, kmsPlugin.calls.decrypt], [2, 1])
  })

  test('on a socket that is no file', { skip: process.platform !== 'linux' }, async () => {
    const server = await encrypted(secrets(kms(await plugin(`canopus-kms-${process.pid}`))))
    await server.send('POST', PATH, secret('one'))
    assert.ok((await server.stored(KEY)).startsWith('k8s:enc:kms:v2:plugin:'))
  })

  test('another key of the plugin makes what was written under the old one stale', async () => {
    const kmsPlugin = await plugin()
    const clock = new SimulatedClock()
    const server = await encrypted(secrets(kms(kmsPlugin)), undefined, clock)
    const created = await server.send('POST', PATH, secret('one'))
    kmsPlugin.keyId = 'key-2'
    const [check] = server.encryption.healthChecks()
    await check!.check()
    assert.equal(kmsPlugin.calls.encrypt, 1, 'an answer stands for some seconds')
    await clock.advance(21_000)
    await check!.check()
    assert.equal(kmsPlugin.calls.encrypt, 2)
    await readsBack(server)
    const rewritten = await server.send('PUT', `${PATH}/one`, created.json)
    assert.notEqual(rewritten.json.metadata.resourceVersion, created.json.metadata.resourceVersion)
    assert.match(await server.stored(KEY), /key-2/)
  })

  test('a plugin that is unwell fails the health check; after three minutes nothing is written', async () => {
    const kmsPlugin = await plugin()
    const clock = new SimulatedClock()
    const server = await encrypted(secrets(kms(kmsPlugin)), undefined, clock)
    const [check] = server.encryption.healthChecks()
    assert.equal(check!.name, 'kms-providers')
    kmsPlugin.healthz = 'tired'
    kmsPlugin.keyId = ''
    await clock.advance(21_000)
    await assert.rejects(async () => check!.check(), /kms-provider-0: kmsv2 Provider plugin is not healthy.*tired/)
    assert.equal((await server.send('POST', PATH, secret('one'))).status, 201)
    await clock.advance(180_000)
    const late = await server.send('POST', PATH, secret('two'))
    assert.equal(late.status, 500)
    assert.match(late.json.message, /encryptedDEKSource with keyID hash "sha256:[0-9a-f]+" expired at/)
    await readsBack(server)
  })

  test('plugins have one check together, also where the file is not followed; it says nothing of whether the server is alive', async () => {
    const [one, two] = [await plugin(), await plugin()]
    const text = configuration(
      { resources: ['secrets'], providers: [kms(one, 'first')] },
      { resources: ['configmaps'], providers: [kms(two, 'second')] },
    )
    const options = { readFile: () => text, clock: systemClock, random: systemRandom, logger: silentLogger }
    const encryption = await Encryption.load({ ...options, reload: false })
    const server = await startMemoryServer({ healthChecks: encryption.healthChecks() })
    closing.push(() => server.stop())
    const answers = async (path: string): Promise<number> => (await server.send('GET', path)).status
    const paths = ['healthz', 'readyz', 'livez'].map(root => `/${root}/kms-providers`)
    assert.deepEqual(await Promise.all(paths.map(answers)), [200, 200, 404])
  })

  test('a plugin that fails is told of in full to who asked it, and in its own words while that answer stands', async () => {
    const kmsPlugin = await plugin()
    const clock = new SimulatedClock()
    const server = await encrypted(secrets(kms(kmsPlugin)), undefined, clock)
    const [check] = server.encryption.healthChecks()
    await kmsPlugin.stop()
    await clock.advance(21_000)
    const where = 'failed to perform status section of the healthz check for KMS Provider plugin, error: '
    const told = async (): Promise<string> => {
      const error = await Promise.resolve(check!.check()).then(
        () => assert.fail('it is well'),
        (reason: Error) => reason,
      )
      return error.message.replace(/^.*?kms-provider-0: /, '')
    }
    const first = await told()
    assert.ok(first.startsWith(where), first)
    assert.equal(await told(), first.slice(where.length))
  })

  test('a plugin that comes later is found', async () => {
    const kmsPlugin = await plugin()
    const text = secrets(kms(kmsPlugin))
    const first = await encrypted(text)
    await first.send('POST', PATH, secret('one'))
    await kmsPlugin.stop()
    const clock = new SimulatedClock()
    const server = await encrypted(
      secrets({ kms: { apiVersion: 'v2', name: 'plugin', endpoint: kmsPlugin.endpoint, timeout: '100ms' } }),
      first.inner,
      clock,
    )
    assert.equal((await server.send('GET', `${PATH}/one`)).status, 500)
    const back = await startKmsPlugin(kmsPlugin.endpoint.replace(/^unix:\/\/(.*)\/[^/]*$/, '$1'))
    closing.push(() => back.stop())
    const [check] = server.encryption.healthChecks()
    await clock.advance(4000)
    for (let attempt = 0; ; attempt++) {
      try {
        await check!.check()
        break
      } catch (error) {
        if (attempt === 100) throw error
        await clock.advance(4000)
      }
    }
    await readsBack(server)
  })
})
