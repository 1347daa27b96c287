import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FlowSchemas } from '@canopus/api'
import { SimulatedClock } from '@canopus/base'
import { createClient } from '@canopus/client'
import { bootstrapCluster } from '../bootstrap/index.ts'
import type { User } from '../security.ts'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import type { ServingOptions } from './serving-options.ts'

const ALICE: User = { name: 'alice', groups: ['system:authenticated'] }
const AS_ALICE = { 'x-user': 'alice' }
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

async function withServer(serving: ServingOptions, work: (memory: MemoryServer) => Promise<void>): Promise<void> {
  const memory = await startMemoryServer({ serving, users: { alice: ALICE } })
  try {
    await work(memory)
  } finally {
    await memory.stop()
  }
}

describe('--version', () => {
  it('is what /version and the metrics say', async () => {
    const server = await startMemoryServer({ serving: { gitVersion: 'v1.36.4+canopus-custom' } })
    try {
      assert.equal((await server.send('GET', '/version')).json.gitVersion, 'v1.36.4+canopus-custom')
      assert.match(
        (await server.send('GET', '/metrics')).text,
        /kubernetes_build_info\{.*git_version="v1.36.4.canopus-custom"/,
      )
    } finally {
      await server.stop()
    }
  })
})

describe('cross-origin requests', () => {
  const rows: readonly [string, string[], string, string | undefined][] = [
    ['of nobody by default', [], 'http://a.example', undefined],
    ['of an origin that matches', ['//a\\.example(:|$)'], 'http://a.example', 'http://a.example'],
    ['of an origin that matches somewhere', ['example'], 'http://b.example:8080', 'http://b.example:8080'],
    ['not of another', ['//a\\.example(:|$)'], 'http://b.example', undefined],
  ]
  for (const [name, corsAllowedOrigins, origin, allowed] of rows) {
    it(name, () =>
      withServer({ corsAllowedOrigins }, async ({ send }) => {
        const { headers, status } = await send('GET', '/version', undefined, { origin })
        assert.equal(status, 200)
        assert.equal(headers['access-control-allow-origin'], allowed)
        assert.equal(headers['access-control-allow-credentials'], allowed && 'true')
        assert.equal(headers['access-control-expose-headers'], allowed && 'Date')
        const preflight = await send('OPTIONS', CONFIG_MAPS, undefined, { origin })
        assert.equal(preflight.status === 204, allowed !== undefined)
        if (allowed) {
          assert.equal(preflight.headers['access-control-allow-methods'], 'POST, GET, OPTIONS, PUT, DELETE, PATCH')
        }
      }),
    )
  }
})

it('says how to keep to TLS where that is asked for', () =>
  withServer({ strictTransportSecurity: ['max-age=31536000', 'includeSubDomains'] }, async ({ send }) => {
    const { headers } = await send('GET', '/api/v1/nodes/none')
    assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    assert.equal(headers['cache-control'], 'no-cache, private')
  }))

describe('timeouts', () => {
  const rows: readonly [string, number, string][] = [
    ['5', 400, 'invalid timeout specified in the request URL - time: missing unit in duration "5"'],
    ['x', 400, 'invalid timeout specified in the request URL - time: invalid duration "x"'],
    ['5d', 400, 'invalid timeout specified in the request URL - time: unknown unit "d" in duration "5d"'],
    ['5s', 200, ''],
    ['0s', 200, ''],
    ['-1s', 200, ''],
    ['', 200, ''],
  ]
  for (const [timeout, status, message] of rows) {
    it(`timeout=${timeout} is answered with ${status}`, () =>
      withServer({}, async ({ send }) => {
        const answer = await send('GET', `${CONFIG_MAPS}?timeout=${timeout}`)
        assert.equal(answer.status, status)
        if (message !== '') assert.equal(answer.json.message, message)
      }))
  }

  it('end a request that does not end by itself', async () => {
    const clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
    let go = (): void => {}
    const blocked = new Promise<void>(resolve => {
      go = resolve
    })
    const plugin = { name: 'Slow', operations: ['CREATE'] as const, resources: ['/configmaps'], mutate: () => blocked }
    const memory = await startMemoryServer({ clock, admission: [plugin], users: { alice: ALICE } })
    const create = (query: string, name: string) =>
      memory.send('POST', `${CONFIG_MAPS}${query}`, { metadata: { name } }, AS_ALICE)
    const short = create('?timeout=3s', 'short')
    const usual = create('', 'usual')
    await clock.advance(3000)
    const { status, json } = await short
    assert.equal(status, 504)
    assert.equal(json.reason, 'Timeout')
    assert.equal(json.message, 'Timeout: request did not complete within the allotted timeout')
    const figures = async (): Promise<string> => (await memory.send('GET', '/metrics')).text
    assert.match(await figures(), /apiserver_current_inflight_requests\{request_kind="mutating"\} 2/)
    assert.match(await figures(), /apiserver_request_terminations_total\{code="504".*verb="POST".*\} 1/)
    await clock.advance(57_000)
    assert.equal((await usual).status, 504)
    go()
    await clock.advance(2000)
    assert.match(await figures(), /apiserver_current_inflight_requests\{request_kind="mutating"\} 0/)
    await memory.stop()
  })
})

describe('without priority and fairness', () => {
  it('so many requests at a time, and no more; administrators always', async () => {
    let go = (): void => {}
    const blocked = new Promise<void>(resolve => {
      go = resolve
    })
    const plugin = { name: 'Slow', operations: ['CREATE'] as const, resources: ['/configmaps'], mutate: () => blocked }
    const memory = await startMemoryServer({
      serving: { priorityAndFairness: false, maxMutatingRequestsInflight: 2, maxRequestsInflight: 1 },
      admission: [plugin],
      users: { alice: ALICE },
    })
    const create = (name: string, headers: Record<string, string>) =>
      memory.send('POST', CONFIG_MAPS, { metadata: { name } }, headers)
    const inside = [create('a', AS_ALICE), create('b', AS_ALICE)]
    const { status, text, headers } = await create('c', AS_ALICE)
    assert.deepEqual([status, text], [429, 'Too many requests, please try again later.\n'])
    assert.equal(headers['retry-after'], '1')
    assert.equal(headers['x-kubernetes-pf-flowschema-uid'], undefined)
    assert.equal((await memory.send('GET', CONFIG_MAPS, undefined, AS_ALICE)).status, 200, 'reads are counted apart')
    const watch = await memory.watch(`${CONFIG_MAPS}?watch=true`, AS_ALICE)
    assert.equal((await memory.send('GET', CONFIG_MAPS, undefined, AS_ALICE)).status, 200, 'watches are not counted')
    inside.push(create('d', {}))
    go()
    assert.deepEqual(
      (await Promise.all(inside)).map(each => each.status),
      [201, 201, 201],
    )
    assert.equal((await create('e', AS_ALICE)).status, 201)
    watch.end()
    await memory.stop()
  })
})

describe('priority and fairness', () => {
  let memory: MemoryServer
  before(async () => {
    memory = await startMemoryServer({ users: { alice: ALICE } })
    await bootstrapCluster(
      createClient(memory.server.transport({ name: 'system:apiserver', groups: ['system:masters'] })),
    )
  })
  after(() => memory.stop())

  const schemas = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas'
  /** Until the condition of a schema is what it should be. */
  async function condition(name: string, status: string): Promise<Record<string, string>> {
    for await (const { object } of createClient(memory.server.transport({ name: 'x', groups: ['system:masters'] }))
      .resource(FlowSchemas)
      .watch({ fieldSelector: `metadata.name=${name}` })) {
      const found = object.status?.conditions?.find(each => each.type === 'Dangling')
      if (found?.status === status) return found as Record<string, string>
    }
    throw new Error('the watch ended')
  }

  it('names schema and level by their uids in every answer', async () => {
    const uid = async (path: string): Promise<string> => (await memory.send('GET', path)).json.metadata.uid
    const schema = await uid(`${schemas}/global-default`)
    const level = await uid('/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/global-default')
    for (const path of [CONFIG_MAPS, '/api/v1/nodes/none', '/version', '/nowhere']) {
      const { headers } = await memory.send('GET', path, undefined, AS_ALICE)
      assert.equal(headers['x-kubernetes-pf-flowschema-uid'], schema, path)
      assert.equal(headers['x-kubernetes-pf-prioritylevel-uid'], level, path)
    }
  })

  it('follows schemas that come and go, for paths that were asked for before', async () => {
    const path = `${CONFIG_MAPS}/none`
    const schema = async (): Promise<unknown> =>
      (await memory.send('GET', path, undefined, AS_ALICE)).headers['x-kubernetes-pf-flowschema-uid']
    const before = await schema()
    const created = await memory.send('POST', schemas, {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name: 'alices' },
      spec: {
        matchingPrecedence: 50,
        priorityLevelConfiguration: { name: 'workload-low' },
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: 'alice' } }],
            resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['configmaps'], namespaces: ['*'] }],
          },
        ],
      },
    })
    assert.equal(created.status, 201, created.text)
    await condition('alices', 'False')
    assert.equal(await schema(), created.json.metadata.uid)
    assert.notEqual(await schema(), before)
    assert.equal((await memory.send('DELETE', `${schemas}/alices`)).status, 200)
    while ((await schema()) !== before) await new Promise(resolve => setImmediate(resolve))
  })

  it('says of every schema whether its level exists', async () => {
    const found = await condition('global-default', 'False')
    assert.equal(found.reason, 'Found')
    assert.equal(
      found.message,
      'This FlowSchema references the PriorityLevelConfiguration object named "global-default" and it exists',
    )
    const created = await memory.send('POST', schemas, {
      metadata: { name: 'lost' },
      spec: {
        priorityLevelConfiguration: { name: 'nowhere' },
        matchingPrecedence: 7,
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: 'alice' } }],
            nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
          },
        ],
      },
    })
    assert.equal(created.status, 201)
    const lost = await condition('lost', 'True')
    assert.equal(lost.reason, 'NotFound')
    const { headers } = await memory.send('GET', '/version', undefined, AS_ALICE)
    assert.notEqual(headers['x-kubernetes-pf-flowschema-uid'], created.json.metadata.uid, 'it is not used')
  })

  it('tells what it does in figures', async () => {
    await memory.send('GET', CONFIG_MAPS, undefined, AS_ALICE)
    const { text } = await memory.send('GET', '/metrics')
    const flow = 'flow_schema="global-default",priority_level="global-default"'
    for (const line of [
      /apiserver_flowcontrol_nominal_limit_seats\{priority_level="workload-low"\} 245\n/,
      new RegExp(`apiserver_flowcontrol_dispatched_requests_total\\{${flow}\\} [1-9]`),
      /apiserver_flowcontrol_priority_level_seat_utilization_count\{phase="executing",priority_level="global-default"\} [1-9]/,
      new RegExp(`apiserver_flowcontrol_current_executing_requests\\{${flow}\\} 0\n`),
      new RegExp(`apiserver_flowcontrol_request_wait_duration_seconds_count\\{execute="true",${flow}\\} [1-9]`),
    ]) {
      assert.match(text, line)
    }
  })
})

describe('compression', () => {
  let memory: MemoryServer
  before(async () => {
    memory = await startMemoryServer()
    const data = { text: 'many words '.repeat(2000) }
    for (let n = 0; n < 8; n++) await memory.send('POST', CONFIG_MAPS, { metadata: { name: `big-${n}` }, data })
  })
  after(() => memory.stop())
  const rows: readonly [string, string, string | undefined, boolean][] = [
    ['of a big list', CONFIG_MAPS, 'gzip', true],
    ['where others are accepted too', CONFIG_MAPS, 'deflate, gzip;q=0.8', true],
    ['not where it is not asked for', CONFIG_MAPS, undefined, false],
    ['not in another way', CONFIG_MAPS, 'br', false],
    ['not of small answers', `${CONFIG_MAPS}/big-1`, 'gzip', false],
  ]
  for (const [name, path, accepted, expected] of rows) {
    it(name, async () => {
      const headers: Record<string, string> = accepted === undefined ? {} : { 'accept-encoding': accepted }
      const answer = await memory.send('GET', path, undefined, headers)
      assert.equal(answer.headers['content-encoding'], expected ? 'gzip' : undefined)
      assert.equal(answer.headers.vary, expected ? 'Accept-Encoding' : undefined)
    })
  }
  it('never of watches', async () => {
    const watch = await memory.watch(`${CONFIG_MAPS}?watch=true`, { 'accept-encoding': 'gzip' })
    assert.equal(watch.headers['content-encoding'], undefined)
    watch.end()
  })
})

describe('the end', () => {
  it('is announced, then served to, then refused', async () => {
    const clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
    let go = (): void => {}
    const blocked = new Promise<void>(resolve => {
      go = resolve
    })
    const plugin = { name: 'Slow', operations: ['CREATE'] as const, resources: ['/configmaps'], mutate: () => blocked }
    const memory = await startMemoryServer({
      clock,
      admission: [plugin],
      serving: { shutdownDelay: 10_000, shutdownSendRetryAfter: true },
    })
    const status = async (path: string): Promise<number> => (await memory.send('GET', path)).status
    assert.equal(await status('/readyz'), 200)
    const write = memory.send('POST', CONFIG_MAPS, { metadata: { name: 'a' } })
    const watch = await memory.watch(`${CONFIG_MAPS}?watch=true`)
    let stopped = false
    const stopping = memory.server.stop().then(() => {
      stopped = true
    })
    const { text } = await memory.send('GET', '/readyz')
    assert.match(text, /^\[-\]shutdown failed: reason withheld$/m)
    assert.equal(await status('/livez'), 200)
    await clock.advance(9000)
    assert.equal(await status(CONFIG_MAPS), 200, 'served during the delay')
    await clock.advance(2000)
    const refused = await memory.send('GET', CONFIG_MAPS)
    assert.equal(refused.status, 429)
    assert.equal(refused.text, 'The apiserver is shutting down, please try again later.\n')
    assert.equal(refused.headers['retry-after'], '5')
    assert.equal(refused.headers.connection, 'close')
    assert.equal(await status('/readyz'), 500)
    assert.equal(stopped, false, 'somebody is still inside')
    go()
    assert.equal((await write).status, 201)
    assert.equal((await watch.next())?.type, 'ADDED')
    assert.equal(await watch.next(), undefined, 'watches end')
    await stopping
    await memory.store.close()
  })

  it('comes to watches before the requests under way, where they have a grace period', async () => {
    const { promise: blocked, resolve: go } = Promise.withResolvers<void>()
    const plugin = { name: 'Slow', operations: ['CREATE'] as const, resources: ['/configmaps'], mutate: () => blocked }
    const memory = await startMemoryServer({
      admission: [plugin],
      serving: { shutdownSendRetryAfter: true, shutdownWatchTerminationGracePeriod: 1000 },
    })
    const watch = await memory.watch(`${CONFIG_MAPS}?watch=true`)
    const write = memory.send('POST', CONFIG_MAPS, { metadata: { name: 'a' } })
    const stopping = memory.server.stop()
    assert.equal(await watch.next(), undefined)
    go()
    assert.equal((await write).status, 201)
    await stopping
    await memory.store.close()
  })
})
