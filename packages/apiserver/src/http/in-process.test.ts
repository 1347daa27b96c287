import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ConfigMaps, Events, EventsV1, Namespaces } from '@canopus/api'
import { bytesOfPiece, type Client, carriedBy, createClient, type Piece, type Transport } from '@canopus/client'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

let memory: MemoryServer
let transport: Transport
let client: Client
before(async () => {
  memory = await startMemoryServer()
  transport = memory.server.transport({ name: 'tester', groups: ['system:masters', 'system:authenticated'] })
  client = createClient(transport)
  await client.resource(Namespaces).create({
    metadata: { name: 'a' },
    spec: {},
  })
})
after(() => memory.stop())

const configMap = (name: string, text: string): never =>
  ({ metadata: { name, namespace: 'a' }, data: { text } }) as never

/** Pieces of a watch from its start on; `read` waits for the next one that is about objects. */
async function watch(path: string): Promise<{ read(): Promise<Piece>; end(): void }> {
  const stop = new AbortController()
  const response = await transport.send({ method: 'GET', path: `${path}?watch=1`, signal: stop.signal })
  const chunks = response.chunks()[Symbol.asyncIterator]()
  return { read: async () => (await chunks.next()).value as Piece, end: () => stop.abort() }
}

const linesOf = (piece: Piece): unknown[] =>
  new TextDecoder()
    .decode(bytesOfPiece(piece))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as unknown)

test('a watch in this process carries what its bytes say, the same object to all', async () => {
  const [one, other] = [await watch('/api/v1/namespaces/a/configmaps'), await watch('/api/v1/configmaps')]
  const maps = client.resource(ConfigMaps)
  const writes: [type: string, write: () => Promise<unknown>][] = [
    ['ADDED', () => maps.create(configMap('x', 'one'))],
    ['MODIFIED', () => maps.patch('x', 'merge', { data: { text: 'two' } }, { namespace: 'a' })],
    ['DELETED', () => maps.delete('x', { namespace: 'a' })],
  ]
  for (const [type, write] of writes) {
    await write()
    const [bytes, same] = [await one.read(), await other.read()]
    const events = carriedBy(bytes) as { type: string; object: object }[]
    assert.equal(events[0]?.type, type)
    assert.deepEqual(events, linesOf(bytes))
    assert.equal((carriedBy(same) as typeof events)[0]?.object, events[0]?.object)
  }
  one.end()
  other.end()
})

test('events that come together are carried together', async () => {
  const { read, end } = await watch('/api/v1/namespaces/a/configmaps')
  await Promise.all(['p', 'q', 'r'].map(name => client.resource(ConfigMaps).create(configMap(name, name))))
  const seen: unknown[] = []
  while (seen.length < 3) {
    const bytes = await read()
    assert.deepEqual(carriedBy(bytes), linesOf(bytes))
    seen.push(...linesOf(bytes))
  }
  end()
})

test('what is stored as another version is carried as the one asked for', async () => {
  const { read, end } = await watch('/apis/events.k8s.io/v1/namespaces/a/events')
  const regarding = { kind: 'Pod', namespace: 'a', name: 'p' }
  const event = { metadata: { name: 'e', namespace: 'a' }, involvedObject: regarding, reason: 'r', message: 'm' }
  await client.resource(Events).create({ ...event, type: 'Normal', source: { component: 'c' } } as never)
  const bytes = await read()
  assert.deepEqual(carriedBy(bytes), linesOf(bytes))
  assert.equal((linesOf(bytes)[0] as { object: { note: string } }).object.note, 'm')
  const answered = await createClient(transport, { shared: true }).resource(EventsV1).get('e', { namespace: 'a' })
  assert.deepEqual(answered, await client.resource(EventsV1).get('e', { namespace: 'a' }))
  end()
})

test('where a number may be longer than numbers are, only the text tells', async () => {
  const { read, end } = await watch('/api/v1/namespaces/a/configmaps')
  await client.resource(ConfigMaps).create(configMap('long', '12345678901234567890'))
  assert.equal(carriedBy(await read()), undefined)
  end()
})

test('a client that shares gets the object that the cache has, others one of their own', async () => {
  const shared = createClient(transport, { shared: true }).resource(ConfigMaps)
  const own = client.resource(ConfigMaps)
  const created = await shared.create(configMap('s', 'x'))
  const read = await shared.get('s', { namespace: 'a' })
  assert.equal(read, created)
  const [first, second] = [await own.get('s', { namespace: 'a' }), await own.get('s', { namespace: 'a' })]
  assert.deepEqual(first, read)
  assert.notEqual(first, read)
  assert.notEqual(first, second)
})

test('the answer to a write is made when it is read, and what was wrong with the write is told in any case', async () => {
  const maps = client.resource(ConfigMaps)
  let read = 0
  const counting: Transport = {
    async send(request) {
      const response = await transport.send(request)
      assert.equal(response.isOnDemand, true)
      return {
        ...response,
        bytes() {
          read++
          return response.bytes()
        },
      }
    },
  }
  const writer = createClient(counting).resource(ConfigMaps)
  assert.equal(await writer.createUnread(configMap('unread', 'x')), undefined)
  assert.equal(read, 0)
  assert.deepEqual((await maps.get('unread', { namespace: 'a' })).data, { text: 'x' })
  await assert.rejects(writer.createUnread(configMap('unread', 'x')), { reason: 'AlreadyExists' })
  const created = await maps.create(configMap('read', 'y'))
  assert.deepEqual(created, await maps.get('read', { namespace: 'a' }))
})
