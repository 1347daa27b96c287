import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { ConfigMaps, Secrets } from '@canopus/api'
import type { ConfigMap, PodSpec } from '@canopus/api/core/v1'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import { buildPod } from '../testing/builders.ts'
import { ObjectWatches } from './object-watches.ts'
import { referencesOf } from './references.ts'

let clock: SimulatedClock
let server: FakeServer
let watches: ObjectWatches
let changed: string[]
const stop = new AbortController()
after(() => stop.abort())

beforeEach(() => {
  clock = new SimulatedClock()
  server = createFakeServer({ clock })
  changed = []
  const random = new SeededRandom(1)
  const options = { client: createClient(server), clock, random, logger: silentLogger }
  watches = new ObjectWatches({ ...options, changed: uid => changed.push(uid) }, stop.signal)
})

const shows = (name: string): Partial<PodSpec> => ({ volumes: [{ name: 'v', configMap: { name } }] })
const add = (name: string, more: Partial<ConfigMap> = {}) =>
  server.add<ConfigMap>(ConfigMaps, { metadata: { name, namespace: 'default' }, data: { v: '1' }, ...more })
const change = (name: string): unknown =>
  server.change<ConfigMap>(ConfigMaps, name, 'default', each => {
    each.data = { v: '2' }
  })
const value = async (name: string): Promise<string | undefined> => (await watches.configMap('default', name))?.data?.v
const requests = (): string[] =>
  server.requests.map(each => new URL(each.path, 'http://x').searchParams.get('fieldSelector')!)

test('what a pod refers to', () => {
  const pod = buildPod({
    imagePullSecrets: [{ name: 'pull' }],
    volumes: [
      { name: 'a', configMap: { name: 'c1' } },
      { name: 'b', secret: { secretName: 's1' } },
      { name: 'c', projected: { sources: [{ configMap: { name: 'c2' } }, { secret: { name: 's2' } }, {}] } },
    ],
    initContainers: [{ name: 'i', envFrom: [{ configMapRef: { name: 'c3' } }, { secretRef: { name: 's3' } }] }],
    containers: [
      {
        name: 'main',
        env: [
          { name: 'A', valueFrom: { configMapKeyRef: { name: 'c4', key: 'k' } } },
          { name: 'B', valueFrom: { secretKeyRef: { name: 's4', key: 'k' } } },
          { name: 'C', valueFrom: { configMapKeyRef: { name: 'c1', key: 'k' } } },
          { name: 'D', value: 'plain' },
        ],
      },
    ],
    ephemeralContainers: [{ name: 'e', envFrom: [{ secretRef: { name: 's5' } }] }],
  })
  assert.deepEqual(
    referencesOf(pod)
      .map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)
      .sort(),
    [
      ...['c1', 'c2', 'c3', 'c4'].map(name => `configMap default/${name}`),
      ...['pull', 's1', 's2', 's3', 's4', 's5'].map(name => `secret default/${name}`),
    ],
  )
})

test('a change reaches every pod that refers to the object, and the next reader', async () => {
  add('a')
  watches.register(buildPod(shows('a'), { uid: 'u1' }))
  watches.register(buildPod(shows('a'), { uid: 'u2' }))
  assert.equal(await value('a'), '1')
  assert.deepEqual(changed, [])
  change('a')
  await clock.advance(0)
  assert.deepEqual(changed, ['u1', 'u2'])
  assert.equal(await value('a'), '2')
  assert.deepEqual(requests(), ['metadata.name=a'])
})

test('an object that comes later or goes', async () => {
  watches.register(buildPod(shows('late')))
  assert.equal(await value('late'), undefined)
  add('late')
  await clock.advance(0)
  assert.deepEqual(changed, ['u1'])
  assert.equal(await value('late'), '1')
  server.remove(ConfigMaps, 'late', 'default')
  await clock.advance(0)
  assert.deepEqual(changed, ['u1', 'u1'])
  assert.equal(await value('late'), undefined)
})

test('nothing is watched any more once no pod refers to it', async () => {
  add('a')
  const pod = buildPod(shows('a'), { uid: 'u1' })
  watches.register(pod)
  watches.register(buildPod(shows('a'), { uid: 'u2' }))
  await value('a')
  watches.unregister('u1')
  assert.equal(watches.size, 1)
  watches.unregister('u2')
  assert.equal(watches.size, 0)
  change('a')
  await clock.advance(0)
  assert.deepEqual(changed, [])
  await assert.rejects(value('a'), /object "default"\/"a" not registered/)
  // a pod's references may change too: ephemeral containers are added
  watches.register(pod)
  watches.register(buildPod({}, { uid: 'u1' }))
  assert.equal(watches.size, 0)
})

test('an immutable object is read once', async () => {
  add('fixed', { immutable: true })
  watches.register(buildPod(shows('fixed')))
  assert.equal(await value('fixed'), '1')
  assert.equal(watches.size, 0)
  assert.equal(await value('fixed'), '1')
  assert.equal(requests().length, 1)
})

test('an object that becomes immutable is watched no longer', async () => {
  add('a')
  watches.register(buildPod(shows('a')))
  await value('a')
  server.change<ConfigMap>(ConfigMaps, 'a', 'default', each => {
    each.immutable = true
    each.data = { v: 'last' }
  })
  await clock.advance(0)
  assert.deepEqual([changed, watches.size, await value('a')], [['u1'], 0, 'last'])
})

test('what nobody reads is watched no longer, until somebody does', async () => {
  add('a')
  watches.register(buildPod({ containers: [{ name: 'main', envFrom: [{ configMapRef: { name: 'a' } }] }] }))
  await value('a')
  await clock.advance(299_000)
  watches.prune()
  assert.equal(watches.size, 1)
  await clock.advance(2_000)
  watches.prune()
  assert.equal(watches.size, 0)
  change('a')
  assert.equal(await value('a'), '2')
  assert.equal(watches.size, 1)
})

test('a server that does not answer is said so in time', async () => {
  server.failNext({}, new Error('refused'), 100)
  watches.register(buildPod({ imagePullSecrets: [{ name: 's' }] }))
  const waiting = watches.secret('default', 's')
  const refused = assert.rejects(waiting, /^Error: failed to sync secret cache: timed out waiting for the condition$/)
  await clock.advance(1_000)
  await refused
})

test('secrets as well', async () => {
  server.add(Secrets, { metadata: { name: 's', namespace: 'default' }, data: { k: 'eA==' } })
  watches.register(buildPod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }))
  assert.deepEqual((await watches.secret('default', 's'))?.data, { k: 'eA==' })
})
