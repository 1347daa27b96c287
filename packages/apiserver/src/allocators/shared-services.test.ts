/** Several API servers on one store give out no address and no port twice. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { silentLogger } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { createMemoryStore, openEmbeddedStore, type Store } from '@canopus/store'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { NodePortBitmap } from './node-port-bitmap.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each()
})

/** As etcd is: a write is decided when it is done. */
function sayingNothing(store: Store): Store {
  const quiet: Pick<Store, 'create'> = {
    create: (key, value, { decided: _, ...options } = {}) => store.create(key, value, options),
  }
  return new Proxy(store, {
    get(of, name) {
      const own = Reflect.get(name in quiet ? quiet : of, name) as unknown
      return typeof own === 'function' ? own.bind(of) : own
    },
  })
}

async function servers(
  count: number,
  as = (store: Store): Store => store,
): Promise<{ store: Store; all: MemoryServer[] }> {
  const store = as(createMemoryStore({ clock: systemClock }))
  closing.push(() => store.close())
  const all: MemoryServer[] = []
  for (let index = 0; index < count; index++) {
    const server = await startMemoryServer({
      store,
      serviceCidr: '10.0.0.0/26',
      nodePortRange: { from: 30000, to: 30039 },
    })
    closing.push(() => server.stop())
    all.push(server)
  }
  return { store, all }
}

const SERVICES = '/api/v1/namespaces/default/services'
const CLAIMS = '/apis/networking.k8s.io/v1/ipaddresses'
const service = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
})

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await what()); attempt++) {
    if (attempt > 200) throw new Error('it did not come about')
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe('two API servers on one store', () => {
  test('fill a range together: every address and every port once', async () => {
    const { all } = await servers(2)
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        all[index % 2]!.send('POST', SERVICES, service(`s${index}`, { type: 'NodePort' })),
      ),
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
    assert.equal(new Set(answers.map(({ json }) => json.spec.clusterIP)).size, 40)
    assert.equal(new Set(answers.map(({ json }) => json.spec.ports[0].nodePort)).size, 40)
    const { items } = (await all[0]!.send('GET', CLAIMS)).json
    assert.equal(items.length, 40)
    const [first] = items
    assert.deepEqual(first.metadata.labels, {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    })
    const { resource, namespace, name } = first.spec.parentRef
    assert.deepEqual([resource, namespace, /^s\d+$/.test(name)], ['services', 'default', true])
    const late = await all[1]!.send('POST', SERVICES, service('late', { type: 'NodePort' }))
    assert.equal(late.status, 500)
    assert.match(late.json.message, /failed to allocate a nodePort: range is full/)
    for (const { errors } of all) assert.deepEqual(errors, [])
  })

  test('claim addresses where the store does not say when a write is decided', async () => {
    const { all } = await servers(2, sayingNothing)
    const answers = await Promise.all(
      all.map((each, index) => each.send('POST', SERVICES, service(`s${index}`, { clusterIP: '10.0.0.9' }))),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 422])
    assert.equal((await all[0]!.send('GET', CLAIMS)).json.items.length, 1)
  })

  test('one address or port that both are asked for goes to one', async () => {
    const { all } = await servers(2)
    const spec = { type: 'NodePort', clusterIP: '10.0.0.9', ports: [{ port: 80, nodePort: 30007 }] }
    const answers = await Promise.all(all.map((each, index) => each.send('POST', SERVICES, service(`s${index}`, spec))))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 422])
    const refused = answers.find(({ status }) => status === 422)!
    assert.match(refused.json.message, /failed to allocate IP 10\.0\.0\.9: provided IP is already allocated/)
  })

  test('what a service gives up, the other server gives out again', async () => {
    const { all } = await servers(2)
    const [one, other] = all
    const spec = { type: 'NodePort', clusterIP: '10.0.0.9', ports: [{ port: 80, nodePort: 30007 }] }
    for (let round = 0; round < 3; round++) {
      assert.equal((await one!.send('POST', SERVICES, service('a', spec))).status, 201)
      assert.equal((await other!.send('DELETE', `${SERVICES}/a`)).status, 200)
      assert.equal((await one!.send('GET', `${CLAIMS}/10.0.0.9`)).status, 404)
    }
    assert.equal((await other!.send('POST', SERVICES, service('b', spec))).status, 201)
    await other!.send(
      'PATCH',
      `${SERVICES}/b`,
      { spec: { type: 'ExternalName', externalName: 'x.y', clusterIP: null, clusterIPs: null, ports: null } },
      { 'content-type': 'application/merge-patch+json' },
    )
    await until(async () => (await one!.send('GET', `${CLAIMS}/10.0.0.9`)).status === 404)
  })

  test('dry runs and refused services claim nothing', async () => {
    const { all } = await servers(1)
    await all[0]!.send('POST', `${SERVICES}?dryRun=All`, service('dry'))
    assert.equal((await all[0]!.send('POST', SERVICES, service('Wrong_Name'))).status, 422)
    await until(async () => (await all[0]!.send('GET', CLAIMS)).json.items.length === 0)
  })
})

test('another ServiceCIDR adds addresses, while it is ready', async () => {
  const { all } = await servers(1)
  const { send } = all[0]!
  const cidrs = '/apis/networking.k8s.io/v1/servicecidrs'
  const outside = (): Promise<{ status: number; text: string }> =>
    send('POST', SERVICES, service('outside', { clusterIP: '10.1.0.9' }))
  assert.match((await outside()).text, /the provided network does not match the current range/)
  assert.equal(
    (await send('POST', cidrs, { metadata: { name: 'more' }, spec: { cidrs: ['10.1.0.0/24'] } })).status,
    201,
  )
  await until(async () => (await outside()).status === 201)
  const status = {
    status: {
      conditions: [
        { type: 'Ready', status: 'False', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
  }
  const patched = await send('PATCH', `${cidrs}/more/status`, status, {
    'content-type': 'application/merge-patch+json',
  })
  assert.equal(patched.status, 200)
  await until(async () => (await send('POST', SERVICES, service('late', { clusterIP: '10.1.0.10' }))).status === 422)
})

test('services from before there were claims get theirs at the start', async () => {
  const store = createMemoryStore({ clock: systemClock })
  closing.push(() => store.close())
  const old = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'old', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      type: 'NodePort',
      clusterIP: '10.96.0.77',
      clusterIPs: ['10.96.0.77'],
      ports: [{ port: 1, protocol: 'TCP', nodePort: 30123 }],
    },
  }
  await store.create('/registry/services/specs/default/old', () => Buffer.from(JSON.stringify(old)))
  const server = await startMemoryServer({ store })
  closing.push(() => server.stop())
  await until(async () => (await server.send('GET', `${CLAIMS}/10.96.0.77`)).status === 200)
  const ports = new NodePortBitmap(store, { from: 30000, to: 32767 })
  await until(async () => ports.exists())
  assert.deepEqual(await ports.take([30123, 30124]), [30123])
})

test('a service that came without a claim gets one when it is written', async () => {
  const { all } = await servers(1)
  const { send } = all[0]!
  await send('POST', SERVICES, service('s', { clusterIP: '10.0.0.9' }))
  const { json } = await send('GET', `${SERVICES}/s`)
  const again = { ...json, metadata: { ...json.metadata, labels: { a: 'b' } } }
  for (const written of ['changed', 'as it was']) {
    const { resourceVersion: _, ...metadata } = again.metadata
    await send('DELETE', `${CLAIMS}/10.0.0.9`)
    await until(async () => (await send('GET', `${CLAIMS}/10.0.0.9`)).status === 404)
    assert.equal((await send('PUT', `${SERVICES}/s`, { ...again, metadata })).status, 200, written)
    await until(async () => (await send('GET', `${CLAIMS}/10.0.0.9`)).status === 200)
  }
})

test('services of long ago, which lack what is said of services today, can be changed', async () => {
  const store = createMemoryStore({ clock: systemClock })
  closing.push(() => store.close())
  const old = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'old', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { clusterIP: '10.96.0.78', ports: [{ name: 'p', port: 81, targetPort: 0 }] },
    status: { loadBalancer: {} },
  }
  await store.create('/registry/services/specs/default/old', () => Buffer.from(JSON.stringify(old)))
  const server = await startMemoryServer({ store })
  closing.push(() => server.stop())
  const { status, json, text } = await server.send('PUT', `${SERVICES}/old`, old)
  assert.equal(status, 200, text)
  assert.deepEqual(json.spec.clusterIPs, ['10.96.0.78'])
  assert.equal(json.spec.type, 'ClusterIP')
})

describe('the bitmap of node ports', () => {
  test('is upstream’s: a number whose bits are the ports, the first one last', async () => {
    const store = createMemoryStore({ clock: systemClock })
    closing.push(() => store.close())
    const ports = new NodePortBitmap(store, { from: 30000, to: 32767 })
    assert.deepEqual(await ports.take([30000, 30009]), [])
    const stored = JSON.parse(Buffer.from((await store.get('/registry/ranges/servicenodeports'))!.value).toString())
    assert.deepEqual(stored, {
      kind: 'RangeAllocation',
      apiVersion: 'v1',
      metadata: {},
      range: '30000-32767',
      data: Buffer.from([0b10, 0b1]).toString('base64'),
    })
    assert.deepEqual(await ports.take([30009, 30010]), [30009])
    await ports.free([30009])
    assert.deepEqual(await ports.take([30009, 30010]), [])
    assert.deepEqual(await ports.repair(new Set([30001]), new Set([30000])), [30009, 30010])
  })
})

test('a service and its addresses wait for the disk together', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-services-'))
  closing.push(async () => rmSync(directory, { recursive: true }))
  const store = await openEmbeddedStore({ directory, clock: systemClock, logger: silentLogger })
  closing.push(() => store.close())
  const server = await startMemoryServer({ store, serviceCidr: '10.0.0.0/26' })
  closing.push(() => server.stop())
  const stop = new AbortController()
  const watching = store.watch('/registry/', await store.revision(), stop.signal)[Symbol.asyncIterator]()
  const batch = watching.next()
  assert.equal((await server.send('POST', SERVICES, service('a', { clusterIP: '10.0.0.9' }))).status, 201)
  assert.deepEqual(
    (await batch).value!.events.map(({ key }: { key: string }) => key),
    ['/registry/ipaddresses/10.0.0.9', '/registry/services/specs/default/a'],
  )
  stop.abort()
})
