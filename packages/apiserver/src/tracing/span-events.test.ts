/** What is noted in the spans of each verb, in its order. Upstream's list is test/integration/apiserver/tracing. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startMemoryServer } from '../testing/memory-server.ts'
import { type CollectedSpan, startTraceCollector, type TraceCollector, tracingTo } from '../testing/trace-collector.ts'

const NODES = '/api/v1/nodes'
const NODE = `${NODES}/fake`
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const PROTOBUF = { accept: 'application/vnd.kubernetes.protobuf' }
const STORED = ['About to Encode', 'Encode succeeded', 'TransformToStorage succeeded']
const WRITTEN = ['About to write a response', 'Writing http response done']
const SENT = ['About to start writing response', 'Write call succeeded']
const CHANGED = [
  'initial value restored',
  ...STORED,
  'Transaction prepared',
  'Txn call completed',
  'Transaction committed',
  'decode succeeded',
]
const READ = ['limitedReadBody succeeded', 'About to convert to expected version', 'Conversion done']
const STORING = ['About to store object in database', 'Write to database call succeeded']
const LISTED = [
  'Ready',
  'watchCache locked acquired',
  'watchCache fresh enough',
  'Listed items from cache',
  'Resized result',
  'Filtered items',
]
const json = (encodeGV: string): string =>
  `{"encodeGV":"${encodeGV}","encoder":"{\\"name\\":\\"json\\",\\"pretty\\":\\"false\\",\\"strict\\":\\"false\\",\\"yaml\\":\\"false\\"}","name":"versioning"}`

interface Row {
  readonly does: string
  readonly method: string
  readonly path: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** Every span below that of the request, with its events, in the order in which they end. */
  readonly spans: readonly (readonly [name: string, events: readonly string[]])[]
  /** Some attributes of the span of that name. */
  readonly shown?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const rows: readonly Row[] = [
  {
    does: 'creates',
    method: 'POST',
    path: NODES,
    body: { metadata: { name: 'fake' } },
    headers: PROTOBUF,
    spans: [
      ['Create etcd3', [...STORED, 'Txn call succeeded', 'decode succeeded']],
      ['SerializeObject', SENT],
      ['Create', [...READ, ...STORING, ...WRITTEN]],
    ],
    shown: {
      Create: { verb: 'create', resource: 'nodes', url: NODES, protocol: 'HTTP/1.1' },
      'Create etcd3': { key: '/minions/fake', type: '*core.Node', group: '', resource: 'nodes' },
      SerializeObject: {
        method: 'POST',
        url: NODES,
        protocol: 'HTTP/1.1',
        mediaType: 'application/vnd.kubernetes.protobuf',
        encoder: '{"encodeGV":"v1","encoder":"protobuf","name":"versioning"}',
      },
    },
  },
  {
    does: 'gets',
    method: 'GET',
    path: NODE,
    spans: [
      ['cacher.Get', ['About to Get from underlying storage']],
      ['SerializeObject', SENT],
      ['Get', ['About to Get from storage', ...WRITTEN]],
    ],
    shown: {
      'cacher.Get': { key: '/minions/fake', 'resource-version': '' },
      SerializeObject: { mediaType: 'application/json', encoder: json('v1') },
    },
  },
  {
    does: 'gets what the cache has',
    method: 'GET',
    path: `${NODE}?resourceVersion=0`,
    spans: [
      ['cacher.Get', ['About to fetch object from cache']],
      ['SerializeObject', SENT],
      ['Get', ['About to Get from storage', ...WRITTEN]],
    ],
    shown: { 'cacher.Get': { 'resource-version': '0' } },
  },
  {
    does: 'lists',
    method: 'GET',
    path: NODES,
    spans: [
      ['cacher.GetList', LISTED],
      ['SerializeObject', SENT],
      ['List', []],
    ],
    shown: { 'cacher.GetList': { type: 'nodes' } },
  },
  {
    does: 'lists as rows',
    method: 'GET',
    path: DEPLOYMENTS,
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    spans: [
      ['cacher.GetList', LISTED.filter(each => each !== 'Resized result')],
      ['SerializeObject', SENT],
      ['List', []],
    ],
    shown: {
      'cacher.GetList': { type: 'deployments.apps' },
      SerializeObject: { encoder: json('meta.k8s.io/v1') },
    },
  },
  {
    does: 'updates',
    method: 'PUT',
    path: NODE,
    body: { metadata: { name: 'fake', annotations: { foo: 'bar' } } },
    spans: [
      ['GuaranteedUpdate etcd3', CHANGED],
      ['SerializeObject', SENT],
      ['Update', [...READ, ...STORING, ...WRITTEN]],
    ],
    shown: { 'GuaranteedUpdate etcd3': { key: '/minions/fake', type: '*core.Node', resource: 'nodes' } },
  },
  {
    does: 'patches',
    method: 'PATCH',
    path: NODE,
    body: { metadata: { labels: { hello: 'world' } } },
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
    spans: [
      ['GuaranteedUpdate etcd3', CHANGED],
      ['SerializeObject', SENT],
      [
        'Patch',
        [
          'limitedReadBody succeeded',
          'Recorded the audit event',
          'About to apply patch',
          'About to check admission control',
          'Object stored in database',
          ...WRITTEN,
        ],
      ],
    ],
  },
  {
    does: 'deletes',
    method: 'DELETE',
    path: NODE,
    body: { kind: 'DeleteOptions', apiVersion: 'v1' },
    spans: [
      ['Delete etcd3', []],
      ['SerializeObject', SENT],
      [
        'Delete',
        [
          'limitedReadBody succeeded',
          'Decoded delete options',
          'Recorded the audit event',
          'About to delete object from database',
          'Object deleted from database',
          ...WRITTEN,
        ],
      ],
    ],
  },
  {
    does: 'answers with an error',
    method: 'GET',
    path: NODE,
    spans: [
      ['cacher.Get', ['About to Get from underlying storage']],
      ['SerializeObject', SENT],
      ['Get', ['About to Get from storage']],
    ],
    shown: { SerializeObject: { encoder: json('v1') } },
  },
  {
    does: 'fails to store',
    method: 'POST',
    path: DEPLOYMENTS,
    body: { metadata: { name: 'none' } },
    spans: [
      ['Create', [...READ, 'About to store object in database', 'Write to database call failed']],
      ['SerializeObject', SENT],
    ],
    shown: { SerializeObject: { encoder: json('apps/v1') } },
  },
]

const WATCH = `${NODES}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`
const EMPTY = new Uint8Array()

describe('the spans of a request that', () => {
  let collector: TraceCollector
  before(async () => {
    collector = await startTraceCollector()
    const server = await startMemoryServer({ tracing: tracingTo(collector) })
    try {
      for (const { method, path, body, headers } of rows) await server.send(method, path, body, { ...headers })
      const listing = await server.watch(WATCH)
      assert.equal((await listing.next()).type, 'BOOKMARK')
      listing.end()
      const plain = await server.watch(`${NODES}?watch=true`)
      plain.end()
      // Its connection goes before the answer begins.
      const connection = { remoteAddress: '127.0.0.1', certificateVerified: false }
      const [path = '', query = ''] = WATCH.split('?')
      const left = await server.server.handle({
        method: 'GET',
        path,
        query,
        headers: {},
        connection,
        body: () => EMPTY,
      })
      left.sent!()
    } finally {
      await server.stop()
    }
  })
  after(() => collector.stop())

  /** Spans below that of request number `index`. */
  function spansOf(index: number): readonly CollectedSpan[] {
    const roots = collector.spans.filter(({ kind }) => kind === 2)
    const inOrder = roots.sort((one, other) => Number(one.start - other.start))
    const { traceId } = inOrder[index]!
    return collector.spans.filter(span => span.traceId === traceId && span.kind !== 2)
  }

  for (const [index, { does, spans, shown = {} }] of rows.entries()) {
    it(does, () => {
      const found = spansOf(index)
      assert.deepEqual(
        found.map(({ name, events }) => [name, events.map(event => event.name)]),
        spans,
      )
      for (const { name, attributes } of found) assert.match(String(attributes['audit-id']), /^[0-9a-f-]{36}$/, name)
      for (const [name, expected] of Object.entries(shown)) {
        const { attributes } = found.find(span => span.name === name)!
        const same = Object.fromEntries(Object.keys(expected).map(key => [key, attributes[key]]))
        assert.deepEqual(same, expected)
      }
    })
  }

  it('watches from a list', () => {
    const found = spansOf(rows.length)
    assert.deepEqual(
      found.map(({ name, events }) => [name, events.map(event => event.name)]),
      [
        ['cacher.Watch', ['watchCache locked acquired', 'watchCache fresh enough']],
        ['WatchServer.HandleHTTP', ['About to start writing response', 'Writing initial events done']],
        ['WatchList', []],
      ],
    )
    const [watch, serving, list] = found
    assert.deepEqual([watch!.parentSpanId, serving!.parentSpanId], [list!.spanId, list!.spanId])
    assert.equal(serving!.attributes.encoder, json('v1'))
  })

  it('would have watched from a list', () => {
    assert.deepEqual(
      spansOf(rows.length + 2).map(({ name }) => name),
      ['cacher.Watch', 'WatchList'],
    )
  })

  it('watches', () => {
    assert.deepEqual(
      spansOf(rows.length + 1).map(({ name }) => name),
      ['cacher.Watch'],
    )
  })
})
