import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mutatingWebhooks } from '../admission/webhooks/mutating.ts'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { startTraceCollector, type TraceCollector, tracingTo } from '../testing/trace-collector.ts'
import { startWebhookServer, type WebhookServer } from '../testing/webhook-server.ts'
import { readTracingConfiguration } from './configuration.ts'
import { incomingContext, outgoingHeaders } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01` }
const CONFIG_MAP = { metadata: { name: 'traced' }, data: { a: 'b' } }
const PATH = '/api/v1/namespaces/default/configmaps'

const configuration = (fields: string): string =>
  `apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\n${fields}`

describe('the configuration of tracing', () => {
  const accepted: readonly [string, object][] = [
    ['', { endpoint: 'localhost:4317', samplingRatePerMillion: 0 }],
    [
      'endpoint: collector:4317\nsamplingRatePerMillion: 12378',
      { endpoint: 'collector:4317', samplingRatePerMillion: 12378 },
    ],
    ['endpoint: dns://google.com:4317', { endpoint: 'dns://google.com:4317', samplingRatePerMillion: 0 }],
    ['endpoint: unix://path/to/socket', { endpoint: 'unix://path/to/socket', samplingRatePerMillion: 0 }],
  ]
  for (const [fields, expected] of accepted) {
    it(`takes ${JSON.stringify(fields)}`, () =>
      assert.deepEqual(readTracingConfiguration(configuration(fields)), expected))
  }
  const refused: readonly [string, RegExp][] = [
    [
      configuration('samplingRatePerMillion: -1'),
      /samplingRatePerMillion: Invalid value: -1: sampling rate must be positive/,
    ],
    [configuration('samplingRatePerMillion: 1000001'), /must be less than or equal to one million/],
    [
      configuration('endpoint: https://collector:4317'),
      /unsupported scheme: https\. {2}Options are none, dns, unix, or unix-abstract/,
    ],
    [configuration('rate: 1'), /strict decoding error: unknown field "rate"/],
    ['apiVersion: v1\nkind: TracingConfiguration', /no kind "TracingConfiguration" is registered for version "v1"/],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => readTracingConfiguration(text), message))
  }
})

describe('traceparent', () => {
  const rows: readonly [string, object | undefined][] = [
    [SAMPLED.traceparent, { traceId: TRACE, spanId: PARENT, sampled: true }],
    [`00-${TRACE}-${PARENT}-00`, { traceId: TRACE, spanId: PARENT, sampled: false }],
    [`cc-${TRACE}-${PARENT}-03-what-comes-later`, { traceId: TRACE, spanId: PARENT, sampled: true }],
    [`00-${TRACE}-${PARENT}-01-more`, undefined],
    [`ff-${TRACE}-${PARENT}-01`, undefined],
    [`00-${'0'.repeat(32)}-${PARENT}-01`, undefined],
    [`00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
    ['nonsense', undefined],
  ]
  for (const [traceparent, expected] of rows) {
    it(`is read: ${traceparent}`, () => assert.deepEqual(incomingContext({ traceparent }), expected))
  }

  it('goes on with its state and baggage', () => {
    const headers = { ...SAMPLED, tracestate: 'vendor=1', baggage: 'k=v' }
    assert.deepEqual(outgoingHeaders(incomingContext(headers)!), headers)
  })
})

interface World {
  readonly server: MemoryServer
  readonly collector: TraceCollector
  readonly hook: WebhookServer
  /** Ends everything, so that all spans have come. */
  finish(): Promise<void>
}

const USERS = {
  root: { name: 'root', groups: ['system:masters', 'system:authenticated'] },
  jane: { name: 'jane', groups: ['system:authenticated'] },
}

/** A server with a webhook for config maps; `rate` of a million requests is traced, or tracing is off where it is missing. */
async function startWorld(rate?: number): Promise<World> {
  const collector = await startTraceCollector()
  const hook = await startWebhookServer()
  const tracing = rate === undefined ? undefined : tracingTo(collector, rate)
  const server = await startMemoryServer({
    users: USERS,
    admission: context => [mutatingWebhooks(context)],
    ...(tracing === undefined ? {} : { tracing }),
  })
  hook.on('/hook', () => ({ allowed: true }))
  await server.send('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
    metadata: { name: 'watched' },
    webhooks: [
      {
        name: 'maps.example.com',
        clientConfig: { url: `https://127.0.0.1:${hook.port}/hook`, caBundle: hook.caBundle },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  })
  return {
    server,
    collector,
    hook,
    async finish() {
      await server.stop()
      collector.stop()
      await hook.stop()
    },
  }
}

describe('requests', () => {
  it('have spans inside the one of a caller who may decide about it', async () => {
    const { server, collector, hook, finish } = await startWorld(0)
    const { status, headers } = await server.send('POST', PATH, CONFIG_MAP, { 'x-user': 'root', ...SAMPLED })
    await finish()
    assert.equal(status, 201)
    const own = collector.spans.filter(span => span.traceId === TRACE)
    assert.equal(own.length, collector.spans.length, 'nothing else is sampled')
    const byName = new Map(own.map(span => [span.name, span]))
    const root = byName.get('POST /api/v1/namespaces/{:namespace}/configmaps')!
    const create = byName.get('Create')!
    const call = byName.get('Call mutating webhook')!
    const post = byName.get('HTTP POST')!
    const store = byName.get('Create etcd3')!
    assert.deepEqual(
      [root, create, call, post, store].map(span => [span.parentSpanId, span.kind]),
      [
        [PARENT, 2],
        [root.spanId, 1],
        [create.spanId, 1],
        [call.spanId, 3],
        [create.spanId, 3],
      ],
    )
    assert.equal(root.service, 'apiserver')
    assert.equal(root.attributes['http.response.status_code'], 201)
    assert.equal(root.attributes['audit-id'], headers['audit-id'])
    assert.equal(create.attributes.verb, 'create')
    assert.equal(call.attributes.webhook, 'maps.example.com')
    assert.equal(store.attributes.resource, 'configmaps')
    for (const span of own)
      assert.ok(span.start <= span.end && span.start >= root.start && span.end <= root.end, span.name)
    const { traceparent } = hook.reviews[0]!.headers
    assert.equal(traceparent, `00-${TRACE}-${post.spanId}-01`)
  })

  it('of others begin a trace of their own that is linked, and are sampled by the rate', async () => {
    const { server, collector, hook, finish } = await startWorld(1_000_000)
    await server.send('POST', PATH, CONFIG_MAP, { 'x-user': 'jane', ...SAMPLED })
    await finish()
    const root = collector.spans.find(span => span.name.startsWith('POST /api/v1/'))!
    assert.notEqual(root.traceId, TRACE)
    assert.equal(root.parentSpanId, '')
    assert.deepEqual(root.links, [{ traceId: TRACE, spanId: PARENT }])
    assert.match(String(hook.reviews[0]!.headers.traceparent), new RegExp(`^00-${root.traceId}-`))
  })

  it('of others are not traced because they ask for it', async () => {
    const { server, collector, hook, finish } = await startWorld(0)
    await server.send('POST', PATH, CONFIG_MAP, { 'x-user': 'jane', ...SAMPLED })
    await finish()
    assert.deepEqual(collector.spans, [])
    assert.match(String(hook.reviews[0]!.headers.traceparent), /-00$/)
  })

  it('that fail are marked where the server is to blame', async () => {
    const { server, collector, hook, finish } = await startWorld(1_000_000)
    hook.on('/hook', () => ({ code: 500, text: 'no' }))
    const { status } = await server.send('POST', PATH, CONFIG_MAP)
    await server.send('GET', `${PATH}/missing`)
    await finish()
    assert.equal(status, 500)
    const errors = collector.spans.filter(span => span.error).map(span => span.name)
    assert.deepEqual(errors.sort(), [
      'Call mutating webhook',
      'Create',
      'HTTP POST',
      'POST /api/v1/namespaces/{:namespace}/configmaps',
    ])
    const missing = collector.spans.find(
      span => span.name === 'GET /api/v1/namespaces/{:namespace}/configmaps/{:name}',
    )!
    assert.equal(missing.attributes['http.response.status_code'], 404)
  })

  it('hand the context on where nothing is traced here', async () => {
    const { server, hook, finish } = await startWorld()
    await server.send('POST', PATH, CONFIG_MAP, SAMPLED)
    await server.send('POST', PATH, { metadata: { name: 'other' } })
    await finish()
    assert.deepEqual(
      hook.reviews.map(({ headers }) => headers.traceparent),
      [SAMPLED.traceparent, undefined],
    )
  })
})
