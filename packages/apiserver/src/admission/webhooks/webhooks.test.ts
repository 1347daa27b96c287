/** Webhooks on a real HTTPS port, asked by a whole API server. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { systemClock } from '@canopus/platform'
import { alwaysAllow } from '../../authz/modes.ts'
import { type MemoryServer, startMemoryServer } from '../../testing/memory-server.ts'
import { patch, startWebhookServer, type WebhookServer } from '../../testing/webhook-server.ts'
import { createWebhookClient } from '../../webhook/client.ts'
import { webhookConditions } from '../expressions/match-conditions.ts'
import { mutatingWebhooks } from './mutating.ts'
import { validatingWebhooks } from './validating.ts'

const GROUP = '/apis/admissionregistration.k8s.io/v1'
const MUTATING = `${GROUP}/mutatingwebhookconfigurations`
const VALIDATING = `${GROUP}/validatingwebhookconfigurations`
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

const configMap = (name: string, data: object = {}, labels?: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
  data,
})

const pod = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }] },
})

describe('admission webhooks', () => {
  let hook: WebhookServer
  let server: MemoryServer
  const annotations = new Map<string, { value: string; level: string }>()

  before(async () => {
    hook = await startWebhookServer()
    const resolver = { resolve: () => ({ host: '127.0.0.1', port: hook.port }) }
    server = await startMemoryServer({
      webhooks: createWebhookClient({ resolver, clock: systemClock }),
      admission: context => [
        {
          name: 'Listener',
          operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
          mutate(attributes) {
            const annotate = attributes.annotate.bind(attributes)
            const listening = (key: string, value: string, level?: 'Metadata' | 'Request'): void => {
              annotations.set(key, { value, level: level ?? 'Metadata' })
              annotate(key, value, level)
            }
            Object.assign(attributes, { annotate: listening })
          },
        },
        mutatingWebhooks({ ...context, matchConditions: webhookConditions(alwaysAllow) }),
        validatingWebhooks({ ...context, matchConditions: webhookConditions(alwaysAllow) }),
      ],
    })
    await server.send('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'default', labels: { team: 'a' } },
    })
  })
  after(async () => {
    await server.stop()
    await hook.stop()
    assert.deepEqual(server.errors, [])
  })
  beforeEach(async () => {
    await Promise.all([MUTATING, VALIDATING].map(path => server.send('DELETE', path)))
    await server.send('DELETE', CONFIG_MAPS)
    // The cache that the webhooks are read from has seen that by now.
    await server.send('GET', VALIDATING)
    hook.reviews.length = 0
    annotations.clear()
  })

  /** A webhook by URL that is asked about the creation of config maps, unless told otherwise. */
  function webhook(path: string, more: object = {}): object {
    return {
      name: `${path.slice(1)}.example.com`,
      clientConfig: { url: `https://127.0.0.1:${hook.port}${path}`, caBundle: hook.caBundle },
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...more,
    }
  }

  async function register(collection: string, name: string, ...webhooks: object[]): Promise<void> {
    const kind = collection === MUTATING ? 'MutatingWebhookConfiguration' : 'ValidatingWebhookConfiguration'
    const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name }, webhooks }
    const answer = await server.send('POST', collection, configuration)
    assert.equal(answer.status, 201, answer.text)
    await server.send('GET', collection)
  }

  const rule = (operations: string[], resources: string[], apiGroups = [''], apiVersions = ['v1']): object => ({
    operations,
    apiGroups,
    apiVersions,
    resources,
  })
  const asked = (): string[] => hook.reviews.map(each => each.path)

  it('shows the request whole', async () => {
    hook.on('/look', () => ({ allowed: true }))
    await register(VALIDATING, 'look', webhook('/look', { timeoutSeconds: 7 }))
    const answer = await server.send('POST', `${CONFIG_MAPS}?fieldManager=me`, configMap('whole', { a: 'b' }))
    assert.equal(answer.status, 201)
    const [{ query, review } = assert.fail('nobody was asked')] = hook.reviews
    const { uid, object, ...request } = review.request
    assert.equal(query, 'timeout=7s')
    assert.deepEqual([review.kind, review.apiVersion], ['AdmissionReview', 'admission.k8s.io/v1'])
    assert.match(uid, /^[0-9a-f-]{36}$/)
    assert.deepEqual(object.data, { a: 'b' })
    assert.equal(object.metadata.uid, answer.json.metadata.uid)
    assert.equal(object.metadata.resourceVersion, undefined)
    const resource = { group: '', version: 'v1', resource: 'configmaps' }
    const kind = { group: '', version: 'v1', kind: 'ConfigMap' }
    assert.deepEqual(request, {
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      name: 'whole',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'tester', groups: ['system:masters', 'system:authenticated'] },
      oldObject: null,
      dryRun: false,
      options: {
        kind: 'CreateOptions',
        apiVersion: 'meta.k8s.io/v1',
        fieldManager: 'me',
        fieldValidation: 'Warn',
      },
    })
  })

  it('sees neither uid nor name before they are given', async () => {
    hook.on('/early', () => ({ allowed: true }))
    await register(MUTATING, 'early', webhook('/early'))
    await server.send('POST', CONFIG_MAPS, { ...configMap(''), metadata: { generateName: 'x-' } })
    const { request } = hook.reviews[0]!.review
    assert.deepEqual([request.name, request.object.metadata.uid], [undefined, undefined])
  })

  it('reaches services by the name that the certificate must have', async () => {
    hook.on('/service', () => ({ allowed: true }))
    const at = (name: string): object =>
      webhook('/service', {
        name: `${name}.example.com`,
        clientConfig: { service: { namespace: 'ns', name, path: '/service' }, caBundle: hook.caBundle },
      })
    await register(VALIDATING, 'service', at('hook'))
    assert.equal((await server.send('POST', CONFIG_MAPS, configMap('a'))).status, 201)
    await register(VALIDATING, 'stranger', at('stranger'))
    const refused = await server.send('POST', CONFIG_MAPS, configMap('b'))
    assert.equal(
      refused.json.message,
      'Internal error occurred: failed calling webhook "stranger.example.com": failed to call webhook: ' +
        'Post "https://stranger.ns.svc:443/service?timeout=10s": tls: failed to verify certificate: ' +
        'x509: certificate is valid for localhost, hook.ns.svc, not stranger.ns.svc',
    )
  })

  it('keeps its connections', async () => {
    hook.on('/kept', () => ({ allowed: true }))
    await register(VALIDATING, 'kept', webhook('/kept'))
    await server.send('POST', CONFIG_MAPS, configMap('first'))
    const before = hook.connections
    const names = Array.from({ length: 10 }, (_, index) => `kept-${index}`)
    for (const name of names) await server.send('POST', CONFIG_MAPS, configMap(name))
    // Whether the last answer has been read to its end when the next call begins is a matter of one turn of the loop.
    assert.ok(hook.connections - before <= 2, `${hook.connections - before} new connections`)
    assert.equal(hook.reviews.length, 11)
  })

  const DENIALS: { name: string; response: object; code: number; reason: string | undefined; message: string }[] = [
    {
      name: 'in its own words',
      response: { allowed: false, status: { code: 418, reason: 'Teapot', message: 'no coffee' } },
      code: 418,
      reason: 'Teapot',
      message: 'admission webhook "deny.example.com" denied the request: no coffee',
    },
    {
      name: 'with a reason alone',
      response: { allowed: false, status: { reason: 'Because', code: 200 } },
      code: 400,
      reason: 'Because',
      message: 'admission webhook "deny.example.com" denied the request: Because',
    },
    {
      name: 'without a word',
      response: { allowed: false },
      code: 400,
      reason: undefined,
      message: 'admission webhook "deny.example.com" denied the request without explanation',
    },
  ]
  for (const { name, response, code, reason, message } of DENIALS) {
    it(`denies ${name}`, async () => {
      hook.on('/deny', () => response)
      await register(VALIDATING, 'deny', webhook('/deny'))
      const { status, json } = await server.send('POST', CONFIG_MAPS, configMap('denied'))
      assert.deepEqual([status, json.code, json.reason, json.message], [code, code, reason, message])
      assert.equal(json.status, 'Failure')
      assert.equal((await server.send('GET', `${CONFIG_MAPS}/denied`)).status, 404)
    })
  }

  const FAILURES: { name: string; answer: object; why: RegExp }[] = [
    {
      name: 'no such path',
      answer: { code: 404, text: '404' },
      why: /: the server could not find the requested resource$/,
    },
    {
      name: 'an error of its own',
      answer: { code: 500, text: 'boom' },
      why: /: an error on the server \("boom"\) has prevented the request from succeeding$/,
    },
    {
      name: 'another uid',
      answer: { uid: 'x', allowed: true },
      why: /received invalid webhook response: expected response.uid="[0-9a-f-]+", got "x"$/,
    },
    { name: 'no response', answer: { text: '{"kind":"AdmissionReview"}' }, why: /webhook response was absent$/ },
    {
      name: 'a patch',
      answer: patch({ op: 'add', path: '/data', value: {} }),
      why: /validating webhook may not return response.patch$/,
    },
  ]
  for (const { name, answer, why } of FAILURES) {
    it(`fails closed or open on ${name}`, async () => {
      hook.on('/bad', () => answer)
      await register(VALIDATING, 'bad', webhook('/bad'))
      const { status, json } = await server.send('POST', CONFIG_MAPS, configMap('x'))
      assert.deepEqual([status, json.reason], [500, 'InternalError'])
      assert.match(json.message, /^Internal error occurred: failed calling webhook "bad.example.com": /)
      assert.match(json.message, why)
      await server.send('DELETE', `${VALIDATING}/bad`)
      await register(VALIDATING, 'open', webhook('/bad', { failurePolicy: 'Ignore' }))
      assert.equal((await server.send('POST', CONFIG_MAPS, configMap('x'))).status, 201)
      assert.equal(hook.reviews.length, 2)
    })
  }

  it('waits no longer than it is told to', async () => {
    let release = (): void => {}
    hook.on(
      '/slow',
      () =>
        new Promise(resolve => {
          release = () => resolve({ allowed: true })
        }),
    )
    await register(VALIDATING, 'slow', webhook('/slow', { timeoutSeconds: 1 }))
    const { json } = await server.send('POST', CONFIG_MAPS, configMap('slow'))
    release()
    assert.match(json.message, /Post "https:\/\/127.0.0.1:\d+\/slow\?timeout=1s": context deadline exceeded$/)
  })

  const TIMES: [string, asked: number, query: string, told: string][] = [
    ['its own', 5, '?timeout=10s', 'timeout=5s'],
    ["what is left of the request's, in whole seconds", 20, '?timeout=10s', 'timeout=10s'],
  ]
  for (const [name, timeoutSeconds, query, told] of TIMES) {
    for (const collection of [MUTATING, VALIDATING]) {
      it(`tells ${collection.split('/').at(-1)} the time that they have: ${name}`, async () => {
        hook.on('/time', () => ({ allowed: true }))
        await register(collection, 'time', webhook('/time', { timeoutSeconds }))
        assert.equal((await server.send('POST', `${CONFIG_MAPS}${query}`, configMap('timed'))).status, 201)
        assert.deepEqual(
          hook.reviews.map(each => each.query),
          [told],
        )
      })
    }
  }

  it('asks nobody more once the time of the request is over, whatever the failure policy', async () => {
    const releases: (() => void)[] = []
    hook.on('/slow', () => new Promise(resolve => releases.push(() => resolve({ allowed: true }))))
    hook.on('/next', () => ({ allowed: true }))
    const open = { failurePolicy: 'Ignore', timeoutSeconds: 5 }
    await register(MUTATING, 'late', webhook('/slow', open), webhook('/next', open))
    const { status, json } = await server.send('POST', `${CONFIG_MAPS}?timeout=300ms`, configMap('late'))
    for (const release of releases) release()
    assert.deepEqual([status, json.reason], [504, 'Timeout'])
    assert.equal((await server.send('GET', `${CONFIG_MAPS}/late`)).status, 404)
    assert.deepEqual(asked(), ['/slow'])
  })

  it('trusts nobody whom the bundle does not name', async () => {
    const { caBundle } = await otherAuthority()
    const clientConfig = { url: `https://127.0.0.1:${hook.port}/look`, caBundle }
    await register(VALIDATING, 'untrusted', webhook('/look', { clientConfig }))
    const { json } = await server.send('POST', CONFIG_MAPS, configMap('x'))
    assert.match(json.message, /x509: certificate signed by unknown authority$/)
  })

  it('patches one after the other, in the order of names', async () => {
    hook.on('/first', () => patch({ op: 'add', path: '/data/first', value: 'yes' }))
    hook.on('/second', ({ request }) =>
      patch({ op: 'add', path: '/data/second', value: request.object.data.first ?? 'no' }),
    )
    await register(MUTATING, 'b', webhook('/second'))
    await register(MUTATING, 'a', webhook('/first'))
    const { json } = await server.send('POST', CONFIG_MAPS, configMap('patched', { own: 'x' }))
    assert.deepEqual(json.data, { own: 'x', first: 'yes', second: 'yes' })
    assert.deepEqual(asked(), ['/first', '/second'])
    assert.deepEqual(annotations.get('mutation.webhook.admission.k8s.io/round_0_index_0'), {
      value: '{"configuration":"a","webhook":"first.example.com","mutated":true}',
      level: 'Metadata',
    })
    assert.deepEqual(annotations.get('patch.webhook.admission.k8s.io/round_0_index_0'), {
      value:
        '{"configuration":"a","webhook":"first.example.com","patch":[{"op":"add","path":"/data/first","value":"yes"}],"patchType":"JSONPatch"}',
      level: 'Request',
    })
  })

  it('asks again who wants to see later changes', async () => {
    const counting = ({ request }: { request: { object: { data: { times?: string } } } }): object => {
      const times = Number(request.object.data.times ?? '0') + 1
      return patch({ op: 'add', path: '/data/times', value: String(times) })
    }
    hook.on('/again', counting)
    hook.on('/change', () => patch({ op: 'add', path: '/data/changed', value: 'yes' }))
    const again = { reinvocationPolicy: 'IfNeeded' }
    await register(MUTATING, 'a', webhook('/again', again), webhook('/never-matching', { ...again, rules: [] }))
    await register(MUTATING, 'b', webhook('/change'))
    const { json } = await server.send('POST', CONFIG_MAPS, configMap('again', { own: 'x' }))
    assert.deepEqual(json.data, { own: 'x', times: '2', changed: 'yes' })
    assert.deepEqual(asked(), ['/again', '/change', '/again'])
  })

  it('does not ask again where nothing has changed since', async () => {
    hook.on('/again', () => patch({ op: 'add', path: '/data/x', value: 'y' }))
    hook.on('/nothing', () => ({ allowed: true }))
    await register(MUTATING, 'a', webhook('/again', { reinvocationPolicy: 'IfNeeded' }), webhook('/nothing'))
    await server.send('POST', CONFIG_MAPS, configMap('calm', { own: 'x' }))
    assert.deepEqual(asked(), ['/again', '/nothing'])
  })

  it('defaults, prunes and validates what a patch leaves', async () => {
    const pods = { rules: [rule(['CREATE'], ['pods'])] }
    hook.on('/inject', () =>
      patch({ op: 'add', path: '/spec/initContainers', value: [{ name: 'i', image: 'busybox', nonsense: 1 }] }),
    )
    await register(MUTATING, 'inject', webhook('/inject', pods))
    const { json } = await server.send('POST', '/api/v1/namespaces/default/pods', pod('injected'))
    const [added] = json.spec.initContainers
    assert.deepEqual(
      [added.imagePullPolicy, added.terminationMessagePath, added.nonsense],
      ['Always', '/dev/termination-log', undefined],
    )
    hook.on('/inject', () => patch({ op: 'replace', path: '/spec/containers/0/name', value: 'NOT VALID' }))
    const invalid = await server.send('POST', '/api/v1/namespaces/default/pods', pod('invalid'))
    assert.equal(invalid.status, 422)
    assert.match(invalid.json.message, /spec.containers\[0\].name: Invalid value: "NOT VALID"/)
    hook.on('/inject', () => patch({ op: 'remove', path: '/spec/nothing' }))
    assert.equal((await server.send('POST', '/api/v1/namespaces/default/pods', pod('odd'))).status, 500)
  })

  const BROKEN: [string, object[], RegExp][] = [
    [
      'operation',
      [{ op: 'replace', path: '/metadata/managedFields', value: [{ manager: 'x' }] }],
      /operation must be `Apply` or `Update`$/,
    ],
    ['version', [{ op: 'remove', path: '/metadata/managedFields/0/apiVersion' }], /apiVersion must not be empty$/],
    [
      'type',
      [{ op: 'remove', path: '/metadata/managedFields/0/fieldsType' }],
      /missing fieldsType in managed fields entry 0$/,
    ],
  ]
  for (const [name, operations, why] of BROKEN) {
    it(`keeps the owners of fields that a webhook would make unreadable: ${name}`, async () => {
      hook.on('/owners', () => patch(...operations))
      await register(MUTATING, 'owners', webhook('/owners'))
      const path = `${CONFIG_MAPS}?fieldManager=me`
      const { json, headers } = await server.send('POST', path, configMap('owned', { a: 'b' }))
      const [entry, ...others] = json.metadata.managedFields
      assert.deepEqual([entry.manager, entry.apiVersion, entry.fieldsType, others], ['me', 'v1', 'FieldsV1', []])
      assert.match(String(headers.warning).replace(/"$/, ''), why)
    })
  }

  it('warns of owners that a webhook would make unreadable', async () => {
    hook.on('/owners', () => patch({ op: 'replace', path: '/metadata/managedFields', value: [{ manager: 'x' }] }))
    await register(MUTATING, 'owners', webhook('/owners'))
    const { json, headers } = await server.send(
      'POST',
      `${CONFIG_MAPS}?fieldManager=me`,
      configMap('owned', { a: 'b' }),
    )
    assert.deepEqual([json.metadata.managedFields.length, json.metadata.managedFields[0].manager], [1, 'me'])
    assert.match(String(headers.warning), /managedFields was in an invalid state after admission/)
  })

  it('asks all validating webhooks at once', async () => {
    let waiting = 0
    let release: (() => void)[] = []
    const together = (): Promise<object> =>
      new Promise(resolve => {
        release.push(() => resolve({ allowed: true }))
        if (++waiting < 2) return
        for (const each of release) each()
        release = []
      })
    hook.on('/one', together)
    hook.on('/two', together)
    await register(VALIDATING, 'both', webhook('/one'), webhook('/two'))
    assert.equal((await server.send('POST', CONFIG_MAPS, configMap('x'))).status, 201)
  })

  it('passes warnings and audit annotations on', async () => {
    hook.on('/warn', () => ({ allowed: true, warnings: ['mind the gap'], auditAnnotations: { seen: 'yes' } }))
    await register(MUTATING, 'warn', webhook('/warn'))
    const { headers } = await server.send('POST', CONFIG_MAPS, configMap('warned'))
    assert.deepEqual(headers.warning, ['299 - "mind the gap"'])
    assert.equal(annotations.get('warn.example.com/seen')?.value, 'yes')
  })

  it('speaks the older version where it is preferred', async () => {
    hook.on('/old', () => ({ uid: '', allowed: true }))
    await register(VALIDATING, 'old', webhook('/old', { admissionReviewVersions: ['v2', 'v1beta1', 'v1'] }))
    assert.equal((await server.send('POST', CONFIG_MAPS, configMap('old'))).status, 201)
    assert.equal(hook.reviews[0]!.review.apiVersion, 'admission.k8s.io/v1beta1')
  })

  it('asks about updates, deletions and every object of a collection', async () => {
    hook.on('/all', () => ({ allowed: true }))
    await register(VALIDATING, 'all', webhook('/all', { rules: [rule(['*'], ['*'])] }))
    await server.send('POST', CONFIG_MAPS, configMap('a', { k: '1' }))
    await server.send('POST', CONFIG_MAPS, configMap('b'))
    await server.send('PUT', `${CONFIG_MAPS}/a`, configMap('a', { k: '2' }))
    await server.send(
      'PATCH',
      `${CONFIG_MAPS}/a`,
      { data: { k: '3' } },
      { 'content-type': 'application/merge-patch+json' },
    )
    await server.send('DELETE', `${CONFIG_MAPS}/a?gracePeriodSeconds=3`)
    await server.send('DELETE', CONFIG_MAPS)
    const seen = hook.reviews.map(({ review: { request } }) => [
      request.operation,
      request.name,
      request.object?.data?.k ?? null,
      request.oldObject?.data?.k ?? null,
      request.options.kind,
    ])
    assert.deepEqual(seen, [
      ['CREATE', 'a', '1', null, 'CreateOptions'],
      ['CREATE', 'b', null, null, 'CreateOptions'],
      ['UPDATE', 'a', '2', '1', 'UpdateOptions'],
      ['UPDATE', 'a', '3', '2', 'UpdateOptions'],
      ['DELETE', 'a', null, '3', 'DeleteOptions'],
      // Of a collection the objects are shown, and no name.
      ['DELETE', undefined, null, null, 'DeleteOptions'],
    ])
    assert.equal(hook.reviews[4]!.review.request.options.gracePeriodSeconds, 3)
  })

  it('cannot change what is deleted', async () => {
    hook.on('/meddle', () => patch({ op: 'add', path: '/metadata/labels', value: {} }))
    await register(MUTATING, 'meddle', webhook('/meddle', { rules: [rule(['DELETE'], ['configmaps'])] }))
    await server.send('POST', CONFIG_MAPS, configMap('a'))
    const { status, json } = await server.send('DELETE', `${CONFIG_MAPS}/a`)
    assert.equal(status, 500)
    assert.match(
      json.message,
      /"meddle.example.com" attempted to modify the object, which is not supported for this operation$/,
    )
    await server.send('DELETE', `${MUTATING}/meddle`)
  })

  it('sees subresources as what they are', async () => {
    hook.on('/sub', () => ({ allowed: true }))
    const rules = [rule(['*'], ['pods/*', 'deployments/scale', 'deployments/status'], ['', 'apps'])]
    await register(VALIDATING, 'sub', webhook('/sub', { rules }))
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    }
    const merge = { 'content-type': 'application/merge-patch+json' }
    const apps = '/apis/apps/v1/namespaces/default/deployments'
    const pods = '/api/v1/namespaces/default/pods'
    assert.equal((await server.send('POST', apps, deployment)).status, 201)
    await server.send('PATCH', `${apps}/d/scale`, { spec: { replicas: 5 } }, merge)
    await server.send('PATCH', `${apps}/d/status`, { status: { replicas: 1 } }, merge)
    await server.send('POST', pods, pod('p'))
    const target = { apiVersion: 'v1', kind: 'Node', name: 'n' }
    await server.send('POST', `${pods}/p/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target,
    })
    await server.send('GET', `${pods}/p/proxy/page`)
    await server.send('POST', `${pods}/p/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'p' },
    })
    const seen = hook.reviews.map(({ review: { request } }) => [
      request.operation,
      `${request.resource.resource}/${request.subResource ?? ''}`,
      `${request.kind.group}/${request.kind.version} ${request.kind.kind}`,
      request.object.kind,
    ])
    assert.deepEqual(seen, [
      ['UPDATE', 'deployments/scale', 'autoscaling/v1 Scale', 'Scale'],
      ['UPDATE', 'deployments/status', 'apps/v1 Deployment', 'Deployment'],
      ['CREATE', 'pods/', '/v1 Pod', 'Pod'],
      ['CREATE', 'pods/binding', '/v1 Binding', 'Binding'],
      ['CONNECT', 'pods/proxy', '/v1 PodProxyOptions', 'PodProxyOptions'],
      ['CREATE', 'pods/eviction', 'policy/v1 Eviction', 'Eviction'],
    ])
    const [{ review } = assert.fail()] = hook.reviews
    assert.deepEqual([review.request.object.spec.replicas, review.request.oldObject.spec.replicas], [5, 2])
    assert.equal(hook.reviews[4]!.review.request.options, null)
  })

  it('changes the number of a scale', async () => {
    hook.on('/cap', () => patch({ op: 'replace', path: '/spec/replicas', value: 3 }))
    await register(MUTATING, 'cap', webhook('/cap', { rules: [rule(['UPDATE'], ['deployments/scale'], ['apps'])] }))
    const path = '/apis/apps/v1/namespaces/default/deployments/d'
    const merge = { 'content-type': 'application/merge-patch+json' }
    assert.equal((await server.send('PATCH', `${path}/scale`, { spec: { replicas: 9 } }, merge)).json.spec.replicas, 3)
    assert.equal((await server.send('GET', path)).json.spec.replicas, 3)
  })

  it('goes by the labels of namespaces and objects', async () => {
    hook.on('/selected', () => ({ allowed: true }))
    const selectors = {
      namespaceSelector: { matchLabels: { team: 'a' } },
      objectSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] },
    }
    await register(VALIDATING, 'selected', webhook('/selected', selectors))
    await server.send('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'other' },
    })
    await server.send('POST', '/api/v1/namespaces/other/configmaps', configMap('elsewhere'))
    await server.send('POST', CONFIG_MAPS, configMap('skipped', {}, { skip: 'yes' }))
    await server.send('POST', CONFIG_MAPS, configMap('meant'))
    assert.deepEqual(
      hook.reviews.map(each => each.review.request.name),
      ['meant'],
    )
  })

  it('shows other versions of the object where it asked for those', async () => {
    hook.on('/v2', () => patch({ op: 'add', path: '/metadata/labels', value: { by: 'v2' } }))
    hook.on('/exact', () => ({ allowed: true }))
    const rules = [rule(['CREATE'], ['horizontalpodautoscalers'], ['autoscaling'], ['v2'])]
    await register(MUTATING, 'v2', webhook('/v2', { rules }), webhook('/exact', { rules, matchPolicy: 'Exact' }))
    const { json } = await server.send('POST', '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers', {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'h' },
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
        targetCPUUtilizationPercentage: 50,
      },
    })
    assert.deepEqual(asked(), ['/v2'])
    const { request } = hook.reviews[0]!.review
    assert.deepEqual([request.kind.version, request.requestKind.version], ['v2', 'v1'])
    assert.deepEqual([request.resource.version, request.requestResource.version], ['v2', 'v1'])
    assert.equal(request.object.apiVersion, 'autoscaling/v2')
    assert.equal(request.object.spec.metrics[0].resource.target.averageUtilization, 50)
    assert.deepEqual([json.apiVersion, json.metadata.labels.by], ['autoscaling/v1', 'v2'])
    assert.equal(json.spec.targetCPUUtilizationPercentage, 50)
  })

  it('is not asked about dry runs where it has effects', async () => {
    hook.on('/dry', () => ({ allowed: true }))
    await register(VALIDATING, 'dry', webhook('/dry', { sideEffects: 'NoneOnDryRun' }))
    assert.equal((await server.send('POST', `${CONFIG_MAPS}?dryRun=All`, configMap('dry'))).status, 201)
    assert.equal(hook.reviews[0]!.review.request.dryRun, true)
  })

  it('has no say in how it is configured itself', async () => {
    hook.on('/lock', () => ({ allowed: false }))
    const rules = [rule(['*'], ['*/*'], ['*'], ['*'])]
    await register(VALIDATING, 'lock', webhook('/lock', { rules }))
    assert.equal((await server.send('POST', CONFIG_MAPS, configMap('x'))).status, 400)
    hook.reviews.length = 0
    assert.equal((await server.send('DELETE', `${VALIDATING}/lock`)).status, 200)
    assert.deepEqual(asked(), [])
  })

  it('is asked only where its conditions are met', async () => {
    hook.on('/mark', () => patch({ op: 'add', path: '/data/marked', value: 'yes' }))
    const conditions = { matchConditions: [{ name: 'not-me', expression: "object.metadata.name != 'skip-me'" }] }
    await register(MUTATING, 'mark', webhook('/mark', conditions))
    const create = async (name: string): Promise<object> =>
      (await server.send('POST', CONFIG_MAPS, configMap(name, { own: 'x' }))).json.data
    assert.deepEqual(await create('skip-me'), { own: 'x' })
    assert.deepEqual(await create('me'), { own: 'x', marked: 'yes' })
  })

  it('fails where its conditions cannot be evaluated', async () => {
    const matchConditions = [{ name: 'deep', expression: "object.data.nothing == 'x'" }]
    await register(VALIDATING, 'conditions', webhook('/conditions', { matchConditions }))
    const { status, json } = await server.send('POST', CONFIG_MAPS, configMap('x', { a: 'b' }))
    assert.equal(status, 403)
    assert.equal(
      json.message,
      `configmaps "x" is forbidden: expression 'object.data.nothing == 'x'' resulted in error: no such key: nothing`,
    )
    await server.send('DELETE', `${VALIDATING}/conditions`)
    await register(VALIDATING, 'open', webhook('/conditions', { matchConditions, failurePolicy: 'Ignore' }))
    assert.equal((await server.send('POST', CONFIG_MAPS, configMap('x', { a: 'b' }))).status, 201)
    assert.deepEqual(asked(), [])
  })
})

async function otherAuthority(): Promise<{ caBundle: string }> {
  const other = await startWebhookServer()
  await other.stop()
  return other
}
