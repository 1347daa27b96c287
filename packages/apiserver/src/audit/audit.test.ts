/** What is told of requests, from the request path to the backend. */
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { unauthorizedError } from '@canopus/apimachinery'
import { type Clock, SimulatedClock } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import type { AdmissionPlugin, Security } from '../security.ts'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { Auditor } from './auditor.ts'
import type { AuditEvent, Level } from './event.ts'
import type { Policy } from './policy.ts'

const running: MemoryServer[] = []
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop()
})

interface Audited extends MemoryServer {
  readonly events: AuditEvent[]
}

async function audited(
  policy: Level | Policy,
  options: { admission?: AdmissionPlugin[]; security?: Partial<Security>; keeps?: () => boolean; clock?: Clock } = {},
): Promise<Audited> {
  const events: AuditEvent[] = []
  const process = (told: readonly AuditEvent[]): boolean => {
    events.push(...told.map(event => JSON.parse(JSON.stringify(event)) as AuditEvent))
    return options.keeps?.() ?? true
  }
  const rules = typeof policy === 'string' ? { rules: [{ level: policy }] } : policy
  const auditor = new Auditor(rules, [{ process, close: async () => {} }], options.clock ?? systemClock)
  const server = await startMemoryServer({ ...options, auditor })
  running.push(server)
  return Object.assign(server, { events })
}

const configMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: '1' },
})
const PATH = '/api/v1/namespaces/default/configmaps'

describe('audit events', () => {
  test('of a create at level Metadata', async () => {
    const { send, events } = await audited('Metadata')
    const headers = {
      'audit-id': 'my-id',
      'user-agent': 'kubectl/v1.33',
      'x-forwarded-for': '10.1.2.3, nonsense',
      'x-real-ip': '10.1.2.4',
    }
    const answer = await send('POST', `${PATH}?fieldManager=me`, configMap('one'), headers)
    assert.equal(answer.status, 201)
    assert.equal(answer.headers['audit-id'], 'my-id')
    const { requestReceivedTimestamp, stageTimestamp, ...first } = events[0]!
    assert.match(requestReceivedTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    assert.equal(stageTimestamp, requestReceivedTimestamp)
    assert.deepEqual(first, {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'my-id',
      stage: 'RequestReceived',
      requestURI: `${PATH}?fieldManager=me`,
      verb: 'create',
      user: { username: 'tester', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['10.1.2.3', '10.1.2.4', '127.0.0.1'],
      userAgent: 'kubectl/v1.33',
      objectRef: { resource: 'configmaps', namespace: 'default', apiVersion: 'v1' },
    })
    const { objectRef, responseStatus, stage, annotations, requestObject, responseObject } = events[1]!
    assert.equal(stage, 'ResponseComplete')
    assert.deepEqual(objectRef, { resource: 'configmaps', namespace: 'default', apiVersion: 'v1', name: 'one' })
    assert.deepEqual(responseStatus, { metadata: {}, code: 201 })
    assert.deepEqual(annotations, { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' })
    assert.deepEqual([requestObject, responseObject], [undefined, undefined])
    assert.equal(events.length, 2)
  })

  test('at level Request carry the object with its defaults, and at RequestResponse the answer too', async () => {
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    for (const level of ['Request', 'RequestResponse'] as const) {
      const { send, events } = await audited(level)
      await send('POST', '/api/v1/namespaces/default/pods', pod)
      const [{ requestObject, responseObject } = {}] = events.filter(({ stage }) => stage === 'ResponseComplete')
      const given = requestObject as { spec: { restartPolicy: string }; metadata: Record<string, unknown> }
      assert.equal(given.spec.restartPolicy, 'Always')
      assert.deepEqual(given.metadata, { name: 'p' })
      assert.deepEqual(Object.keys(given).slice(0, 2), ['kind', 'apiVersion'])
      const answer = responseObject as { metadata: { uid: string } } | undefined
      assert.equal(answer?.metadata.uid !== undefined, level === 'RequestResponse')
    }
  })

  test('carry reviews and scales with what Go writes in them', async () => {
    const { send, events } = await audited({ omitStages: ['RequestReceived'], rules: [{ level: 'Request' }] })
    const spec = { resourceAttributes: { verb: 'get', resource: 'pods' } }
    await send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec })
    assert.deepEqual(events[0]!.requestObject, {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec,
      status: { allowed: false },
    })
  })

  test('of errors that are no objects of the path carry the Status too', async () => {
    const { send, events } = await audited({ omitStages: ['RequestReceived'], rules: [{ level: 'RequestResponse' }] })
    await send('POST', '/version', {})
    await send('GET', '/api/v1/nodes/none/proxy/')
    await send('GET', '/nothing')
    const told = events.filter(({ stage }) => stage === 'ResponseComplete')
    assert.deepEqual(
      told.map(({ responseStatus, responseObject }) => [
        responseStatus?.code,
        responseStatus?.reason,
        responseObject !== undefined,
      ]),
      [
        [405, 'MethodNotAllowed', true],
        [404, 'NotFound', true],
        [404, undefined, false],
      ],
    )
  })

  test('say that a version will go', async () => {
    const { send, events } = await audited({ omitStages: ['RequestReceived'], rules: [{ level: 'Metadata' }] })
    await send('GET', '/api/v1/namespaces/default/endpoints/none')
    assert.equal(events[0]!.annotations?.['k8s.io/deprecated'], 'true')
  })

  test('of patches of an unknown type carry none', async () => {
    const { send, events } = await audited({ omitStages: ['RequestReceived'], rules: [{ level: 'Request' }] })
    await send('PATCH', `${PATH}/one`, {}, { 'content-type': 'application/json' })
    assert.deepEqual([events[0]!.requestObject, events[0]!.responseStatus?.code], [undefined, 415])
  })

  test('of slow requests say where the time went', async () => {
    const clock = new SimulatedClock()
    const plugin: AdmissionPlugin = {
      name: 'Test',
      operations: ['CREATE'],
      mutate: async attributes => {
        const wait = (attributes.object as { data?: { wait?: string } }).data?.wait ?? '0'
        await clock.advance(Number(wait))
        attributes.took?.('mutating-webhook', Number(wait))
      },
    }
    const { send, events } = await audited('Metadata', { admission: [plugin], clock })
    for (const wait of ['500', '501']) await send('POST', PATH, { metadata: { name: `w${wait}` }, data: { wait } })
    const [quick, slow] = events
      .filter(({ stage }) => stage === 'ResponseComplete')
      .map(({ annotations = {} }) => annotations)
    const decision = ['authorization.k8s.io/decision', 'authorization.k8s.io/reason']
    assert.deepEqual(Object.keys(quick!), decision)
    const { 'apiserver.latency.k8s.io/mutating-webhook': webhook, 'apiserver.latency.k8s.io/total': total } = slow!
    assert.deepEqual([webhook, total], ['501ms', '501ms'])
  })

  test('of protobuf answers carry the object all the same', async () => {
    const { send, events } = await audited('RequestResponse')
    await send('POST', PATH, configMap('one'))
    await send('GET', PATH, undefined, { accept: 'application/vnd.kubernetes.protobuf' })
    const list = events.at(-1)!.responseObject as { kind: string; items: { data: object }[] }
    assert.equal(list.kind, 'ConfigMapList')
    assert.deepEqual(list.items[0]!.data, { a: '1' })
  })

  test('of patches carry the patch, of deletes the options, of errors the Status', async () => {
    const { send, events } = await audited({ omitStages: ['RequestReceived'], rules: [{ level: 'RequestResponse' }] })
    await send('POST', PATH, configMap('one'))
    const patch = { data: { b: '2' } }
    await send('PATCH', `${PATH}/one`, patch, { 'content-type': 'application/merge-patch+json' })
    const yaml = 'apiVersion: v1\nkind: ConfigMap\ndata: {c: "3"}\n'
    await send('PATCH', `${PATH}/one?fieldManager=me`, yaml, { 'content-type': 'application/apply-patch+yaml' })
    await send('DELETE', `${PATH}/one`, { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' })
    await send('GET', `${PATH}/one`)
    assert.deepEqual(events[1]!.requestObject, patch)
    assert.deepEqual(events[2]!.requestObject, { apiVersion: 'v1', kind: 'ConfigMap', data: { c: '3' } })
    assert.equal((events[3]!.requestObject as { propagationPolicy: string }).propagationPolicy, 'Background')
    assert.deepEqual([events[3]!.responseStatus?.status, events[3]!.responseStatus?.code], ['Success', 200])
    const { responseStatus, responseObject } = events[4]!
    assert.equal(responseStatus?.message, 'configmaps "one" not found')
    assert.deepEqual(
      [responseStatus?.status, responseStatus?.reason, responseStatus?.code],
      ['Failure', 'NotFound', 404],
    )
    assert.equal((responseObject as { kind: string }).kind, 'Status')
  })

  test('leave managed fields out where the policy says so', async () => {
    const rules = [{ level: 'RequestResponse' as const }]
    for (const omitManagedFields of [true, false]) {
      const { send, events } = await audited({ omitManagedFields, rules })
      await send('POST', PATH, configMap('one'))
      await send('GET', PATH)
      const { items } = events.at(-1)!.responseObject as { items: { metadata: object }[] }
      assert.equal('managedFields' in items[0]!.metadata, !omitManagedFields)
    }
  })

  test('of a watch come when it starts and when it ends', async () => {
    const { watch, events } = await audited('Metadata')
    const stream = await watch(`${PATH}?watch=1`)
    const stages = (): string[] => events.map(({ stage }) => stage)
    assert.deepEqual(stages(), ['RequestReceived', 'ResponseStarted'])
    stream.end()
    assert.deepEqual(stages(), ['RequestReceived', 'ResponseStarted', 'ResponseComplete'])
    assert.equal(events[2]!.verb, 'watch')
  })

  test('of requests that nobody may make say why', async () => {
    const authorizer = { authorize: () => ({ decision: 'no-opinion' as const, reason: 'because' }) }
    const { send, events } = await audited('Metadata', { security: { authorizer } })
    await send('GET', PATH)
    const { annotations, responseStatus } = events[1]!
    assert.deepEqual(annotations, {
      'authorization.k8s.io/decision': 'forbid',
      'authorization.k8s.io/reason': 'because',
    })
    assert.equal(responseStatus?.code, 403)
  })

  test('of requests by nobody are one, with the answer', async () => {
    const authenticator = {
      authenticate: (request: { annotate?(key: string, value: string): void }): never => {
        request.annotate?.('authentication.k8s.io/tried', 'token')
        throw unauthorizedError()
      },
    }
    const { send, events } = await audited('Metadata', { security: { authenticator } })
    await send('GET', PATH)
    assert.deepEqual(
      events.map(({ stage, user, responseStatus }) => [stage, user, responseStatus?.code]),
      [['ResponseStarted', {}, 401]],
    )
    assert.deepEqual(events[0]!.annotations, { 'authentication.k8s.io/tried': 'token' })
  })

  test('name who is impersonated', async () => {
    const { send, events } = await audited('Metadata')
    await send('GET', PATH, undefined, { 'impersonate-user': 'jane', 'impersonate-group': 'devs' })
    assert.equal(events[0]!.impersonatedUser, undefined)
    const { user, impersonatedUser, authenticationMetadata } = events[1]!
    assert.equal(user.username, 'tester')
    assert.deepEqual(impersonatedUser, { username: 'jane', groups: ['devs', 'system:authenticated'] })
    assert.deepEqual(authenticationMetadata, { impersonationConstraint: 'impersonate:user-info' })
  })

  test('carry what admission says; the first value of a key stands', async () => {
    const plugin: AdmissionPlugin = {
      name: 'Test',
      operations: ['CREATE'],
      mutate: attributes => attributes.annotate('test.example.com/seen', 'mutating'),
      validate: attributes => attributes.annotate('test.example.com/seen', 'validating'),
    }
    const { send, events } = await audited('Metadata', { admission: [plugin] })
    await send('POST', PATH, configMap('one'))
    assert.equal(events[1]!.annotations?.['test.example.com/seen'], 'mutating')
  })

  test('of a failure that nobody foresaw are of the stage Panic', async () => {
    const plugin: AdmissionPlugin = {
      name: 'Test',
      operations: ['CREATE'],
      mutate: () => {
        throw new Error('oh')
      },
    }
    const server = await audited('Metadata', { admission: [plugin] })
    assert.equal((await server.send('POST', PATH, configMap('one'))).status, 500)
    assert.deepEqual(
      server.events.map(({ stage, responseStatus }) => [stage, responseStatus?.message]),
      [
        ['RequestReceived', undefined],
        ['Panic', "APIServer panic'd: oh"],
      ],
    )
  })

  test('that must be kept and are not, refuse the request', async () => {
    let keeps = false
    const { send } = await audited('Metadata', { keeps: () => keeps })
    assert.equal((await send('POST', PATH, configMap('one'))).status, 500)
    keeps = true
    assert.equal((await send('GET', `${PATH}/one`)).status, 404)
  })

  test('are none where the policy has no rule', async () => {
    const { send, events } = await audited({ rules: [{ level: 'Metadata', verbs: ['delete'] }] })
    await send('GET', PATH)
    await send('GET', '/healthz')
    assert.deepEqual(events, [])
  })

  test('of paths have no object', async () => {
    const { send, events } = await audited('RequestResponse')
    await send('GET', '/version')
    await send('GET', '/api')
    const complete = events.filter(({ stage }) => stage === 'ResponseComplete')
    assert.deepEqual(
      complete.map(({ verb, requestURI, objectRef }) => [verb, requestURI, objectRef]),
      [
        ['get', '/version', undefined],
        ['get', '/api', undefined],
      ],
    )
    assert.equal(complete[0]!.responseObject, undefined)
    assert.equal((complete[1]!.responseObject as { kind: string }).kind, 'APIVersions')
  })
})
