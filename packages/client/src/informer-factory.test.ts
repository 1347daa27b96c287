import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { ConfigMaps, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import {
  expiredError,
  type KubeObject,
  notFoundError,
  serviceUnavailableError,
  tooLargeResourceVersionError,
} from '@canopus/apimachinery'
import { type Logger, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { bytesOfPiece, carry } from './carried-values.ts'
import { createInformerFactory, type Transform, withoutManagedFields } from './informer-factory.ts'
import { createClient } from './json-client.ts'
import { createFakeServer, type FakeServer } from './testing/index.ts'
import type { Transport } from './transport.ts'

let clock: SimulatedClock
let server: FakeServer
let stop: AbortController

beforeEach(() => {
  clock = new SimulatedClock()
  server = createFakeServer({ clock })
  stop = new AbortController()
})

function informers(from: FakeServer = server, logger: Logger = silentLogger) {
  const client = createClient(from)
  return createInformerFactory({ client, clock, random: new SeededRandom(1), logger })
}

const configMap = (name: string, namespace = 'default', data: Record<string, string> = {}) => ({
  metadata: { name, namespace },
  data,
})

function recorder() {
  const seen: string[] = []
  return {
    seen,
    handler: {
      added: (object: KubeObject, initial: boolean) =>
        void seen.push(`${initial ? 'initial' : 'added'} ${object.metadata.name}`),
      updated: (_old: KubeObject, object: KubeObject) => void seen.push(`updated ${object.metadata.name}`),
      deleted: (object: KubeObject) => void seen.push(`deleted ${object.metadata.name}`),
    },
  }
}

for (const watchList of [true, false]) {
  describe(watchList ? 'with streamed lists' : 'with list and watch', () => {
    test('who owns which fields is left out, where that is asked for', async () => {
      server = createFakeServer({ clock, watchList })
      const managedFields = [{ manager: 'me', operation: 'Update', fieldsV1: { 'f:data': {} } }]
      const object = configMap('a')
      server.add(ConfigMaps, { ...object, metadata: { ...object.metadata, managedFields } } as never)
      const kept = new Map([
        [undefined, managedFields],
        [withoutManagedFields, undefined],
      ])
      for (const [transform, expected] of kept) {
        const client = createClient(server)
        const options = { client, clock, random: new SeededRandom(1), logger: silentLogger }
        const factory = createInformerFactory(transform === undefined ? options : { ...options, transform })
        const informer = factory.informer(ConfigMaps)
        factory.start(stop.signal)
        await factory.waitForSync()
        const owners = (): unknown => informer.lister.get('a', 'default')?.metadata.managedFields
        assert.deepEqual(owners(), expected)
        const x = String(transform?.name)
        server.change(ConfigMaps, 'a', 'default', changed => (changed.data = { x }))
        await clock.advance(0)
        assert.equal(informer.lister.get('a', 'default')?.data?.x, x)
        assert.deepEqual(owners(), expected)
      }
    })

    test('what objects have in common is held once, also by the next version of one', async () => {
      server = createFakeServer({ clock, watchList })
      server.add(ConfigMaps, configMap('a', 'default', { x: '1' }))
      server.add(ConfigMaps, configMap('b', 'default', { x: '1' }))
      const factory = informers(server)
      const informer = factory.informer(ConfigMaps)
      factory.start(stop.signal)
      await factory.waitForSync()
      const of = (name: string) => informer.lister.get(name, 'default')!
      const { data } = of('a')
      assert.equal(of('b').data, data)
      server.change(ConfigMaps, 'a', 'default', changed => (changed.metadata.labels = { new: 'yes' }))
      await clock.advance(0)
      assert.deepEqual(of('a').metadata.labels, { new: 'yes' })
      assert.equal(of('a').data, data)
    })

    test('mirrors the collection and tells handlers in order', async () => {
      server = createFakeServer({ clock, watchList })
      server.add(ConfigMaps, configMap('a'))
      server.add(ConfigMaps, configMap('b'))
      const factory = informers(server)
      const informer = factory.informer(ConfigMaps)
      const { seen, handler } = recorder()
      informer.addHandler(handler)
      assert.equal(informer.synced, false)
      factory.start(stop.signal)
      await factory.waitForSync()
      assert.deepEqual(seen, ['initial a', 'initial b'])
      server.add(ConfigMaps, configMap('c'))
      server.change(ConfigMaps, 'a', 'default', object => (object.data = { x: '1' }))
      server.remove(ConfigMaps, 'b', 'default')
      await clock.advance(0)
      assert.deepEqual(seen.slice(2), ['added c', 'updated a', 'deleted b'])
      assert.deepEqual(
        informer.lister.list('default').map(object => object.metadata.name),
        ['a', 'c'],
      )
      assert.equal(informer.lister.get('a', 'default')?.kind, 'ConfigMap')
      stop.abort()
    })
  })
}

test('informers that get the very same object hold one between them, but for what they leave out', async () => {
  server.add(ConfigMaps, configMap('a'))
  const events = new Map<string, unknown>()
  const carrying: Transport = {
    send: async request => {
      const response = await server.send(request)
      const chunks = response.chunks.bind(response)
      response.chunks = async function* () {
        for await (const piece of chunks()) {
          const chunk = bytesOfPiece(piece)
          const text = new TextDecoder().decode(chunk)
          if (!events.has(text))
            events.set(
              text,
              text
                .trim()
                .split('\n')
                .map(line => JSON.parse(line) as unknown),
            )
          carry(chunk, () => events.get(text))
          yield chunk
        }
      }
      return response
    },
  }
  const lister = async (transform: Transform | undefined) => {
    const client = createClient(carrying)
    const options = { client, clock, random: new SeededRandom(1), logger: silentLogger }
    const factory = createInformerFactory(transform === undefined ? options : { ...options, transform })
    const informer = factory.informer(ConfigMaps)
    factory.start(stop.signal)
    await factory.waitForSync()
    return informer.lister
  }
  const [one, two, whole] = [
    await lister(withoutManagedFields),
    await lister(withoutManagedFields),
    await lister(undefined),
  ]
  server.change(ConfigMaps, 'a', 'default', changed => {
    changed.data = { x: '1' }
    changed.metadata.managedFields = [{ manager: 'm' }]
  })
  await clock.advance(0)
  assert.deepEqual(one.get('a', 'default')?.data, { x: '1' })
  assert.equal(one.get('a', 'default'), two.get('a', 'default'))
  assert.equal(two.get('a', 'default')?.metadata.managedFields, undefined)
  assert.deepEqual(whole.get('a', 'default')?.metadata.managedFields, [{ manager: 'm' }])
  stop.abort()
})

test('resumes from where it was when the stream ends', async () => {
  server.add(ConfigMaps, configMap('a'))
  const factory = informers()
  const { seen, handler } = recorder()
  factory.informer(ConfigMaps).addHandler(handler)
  factory.start(stop.signal)
  await factory.waitForSync()
  await clock.advance(60_000)
  server.closeWatches()
  server.add(ConfigMaps, configMap('b'))
  await clock.advance(10_000)
  assert.deepEqual(seen, ['initial a', 'added b'])
  const watches = server.requests.map(request => request.path).filter(path => path.includes('watch=true'))
  assert.match(watches.at(-1)!, /resourceVersion=1(&|$)/)
  stop.abort()
})

test('starts anew where history is gone, and finds what was deleted meanwhile', async () => {
  server.add(ConfigMaps, configMap('a'))
  server.add(ConfigMaps, configMap('b'))
  const factory = informers()
  const { seen, handler } = recorder()
  factory.informer(ConfigMaps).addHandler(handler)
  factory.start(stop.signal)
  await factory.waitForSync()
  server.closeWatches()
  server.remove(ConfigMaps, 'a', 'default')
  server.add(ConfigMaps, configMap('c'))
  server.compact()
  await clock.advance(10_000)
  assert.deepEqual(seen, ['initial a', 'initial b', 'added c', 'deleted a'])
  stop.abort()
})

test('starts anew where the server has an older state', async () => {
  server.add(ConfigMaps, configMap('a'))
  const factory = informers()
  const { seen, handler } = recorder()
  factory.informer(ConfigMaps).addHandler(handler)
  factory.start(stop.signal)
  await factory.waitForSync()
  server.failNext({ path: /watch=true/ }, tooLargeResourceVersionError(9, 2))
  server.closeWatches()
  server.remove(ConfigMaps, 'a', 'default')
  server.add(ConfigMaps, configMap('b'))
  await clock.advance(20_000)
  assert.deepEqual(seen, ['initial a', 'added b', 'deleted a'])
  stop.abort()
})

test('an object made anew under the old name is two events', async () => {
  server.add(ConfigMaps, configMap('a'))
  const factory = informers()
  const { seen, handler } = recorder()
  factory.informer(ConfigMaps).addHandler(handler)
  factory.start(stop.signal)
  await factory.waitForSync()
  server.failNext({ path: /watch=true/ }, expiredError('too old'))
  server.closeWatches()
  server.remove(ConfigMaps, 'a', 'default')
  server.add(ConfigMaps, configMap('a'))
  await clock.advance(20_000)
  assert.deepEqual(seen, ['initial a', 'deleted a', 'added a'])
  stop.abort()
})

test('backs off while the server fails, then catches up', async () => {
  server.failNext({}, serviceUnavailableError('later'), 3)
  server.failNext({}, new Error('connection refused'), 2)
  const factory = informers()
  const informer = factory.informer(ConfigMaps)
  factory.start(stop.signal)
  await clock.advance(700)
  assert.equal(server.requests.length, 1)
  await clock.advance(120_000)
  assert.equal(informer.synced, true)
  assert.equal(server.requests.length, 6)
  stop.abort()
})

const failures: [what: string, error: Error, warnings: unknown[]][] = [
  ['an answer: its message, without a stack', serviceUnavailableError('later'), ['later']],
  ['a definition that was deleted: nothing', notFoundError({ group: '', resource: 'configmaps' }), []],
  ['no answer: the error', new TypeError('lost'), [new TypeError('lost')]],
]
for (const [what, error, expected] of failures)
  test(`what a failing watch warns of: ${what}`, async () => {
    const warnings: unknown[] = []
    const logger: Logger = {
      ...silentLogger,
      warn: (_, facts) => void warnings.push(facts?.error),
      child: () => logger,
    }
    server.failNext({}, error)
    const factory = informers(server, logger)
    const informer = factory.informer(ConfigMaps)
    factory.start(stop.signal)
    await clock.advance(10_000)
    assert.equal(informer.synced, true)
    assert.deepEqual(warnings, expected)
    stop.abort()
  })

test('indexes, namespaces and late handlers', async () => {
  const pod = (name: string, namespace: string, nodeName: string) => ({
    metadata: { name, namespace },
    spec: { containers: [], nodeName },
  })
  server.add(Pods, pod('a', 'x', 'n1'))
  server.add(Pods, pod('b', 'y', 'n1'))
  const factory = informers()
  const informer = factory.informer(Pods)
  informer.addIndex('node', object => [object.spec?.nodeName ?? ''])
  factory.start(stop.signal)
  await factory.waitForSync()
  assert.equal(informer.lister.byIndex('node', 'n1').length, 2)
  assert.equal(informer.lister.list('x').length, 1)
  server.change(Pods, 'a', 'x', object => (object.spec!.nodeName = 'n2'))
  await clock.advance(0)
  assert.deepEqual(
    informer.lister.byIndex('node', 'n1').map(object => object.metadata.name),
    ['b'],
  )
  const { seen, handler } = recorder()
  const remove = informer.addHandler(handler)
  assert.equal(seen.length, 2)
  remove()
  server.remove(Pods, 'a', 'x')
  await clock.advance(0)
  assert.equal(seen.length, 2)
  assert.equal(factory.informer(Pods), informer)
  stop.abort()
})

test('what is left out is left in the object that others share', () => {
  const managedFields = [{ manager: 'me' }]
  const object = { metadata: { name: 'a', managedFields }, data: {} }
  assert.deepEqual(JSON.parse(JSON.stringify(withoutManagedFields(object as never))), {
    metadata: { name: 'a' },
    data: {},
  })
  assert.equal(object.metadata.managedFields, managedFields)
})

test('an index is shared by name: one of the same name that is made otherwise is refused', () => {
  const informer = informers().informer(Pods)
  const byNode = (pod: Pod): string[] => [pod.spec?.nodeName ?? '']
  informer.addIndex('node', byNode)
  informer.addIndex('node', byNode)
  assert.throws(() => informer.addIndex('node', pod => [pod.metadata.name]), /pods have another index "node" already/)
})

test('a scope sees objects enter and leave its selection', async () => {
  const factory = informers()
  const informer = factory.informer(ConfigMaps, { labelSelector: 'app=web' })
  const { seen, handler } = recorder()
  informer.addHandler(handler)
  factory.start(stop.signal)
  await factory.waitForSync()
  server.add(ConfigMaps, { metadata: { name: 'a', labels: { app: 'web' } } })
  server.add(ConfigMaps, { metadata: { name: 'b', labels: { app: 'db' } } })
  server.change(ConfigMaps, 'a', 'default', object => (object.metadata.labels = {}))
  server.change(ConfigMaps, 'b', 'default', object => (object.metadata.labels = { app: 'web' }))
  await clock.advance(0)
  assert.deepEqual(seen, ['added a', 'deleted a', 'added b'])
  stop.abort()
})
