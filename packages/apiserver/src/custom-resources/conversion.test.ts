/** Custom resources of two versions, with a webhook on a real HTTPS port in between. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { validatingPolicies } from '../admission/policies/validating.ts'
import { mutatingWebhooks } from '../admission/webhooks/mutating.ts'
import { type Answer, type MemoryServer, startMemoryServer, type TestWatch } from '../testing/memory-server.ts'
import { patch, startWebhookServer, type WebhookServer } from '../testing/webhook-server.ts'

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const at = (version: string): string => `/apis/example.com/${version}/namespaces/default/endpoints`

// biome-ignore lint/suspicious/noExplicitAny: objects of two versions
type Open = any

const text = { type: 'string' }
const status = { type: 'object', properties: { ready: { type: 'integer' } } }
const replicas = { type: 'integer' }
const subresources = {
  status: {},
  scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.ready' },
}

const version = (name: string, storage: boolean, properties: object, selectable: string): object => ({
  name,
  served: true,
  storage,
  subresources,
  schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties }, status } } },
  selectableFields: [{ jsonPath: `.spec.${selectable}` }],
})

/** `storage` names the version that is stored. */
const versions = (storage: string): object[] => [
  version('v1', storage === 'v1', { hostPort: text, replicas }, 'hostPort'),
  version('v2', storage === 'v2', { host: text, port: text, zone: { ...text, default: 'a' }, replicas }, 'host'),
]

/** What the two versions have in common, in the other form. */
function convert(object: Open, apiVersion: string): Open {
  const { hostPort, host, port, zone: _, ...rest } = object.spec ?? {}
  if (apiVersion === 'example.com/v2') {
    const [first, second] = String(hostPort).split(':')
    return { ...object, apiVersion, spec: { ...rest, host: first, port: second } }
  }
  return { ...object, apiVersion, spec: { ...rest, hostPort: `${host}:${port}` } }
}

const converted = (objects: Open[]): object => ({ result: { status: 'Success' }, convertedObjects: objects })

describe('conversion webhooks', () => {
  let hook: WebhookServer
  let server: MemoryServer

  before(async () => {
    hook = await startWebhookServer()
    const authorizer = { authorize: () => ({ decision: 'allow' as const, reason: '' }) }
    server = await startMemoryServer({
      admission: context => [mutatingWebhooks(context), validatingPolicies({ ...context, authorizer })],
    })
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }
    await server.send('POST', '/api/v1/namespaces', namespace)
    const created = await server.send('POST', CRDS, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'endpoints.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'endpoints', kind: 'Endpoint' },
        versions: versions('v1'),
        conversion: {
          strategy: 'Webhook',
          webhook: {
            clientConfig: { url: `https://127.0.0.1:${hook.port}/convert`, caBundle: hook.caBundle },
            conversionReviewVersions: ['v1', 'v1beta1'],
          },
        },
      },
    })
    assert.equal(created.status, 201, created.text)
    await established()
  })
  after(async () => {
    await server.stop()
    await hook.stop()
    assert.deepEqual(server.errors, [])
  })
  beforeEach(async () => {
    honest()
    await store('v1')
    await server.send('DELETE', at('v1'))
    hook.reviews.length = 0
  })

  const honest = (): void => {
    hook.on('/convert', ({ request }) =>
      converted(request.objects.map((each: Open) => convert(each, request.desiredAPIVersion))),
    )
  }

  async function established(): Promise<void> {
    const watch = await server.watch(`${CRDS}?watch=true`)
    for (;;) {
      const { object } = await watch.next()
      const found = object.status?.conditions?.find((each: Open) => each.type === 'Established')
      if (found?.status === 'True') break
    }
    watch.end()
  }

  /** Makes a version the one that is stored. */
  async function store(name: string): Promise<void> {
    const path = `${CRDS}/endpoints.example.com`
    const { json } = await server.send('PATCH', path, { spec: { versions: versions(name) } }, MERGE)
    assert.ok(json.status.storedVersions.includes(name))
    await server.send('GET', path)
  }

  function create(versionName: string, name: string, spec: object): Promise<Answer> {
    const object = { apiVersion: `example.com/${versionName}`, kind: 'Endpoint', metadata: { name }, spec }
    return server.send('POST', at(versionName), object)
  }

  const specOf = async (versionName: string, name: string): Promise<Open> =>
    (await server.send('GET', `${at(versionName)}/${name}`)).json.spec

  /** What is kept of an object. */
  async function stored(name: string): Promise<Open> {
    const kv = await server.store.get(`/registry/example.com/endpoints/default/${name}`)
    return JSON.parse(Buffer.from(kv!.value).toString())
  }

  it('brings parameters of policies into the version that the policy names', async () => {
    const registration = '/apis/admissionregistration.k8s.io/v1'
    const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['secrets'], operations: ['CREATE'] }
    await create('v1', 'limits', { hostPort: 'good:1' })
    await server.send('POST', `${registration}/validatingadmissionpolicies`, {
      metadata: { name: 'hosts' },
      spec: {
        paramKind: { apiVersion: 'example.com/v2', kind: 'Endpoint' },
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression: 'object.metadata.name == params.spec.host' }],
      },
    })
    const { status: code } = await server.send('POST', `${registration}/validatingadmissionpolicybindings`, {
      metadata: { name: 'hosts' },
      spec: {
        policyName: 'hosts',
        paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' },
        validationActions: ['Deny'],
      },
    })
    assert.equal(code, 201)
    const secrets = '/api/v1/namespaces/default/secrets'
    const good = await server.send('POST', secrets, { metadata: { name: 'good' } })
    const bad = await server.send('POST', secrets, { metadata: { name: 'bad' } })
    await server.send('PATCH', `${at('v1')}/limits`, { spec: { hostPort: 'other:1' } }, MERGE)
    hook.on('/convert', () => ({ result: { status: 'Failure', message: 'no idea' } }))
    const failed = await server.send('POST', secrets, { metadata: { name: 'other' } })
    await server.send('DELETE', `${registration}/validatingadmissionpolicybindings/hosts`)
    assert.equal(good.status, 201, good.text)
    assert.match(bad.json.message, /denied request: failed expression: object.metadata.name == params.spec.host/)
    assert.match(failed.json.message, /denied request: failed to configure binding: .*no idea/)
  })

  it('writes through the stored version and reads through any other', async () => {
    const { status: code, json } = await create('v2', 'a', { host: 'h', port: '1', zone: 'b' })
    assert.equal(code, 201)
    // The stored version knows no zones, and only its defaults are set where stored objects are read.
    assert.deepEqual([json.apiVersion, json.spec], ['example.com/v2', { host: 'h', port: '1' }])
    assert.deepEqual((await stored('a')).spec, { hostPort: 'h:1' })
    assert.deepEqual(await specOf('v1', 'a'), { hostPort: 'h:1' })
    assert.deepEqual(await specOf('v2', 'a'), { host: 'h', port: '1' })
    const [{ review } = assert.fail('nobody was asked')] = hook.reviews
    assert.deepEqual([review.kind, review.apiVersion], ['ConversionReview', 'apiextensions.k8s.io/v1'])
    assert.equal(review.request.desiredAPIVersion, 'example.com/v1')
    assert.equal(review.request.objects[0].apiVersion, 'example.com/v2')
  })

  it('is not asked twice about the same state, nor about what needs no conversion', async () => {
    await create('v1', 'a', { hostPort: 'h:1' })
    assert.equal(hook.reviews.length, 0)
    for (let time = 0; time < 3; time++) await specOf('v2', 'a')
    assert.equal(hook.reviews.length, 1)
  })

  it('lists what was stored in several versions with one call', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    await create('v1', 'b', { hostPort: 'b:2' })
    await store('v2')
    await create('v2', 'c', { host: 'c', port: '3' })
    hook.reviews.length = 0
    const { json } = await server.send('GET', at('v2'))
    assert.deepEqual(
      json.items.map((each: Open) => [each.apiVersion, each.spec.host]),
      [
        ['example.com/v2', 'a'],
        ['example.com/v2', 'b'],
        ['example.com/v2', 'c'],
      ],
    )
    assert.equal(hook.reviews.length, 1)
    assert.equal(hook.reviews[0]!.review.request.objects.length, 2)
    const old = await server.send('GET', at('v1'))
    assert.deepEqual(
      old.json.items.map((each: Open) => each.spec.hostPort),
      ['a:1', 'b:2', 'c:3'],
    )
  })

  it('selects by fields of the version asked for', async () => {
    await create('v1', 'a', { hostPort: 'x:1' })
    await create('v1', 'b', { hostPort: 'y:1' })
    await create('v1', 'c', { hostPort: 'y:2' })
    const names = async (query: string): Promise<string[]> =>
      (await server.send('GET', `${at('v2')}?${query}`)).json.items.map((each: Open) => each.metadata.name)
    assert.deepEqual(await names('fieldSelector=spec.host%3Dy'), ['b', 'c'])
    hook.reviews.length = 0
    await create('v1', 'd', { hostPort: 'y:3' })
    assert.deepEqual(await names('fieldSelector=metadata.name%3Dd'), ['d'])
    assert.deepEqual(await names('fieldSelector=metadata.name%3Dnobody'), [])
    assert.deepEqual(
      hook.reviews.map(each => each.review.request.objects.length),
      [1],
    )
    await server.send('DELETE', `${at('v1')}/d`)
    const first = await server.send('GET', `${at('v2')}?fieldSelector=spec.host%3Dy&limit=1`)
    assert.equal(first.json.items[0].metadata.name, 'b')
    const rest = `fieldSelector=spec.host%3Dy&limit=1&continue=${encodeURIComponent(first.json.metadata.continue)}`
    assert.deepEqual(await names(rest), ['c'])
  })

  it('rewrites an object of an older stored version with the next write, even one that changes nothing', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    await store('v2')
    const { json } = await server.send('GET', `${at('v1')}/a`)
    assert.equal((await stored('a')).apiVersion, 'example.com/v1')
    const put = await server.send('PUT', `${at('v1')}/a`, json)
    assert.equal(put.status, 200)
    assert.notEqual(put.json.metadata.resourceVersion, json.metadata.resourceVersion)
    assert.equal((await stored('a')).apiVersion, 'example.com/v2')
    const again = await server.send('PUT', `${at('v1')}/a`, put.json)
    assert.equal(again.json.metadata.resourceVersion, put.json.metadata.resourceVersion)
  })

  it('patches the version that was asked for', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    const { json } = await server.send('PATCH', `${at('v2')}/a`, { spec: { port: '9' } }, MERGE)
    assert.deepEqual(json.spec, { host: 'a', port: '9' })
    assert.deepEqual((await stored('a')).spec, { hostPort: 'a:9' })
    const apply = { 'content-type': 'application/apply-patch+yaml' }
    const config = { apiVersion: 'example.com/v2', kind: 'Endpoint', metadata: { name: 'a' }, spec: { host: 'b' } }
    const applied = await server.send('PATCH', `${at('v2')}/a?fieldManager=me&force=true`, config, apply)
    assert.equal(applied.json.spec.host, 'b', applied.text)
    assert.deepEqual((await stored('a')).spec, { hostPort: 'b:9' })
  })

  it('converts for status and scale too', async () => {
    await create('v1', 'a', { hostPort: 'a:1', replicas: 1 })
    const path = `${at('v2')}/a`
    const written = await server.send('PATCH', `${path}/status`, { status: { ready: 4 } }, MERGE)
    assert.deepEqual([written.json.status, written.json.spec.host], [{ ready: 4 }, 'a'])
    const scaled = await server.send('PATCH', `${path}/scale`, { spec: { replicas: 7 } }, MERGE)
    assert.deepEqual([scaled.json.spec, scaled.json.status.replicas], [{ replicas: 7 }, 4])
    assert.deepEqual((await stored('a')).spec, { hostPort: 'a:1', replicas: 7 })
  })

  const next = async (watch: TestWatch): Promise<unknown[]> => {
    const { type, object } = await watch.next()
    return [type, object.metadata?.name, object.spec?.host]
  }

  it('shows watchers the version that they asked for, in order', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    const watch = await server.watch(`${at('v2')}?watch=true`)
    assert.deepEqual(await next(watch), ['ADDED', 'a', 'a'])
    // The first answer comes last.
    let release = (): void => {}
    hook.on('/convert', async ({ request }) => {
      if (request.objects[0].metadata.name === 'b') await new Promise<void>(resolve => (release = resolve))
      return converted(request.objects.map((each: Open) => convert(each, request.desiredAPIVersion)))
    })
    await create('v1', 'b', { hostPort: 'b:1' })
    await create('v1', 'c', { hostPort: 'c:1' })
    await server.send('PATCH', `${at('v1')}/a`, { spec: { hostPort: 'z:1' } }, MERGE)
    await server.send('GET', `${at('v2')}/c`)
    release()
    await server.send('DELETE', `${at('v1')}/c`)
    assert.deepEqual(await next(watch), ['ADDED', 'b', 'b'])
    assert.deepEqual(await next(watch), ['ADDED', 'c', 'c'])
    assert.deepEqual(await next(watch), ['MODIFIED', 'a', 'z'])
    assert.deepEqual(await next(watch), ['DELETED', 'c', 'c'])
    watch.end()
  })

  it('lets watchers go on where they left off, and select', async () => {
    const { json } = await create('v1', 'a', { hostPort: 'a:1' })
    await create('v1', 'b', { hostPort: 'b:1' })
    await create('v1', 'c', { hostPort: 'c:1' })
    const since = `watch=true&resourceVersion=${json.metadata.resourceVersion}`
    const watch = await server.watch(`${at('v2')}?${since}&fieldSelector=spec.host%3Dc`)
    assert.deepEqual(await next(watch), ['ADDED', 'c', 'c'])
    await server.send('PATCH', `${at('v1')}/b`, { spec: { hostPort: 'c:2' } }, MERGE)
    assert.deepEqual(await next(watch), ['ADDED', 'b', 'c'])
    await server.send('PATCH', `${at('v1')}/c`, { spec: { hostPort: 'd:1' } }, MERGE)
    assert.deepEqual(await next(watch), ['DELETED', 'c', 'c'])
    watch.end()
    const all = `${at('v2')}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`
    const initial = await server.watch(all)
    const seen = [await next(initial), await next(initial), await next(initial), await next(initial)]
    assert.deepEqual(
      seen.map(([type]) => type),
      ['ADDED', 'ADDED', 'ADDED', 'BOOKMARK'],
    )
    initial.end()
  })

  it('ends a watch with the error that a list would give', async () => {
    const watch = await server.watch(`${at('v2')}?watch=true`)
    hook.on('/convert', () => ({ result: { status: 'Failure', message: 'not today' } }))
    await create('v1', 'a', { hostPort: 'a:1' })
    const { type, object } = await watch.next()
    assert.deepEqual([type, object.code], ['ERROR', 500])
    assert.match(object.message, /conversion webhook for example.com\/v1, Kind=Endpoint failed: not today$/)
    assert.equal(await watch.next(), undefined)
    honest()
    assert.equal((await specOf('v2', 'a')).host, 'a')
  })

  const change = (edit: (object: Open) => void) => (objects: Open[]) => {
    for (const each of objects) edit(each)
    return converted(objects)
  }
  const FAILURES: { name: string; answer(objects: Open[]): object; message: string }[] = [
    {
      name: 'a failure',
      answer: () => ({ result: { status: 'Failure', message: 'not today' } }),
      message: 'conversion webhook for example.com/v1, Kind=Endpoint failed: not today',
    },
    {
      name: 'a failure without a word',
      answer: () => ({ result: { status: 'Failure' } }),
      message:
        "conversion webhook for example.com/v1, Kind=Endpoint failed: response.result.status was 'Failure', not 'Success'",
    },
    {
      name: 'an error',
      answer: () => ({ code: 500, text: 'boom' }),
      message:
        'conversion webhook for example.com/v1, Kind=Endpoint failed: an error on the server ("boom") has prevented the request from succeeding',
    },
    {
      name: 'fewer objects',
      answer: () => converted([]),
      message: 'conversion webhook for example.com/v1, Kind=Endpoint returned 0 objects, expected 1',
    },
    {
      name: 'another version',
      answer: change(each => {
        each.apiVersion = 'example.com/v3'
      }),
      message:
        'conversion webhook for example.com/v1, Kind=Endpoint returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v3)',
    },
    {
      name: 'another kind',
      answer: change(each => {
        each.kind = 'Other'
      }),
      message:
        'conversion webhook for example.com/v1, Kind=Endpoint returned invalid object at index 0: invalid kind (expected Endpoint, received Other)',
    },
    {
      name: 'another name',
      answer: change(each => {
        each.metadata.name = 'b'
      }),
      message:
        'conversion webhook for example.com/v1, Kind=Endpoint returned invalid object: must have the same name: a != b',
    },
    {
      name: 'labels that are none',
      answer: change(each => {
        each.metadata.labels = { a: 1 }
      }),
      message:
        'conversion webhook for example.com/v1, Kind=Endpoint returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object',
    },
  ]
  const owned = (fieldsOf: object): object => ({ 'f:spec': fieldsOf })

  /** Applies to the object `a`; the answer with its owners by manager. */
  async function apply(manager: string, versionName: string, spec: object, force = false) {
    const path = `${at(versionName)}/a?fieldManager=${manager}&force=${force}`
    const config = { apiVersion: `example.com/${versionName}`, kind: 'Endpoint', metadata: { name: 'a' }, spec }
    const { status, json } = await server.send('PATCH', path, config, {
      'content-type': 'application/apply-patch+yaml',
    })
    const managers = (json.metadata?.managedFields ?? []) as Open[]
    return { status, json, owners: Object.fromEntries(managers.map(each => [each.manager, each.fieldsV1])) }
  }

  it('are asked for what managers of other versions own', async () => {
    await apply('one', 'v1', { hostPort: 'a:1', replicas: 1 })
    const { status, json } = await apply('two', 'v2', { host: 'b', port: '1' })
    assert.equal(status, 409)
    assert.equal(json.message, 'Apply failed with 1 conflict: conflict with "one": .spec.hostPort')
    const forced = await apply('two', 'v2', { host: 'b', port: '1' }, true)
    assert.deepEqual(forced.owners, {
      one: owned({ 'f:replicas': {} }),
      two: owned({ 'f:host': {}, 'f:port': {} }),
    })
    // What the same manager applied in another version goes with that version's fields.
    const less = await apply('one', 'v2', { host: 'b' })
    assert.deepEqual(less.json.spec, { host: 'b', port: '1' })
    assert.deepEqual(Object.keys(less.owners).sort(), ['one', 'two'])
  })

  it('that fail keep from applying, and cost updates their owners', async () => {
    await apply('one', 'v1', { hostPort: 'a:1' })
    await apply('two', 'v2', { host: 'a', zone: 'z' })
    hook.on('/convert', () => ({ result: { status: 'Failure', message: 'no way' } }))
    const { status, json } = await apply('one', 'v1', { hostPort: 'a:2' })
    assert.equal(status, 500)
    assert.equal(json.message, 'conversion webhook for example.com/v1, Kind=Endpoint failed: no way')
    const patched = await server.send('PATCH', `${at('v1')}/a`, { spec: { hostPort: 'b:1' } }, MERGE)
    assert.equal(patched.status, 200, patched.text)
    assert.equal(patched.json.metadata.managedFields, undefined)
  })

  it('that make what does not fit the version, too', async () => {
    await apply('two', 'v2', { host: 'a', port: '1' })
    hook.on('/convert', ({ request }) =>
      converted(
        request.objects.map((each: Open) => {
          const made = convert(each, request.desiredAPIVersion)
          return { ...made, spec: { ...made.spec, unknown: 1 } }
        }),
      ),
    )
    const { status, json } = await apply('one', 'v1', { replicas: 1 })
    assert.equal(status, 500)
    assert.match(json.message, /\.spec\.unknown: field not declared in schema$/)
  })

  it('are not asked for versions that the definition does not have', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    const managedFields = [
      {
        manager: 'old',
        operation: 'Apply',
        apiVersion: 'example.com/v0',
        fieldsType: 'FieldsV1',
        fieldsV1: owned({ 'f:hostPort': {} }),
      },
    ]
    const lost = await server.send('PATCH', `${at('v1')}/a`, { metadata: { managedFields } }, MERGE)
    assert.equal(lost.json.metadata.managedFields, undefined)
  })

  for (const { name, answer, message } of FAILURES) {
    it(`does not accept ${name}`, async () => {
      await create('v1', 'a', { hostPort: 'a:1' })
      hook.on('/convert', ({ request }) =>
        answer(request.objects.map((each: Open) => convert(each, request.desiredAPIVersion))),
      )
      for (const path of [`${at('v2')}/a`, at('v2')]) {
        const { status: code, json } = await server.send('GET', path)
        assert.equal(code, 500)
        assert.equal(json.message, message)
      }
      assert.equal((await server.send('GET', `${at('v1')}/a`)).status, 200)
    })
  }

  it('lets the webhook change labels and annotations, and nothing else of the metadata', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    hook.on('/convert', ({ request }) =>
      converted(
        request.objects.map((each: Open) => {
          const { metadata, ...rest } = convert(each, request.desiredAPIVersion)
          const labels = { from: 'webhook' }
          return { ...rest, metadata: { ...metadata, labels, generation: 99, finalizers: ['x.example.com/y'] } }
        }),
      ),
    )
    const { json } = await server.send('GET', `${at('v2')}/a`)
    const { labels, generation, finalizers } = json.metadata
    assert.deepEqual([labels, generation, finalizers], [{ from: 'webhook' }, 1, undefined])
  })

  it('deletes through any version', async () => {
    await create('v1', 'a', { hostPort: 'a:1' })
    await server.send('PATCH', `${at('v2')}/a`, { metadata: { finalizers: ['x.example.com/y'] } }, MERGE)
    const marked = await server.send('DELETE', `${at('v2')}/a`)
    assert.equal(marked.json.spec.host, 'a')
    assert.ok(marked.json.metadata.deletionTimestamp)
    assert.equal((await stored('a')).apiVersion, 'example.com/v1')
    await server.send('PATCH', `${at('v2')}/a`, { metadata: { finalizers: null } }, MERGE)
    assert.equal((await server.send('GET', `${at('v1')}/a`)).status, 404)
  })

  it('shows admission webhooks the version that they asked for, and prunes what they add', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
    hook.on('/admit', () =>
      patch({ op: 'add', path: '/spec/host', value: 'patched' }, { op: 'add', path: '/spec/unknown', value: 1 }),
    )
    await server.send('POST', path, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'v2' },
      webhooks: [
        {
          name: 'v2.example.com',
          clientConfig: { url: `https://127.0.0.1:${hook.port}/admit`, caBundle: hook.caBundle },
          rules: [
            { operations: ['CREATE'], apiGroups: ['example.com'], apiVersions: ['v2'], resources: ['endpoints'] },
          ],
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    })
    await server.send('GET', path)
    const { json } = await create('v1', 'a', { hostPort: 'a:1' })
    await server.send('DELETE', `${path}/v2`)
    await server.send('GET', path)
    assert.deepEqual([json.apiVersion, json.spec], ['example.com/v1', { hostPort: 'patched:1' }])
    const { request } = hook.reviews.find(each => each.path === '/admit')!.review
    assert.deepEqual([request.kind.version, request.requestKind.version], ['v2', 'v1'])
    assert.deepEqual([request.object.spec.host, request.object.spec.zone], ['a', 'a'])
  })
})
