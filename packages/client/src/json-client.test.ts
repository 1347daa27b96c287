import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigMaps, Deployments, Namespaces, Pods } from '@canopus/api'
import { StatusError } from '@canopus/apimachinery'
import { SimulatedClock } from '@canopus/base'
import { carry } from './carried-values.ts'
import type { Client } from './client.ts'
import { createClient } from './json-client.ts'
import { lines } from './json-lines.ts'
import { listAll } from './pager.ts'
import { createFakeServer } from './testing/index.ts'
import type { Transport, TransportRequest } from './transport.ts'

function recording(status = 200, body: unknown = {}): { transport: Transport; sent: TransportRequest[] } {
  const sent: TransportRequest[] = []
  const bytes = new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
  const transport: Transport = {
    async send(request) {
      sent.push(request)
      return {
        status,
        headers: {},
        bytes: async () => bytes,
        async *chunks() {
          yield bytes
        },
      }
    },
  }
  return { transport, sent }
}

test('a transport may pass on a copy of the request, whose text is written when it is asked for', async () => {
  const { transport, sent } = recording()
  const copying: Transport = {
    send: request => transport.send({ ...request, headers: { ...request.headers, a: 'b' } }),
  }
  const data = { k: 'v', unknown: undefined }
  await createClient(copying)
    .resource(ConfigMaps)
    .create({ metadata: { name: 'a', namespace: 'b' }, data } as never)
  await createClient(transport)
    .resource(ConfigMaps)
    .create({ metadata: { name: 'a', namespace: 'b' }, data } as never)
  for (const { body, value, method } of sent) {
    assert.equal(method, 'POST')
    assert.deepEqual(JSON.parse(new TextDecoder().decode(body)).data, { k: 'v' })
    assert.deepEqual((value as { data: unknown }).data, data)
  }
})

test('paths, queries and content types', async () => {
  const { transport, sent } = recording()
  const client = createClient(transport, { userAgent: 'me/1' })
  const deployments = client.resource(Deployments)
  const spec = { selector: {}, template: { spec: { containers: [] } } }
  const object = {
    metadata: { name: 'web', namespace: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec,
  }
  await deployments.get('web', { namespace: 'a' })
  await deployments.list({ labelSelector: 'a in (b,c)', limit: 5 })
  await deployments.create({ metadata: { name: 'web', namespace: 'a' }, spec }, { dryRun: true, fieldManager: 'm' })
  await deployments.update(object)
  await deployments.updateStatus(object)
  await deployments.patch('web', 'apply', {}, { namespace: 'a', fieldManager: 'm', force: true, subresource: 'status' })
  await deployments.delete('web', { namespace: 'a', body: { gracePeriodSeconds: 0 } })
  await deployments.deleteCollection({ namespace: 'a', labelSelector: 'x' })
  await deployments.subresource('web', 'scale', undefined, { namespace: 'a' })
  await client.resource(Namespaces).subresource('a', 'finalize', {}, { method: 'PUT' })
  assert.deepEqual(
    sent.map(({ method, path }) => `${method} ${path}`),
    [
      'GET /apis/apps/v1/namespaces/a/deployments/web',
      'GET /apis/apps/v1/deployments?labelSelector=a%20in%20(b%2Cc)&limit=5',
      'POST /apis/apps/v1/namespaces/a/deployments?dryRun=All&fieldManager=m',
      'PUT /apis/apps/v1/namespaces/a/deployments/web',
      'PUT /apis/apps/v1/namespaces/a/deployments/web/status',
      'PATCH /apis/apps/v1/namespaces/a/deployments/web/status?fieldManager=m&force=true',
      'DELETE /apis/apps/v1/namespaces/a/deployments/web',
      'DELETE /apis/apps/v1/namespaces/a/deployments?labelSelector=x',
      'GET /apis/apps/v1/namespaces/a/deployments/web/scale',
      'PUT /api/v1/namespaces/a/finalize',
    ],
  )
  assert.equal(sent[5]!.headers!['content-type'], 'application/apply-patch+yaml')
  assert.equal(sent[0]!.headers!['user-agent'], 'me/1')
  const created = JSON.parse(new TextDecoder().decode(sent[2]!.body)) as Record<string, unknown>
  assert.equal(created.apiVersion, 'apps/v1')
  assert.equal(created.kind, 'Deployment')
})

test('an empty name never addresses the collection', async () => {
  const { transport, sent } = recording()
  await assert.rejects(async () => createClient(transport).resource(Pods).delete('', { namespace: 'a' }), TypeError)
  assert.equal(sent.length, 0)
})

const ERRORS: [string, number, unknown, { reason: string; message: string }][] = [
  [
    'a Status is thrown as it is',
    404,
    { kind: 'Status', message: 'pods "x" not found', reason: 'NotFound', code: 404 },
    { reason: 'NotFound', message: 'pods "x" not found' },
  ],
  ['a bare text becomes a Status', 503, 'no backend', { reason: 'ServiceUnavailable', message: 'no backend' }],
  ['an unknown body too', 409, { a: 1 }, { reason: 'Conflict', message: '{"a":1}' }],
]
for (const [name, status, body, expected] of ERRORS) {
  test(name, async () => {
    const { transport } = recording(status, body)
    await assert.rejects(createClient(transport).resource(Pods).get('x', { namespace: 'a' }), error => {
      assert.ok(error instanceof StatusError)
      assert.equal(error.code, status)
      assert.equal(error.reason, expected.reason)
      assert.equal(error.message, expected.message)
      return true
    })
  })
}

test('an error tells who asked', async () => {
  const { transport } = recording(404, { kind: 'Status', message: 'no', reason: 'NotFound', code: 404 })
  async function whoAsks(): Promise<void> {
    await createClient(transport).resource(Pods).get('x', { namespace: 'a' })
  }
  await assert.rejects(whoAsks(), { stack: /^StatusError: no\n[\s\S]*whoAsks/ })
})

test('an ERROR event ends the watch with its Status', async () => {
  const event = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }
  const { transport } = recording(200, `${JSON.stringify(event)}\n`)
  await assert.rejects(
    async () => {
      for await (const _event of createClient(transport).resource(Pods).watch()) assert.fail('no event expected')
    },
    { name: 'StatusError', message: 'too old' },
  )
})

test('lines are whole wherever chunks are cut', async () => {
  const bytes = new TextEncoder().encode('{"a":"é"}\n{"b":2}\n\n{"cut":')
  for (let size = 1; size <= bytes.length; size++) {
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    const seen: string[] = []
    for await (const line of lines(chunks())) seen.push(line)
    assert.deepEqual(seen, ['{"a":"é"}', '{"b":2}'])
  }
})

test('the pager reads every page', async () => {
  const server = createFakeServer({ clock: new SimulatedClock() })
  for (let i = 0; i < 25; i++) server.add(ConfigMaps, { metadata: { name: `c${String(i).padStart(2, '0')}` } })
  const client = createClient(server).resource(ConfigMaps)
  const list = await listAll(client, { limit: 10 })
  assert.equal(list.items.length, 25)
  assert.equal(list.metadata.continue, undefined)
  assert.equal(server.requests.length, 3)
})

test('events that bytes carry are taken where sharing is wanted, and only between whole lines', async () => {
  const encoder = new TextEncoder()
  const text = (name: string): string => `${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`
  const carrying = (bytes: Uint8Array, name: string): Uint8Array => {
    carry(bytes, () => [{ type: 'ADDED', object: { metadata: { name } } }])
    return bytes
  }
  const cut = text('cut')
  const pieces = [
    carrying(encoder.encode(text('a')), 'carried-a'),
    encoder.encode(text('b') + cut.slice(0, 10)),
    carrying(encoder.encode(cut.slice(10) + text('c')), 'carried-c'),
    carrying(encoder.encode(text('d')), 'carried-d'),
  ]
  const transport: Transport = {
    send: async () => ({
      status: 200,
      headers: {},
      bytes: async () => new Uint8Array(),
      async *chunks() {
        yield* pieces
      },
    }),
  }
  const names = async (client: Client, shared?: boolean): Promise<string[]> => {
    const found: string[] = []
    const options = shared === undefined ? {} : { shared }
    for await (const { object } of client.resource(ConfigMaps).watch(options)) found.push(object.metadata.name)
    return found
  }
  const mixed = ['carried-a', 'b', 'cut', 'c', 'carried-d']
  assert.deepEqual(await names(createClient(transport)), ['a', 'b', 'cut', 'c', 'd'])
  assert.deepEqual(await names(createClient(transport), true), mixed)
  assert.deepEqual(await names(createClient(transport, { shared: true })), mixed)
})

test('an answer that nobody wants is taken off the connection, or left unmade where that goes', async () => {
  for (const isOnDemand of [false, true]) {
    const { transport, sent } = recording(201)
    let read = 0
    const counting: Transport = {
      async send(request) {
        const response = await transport.send(request)
        const bytes = (): Promise<Uint8Array> => {
          read++
          return response.bytes()
        }
        return { ...response, bytes, isOnDemand }
      },
    }
    const pods = createClient(counting).resource(Pods)
    const pod = { metadata: { name: 'p', namespace: 'a' }, spec: { containers: [] } }
    assert.equal(await pods.createUnread(pod, { fieldManager: 'm' }), undefined)
    assert.equal(await pods.subresourceUnread('p', 'binding', { target: { name: 'n' } }, { namespace: 'a' }), undefined)
    assert.deepEqual(
      sent.map(({ method, path }) => `${method} ${path}`),
      ['POST /api/v1/namespaces/a/pods?fieldManager=m', 'POST /api/v1/namespaces/a/pods/p/binding'],
    )
    assert.equal(read, isOnDemand ? 0 : 2)
  }
})
