import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const CMS = '/api/v1/namespaces/default/configmaps'
const map = (name: string, data: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
})

describe('create', () => {
  it('fills in what only the server knows', async () => {
    const { status, json } = await server.send('POST', CMS, map('created', { a: 'b' }))
    assert.equal(status, 201)
    assert.equal(json.kind, 'ConfigMap')
    assert.equal(json.apiVersion, 'v1')
    assert.equal(json.metadata.namespace, 'default')
    assert.match(json.metadata.uid, /^[0-9a-f-]{36}$/)
    assert.match(json.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.match(json.metadata.resourceVersion, /^[1-9]\d*$/)
    assert.equal(json.metadata.generation, undefined)
    assert.deepEqual(json.data, { a: 'b' })
    const got = await server.send('GET', `${CMS}/created`)
    assert.deepEqual(got.json, json)
  })

  const refused: readonly [
    name: string,
    path: string,
    body: unknown,
    code: number,
    reason: string | undefined,
    message: RegExp,
  ][] = [
    ['a name that exists', CMS, map('created'), 409, 'AlreadyExists', /^configmaps "created" already exists$/],
    [
      'an invalid name',
      CMS,
      map('A_b'),
      422,
      'Invalid',
      /^ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain/,
    ],
    [
      'no name',
      CMS,
      { metadata: {} },
      422,
      'Invalid',
      /metadata.name: Required value: name or generateName is required/,
    ],
    [
      'another namespace',
      CMS,
      { metadata: { name: 'x', namespace: 'other' } },
      400,
      'BadRequest',
      /the namespace of the provided object does not match the namespace sent on the request/,
    ],
    [
      'a resourceVersion',
      CMS,
      { metadata: { name: 'x', resourceVersion: '1' } },
      500,
      undefined,
      /resourceVersion should not be set on objects to be created/,
    ],
    ['another kind', CMS, { kind: 'Secret', metadata: { name: 'x' } }, 400, 'BadRequest', /Secret/],
    [
      'another version',
      CMS,
      { apiVersion: 'v2', metadata: { name: 'x' } },
      400,
      'BadRequest',
      /no kind "ConfigMap" is registered for version "v2"/,
    ],
    [
      'no JSON',
      CMS,
      '{"a"',
      400,
      'BadRequest',
      /the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: unexpected end of JSON input/,
    ],
    ['nothing', CMS, '', 400, 'BadRequest', /unrecognized/],
    [
      'a wrong type',
      CMS,
      { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x' }, data: { a: 1 } },
      400,
      'BadRequest',
      /ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string/,
    ],
    [
      'an unknown field when strict',
      `${CMS}?fieldValidation=Strict`,
      { metadata: { name: 'x' }, foo: 1 },
      400,
      'BadRequest',
      /strict decoding error: unknown field "foo"/,
    ],
    [
      'an unknown validation',
      `${CMS}?fieldValidation=Hard`,
      map('x'),
      422,
      'Invalid',
      /CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Hard": supported values: "", "Ignore", "Strict", "Warn"/,
    ],
    [
      'an unknown dry run',
      `${CMS}?dryRun=Some`,
      map('x'),
      422,
      'Invalid',
      /dryRun: Unsupported value: \["Some"\]: supported values: "All"/,
    ],
  ]
  for (const [name, path, body, code, reason, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { status, json } = await server.send('POST', path, body)
      assert.equal(status, code, json.message)
      assert.equal(json.kind, 'Status')
      assert.equal(json.status, 'Failure')
      assert.equal(json.code, code)
      assert.equal(json.reason, reason)
      assert.match(json.message, message)
    })
  }

  it('generates names', async () => {
    const { json } = await server.send('POST', CMS, { metadata: { generateName: 'gen-' } })
    assert.match(json.metadata.name, /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  it('gives up to find a name where all that it thinks of are taken', async () => {
    const unlucky = await startMemoryServer({ random: { next: () => 0, bytes: length => new Uint8Array(length) } })
    const generate = () => unlucky.send('POST', CMS, { metadata: { generateName: 'gen-' } })
    assert.equal((await generate()).json.metadata.name, 'gen-bbbbb')
    const { status, json } = await generate()
    await unlucky.stop()
    assert.deepEqual([status, json.reason, json.details.retryAfterSeconds], [409, 'AlreadyExists', 1])
    assert.equal(
      json.message,
      'configmaps "gen-bbbbb" already exists, the server was not able to generate a unique name for the object',
    )
  })

  it('warns of unknown and duplicate fields', async () => {
    const { status, headers } = await server.send(
      'POST',
      CMS,
      '{"metadata":{"name":"warned"},"foo":1,"data":{},"data":{}}',
    )
    assert.equal(status, 201)
    const warnings = [...(headers.warning ?? [])].sort()
    assert.deepEqual(warnings, ['299 - "duplicate field \\"data\\""', '299 - "unknown field \\"foo\\""'])
  })

  it('stores nothing on a dry run', async () => {
    const { status, json } = await server.send('POST', `${CMS}?dryRun=All`, map('dry'))
    assert.equal(status, 201)
    assert.equal(json.metadata.resourceVersion, undefined)
    assert.equal((await server.send('GET', `${CMS}/dry`)).status, 404)
  })

  it('reads YAML', async () => {
    const yaml = 'metadata:\n  name: from-yaml\ndata:\n  a: "1"\n'
    const { status, json } = await server.send('POST', CMS, yaml, { 'content-type': 'application/yaml' })
    assert.equal(status, 201)
    assert.deepEqual(json.data, { a: '1' })
  })
})

describe('update', () => {
  it('replaces, and counts the version up only for a change', async () => {
    const { json: before } = await server.send('POST', CMS, map('updated', { a: '1' }))
    const { status, json: changed } = await server.send('PUT', `${CMS}/updated`, { ...before, data: { a: '2' } })
    assert.equal(status, 200)
    assert.equal(changed.metadata.uid, before.metadata.uid)
    assert.ok(Number(changed.metadata.resourceVersion) > Number(before.metadata.resourceVersion))
    const { json: same } = await server.send('PUT', `${CMS}/updated`, changed)
    assert.equal(same.metadata.resourceVersion, changed.metadata.resourceVersion)
    const stale = await server.send('PUT', `${CMS}/updated`, { ...before, data: { a: '3' } })
    assert.equal(stale.status, 409)
    assert.equal(stale.json.reason, 'Conflict')
    assert.equal(
      stale.json.message,
      'Operation cannot be fulfilled on configmaps "updated": the object has been modified; please apply your changes to the latest version and try again',
    )
  })

  it('needs no version where the kind does not ask for one', async () => {
    const { status, json } = await server.send('PUT', `${CMS}/updated`, map('updated', { a: '4' }))
    assert.equal(status, 200)
    assert.deepEqual(json.data, { a: '4' })
  })

  const refused: readonly [string, string, object, number, RegExp][] = [
    [
      'another name',
      `${CMS}/updated`,
      map('other'),
      400,
      /the name of the object \(other\) does not match the name on the URL \(updated\)/,
    ],
    ['a missing object', `${CMS}/missing`, map('missing'), 404, /configmaps "missing" not found/],
    [
      'another uid',
      `${CMS}/updated`,
      { metadata: { name: 'updated', uid: 'x' } },
      409,
      /on configmaps "updated": StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/updated, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: x, UID in object meta: .{36}/,
    ],
  ]
  for (const [name, path, body, code, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { status, json } = await server.send('PUT', path, body)
      assert.equal(status, code, json.message)
      assert.match(json.message, message)
    })
  }

  it('creates leases by PUT, and replaces them only by version', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/put'
    const created = await server.send('PUT', path, { metadata: { name: 'put' }, spec: {} })
    assert.equal(created.status, 201)
    const blind = await server.send('PUT', path, { metadata: { name: 'put' }, spec: { holderIdentity: 'x' } })
    assert.equal(blind.status, 422)
    assert.match(blind.json.message, /metadata.resourceVersion: Invalid value: 0: must be specified for an update/)
    const { status } = await server.send('PUT', path, { ...created.json, spec: { holderIdentity: 'x' } })
    assert.equal(status, 200)
  })
})

describe('patch', () => {
  const patches: readonly [string, string, unknown, Record<string, string>][] = [
    ['merge', 'application/merge-patch+json', { data: { b: '2', a: null } }, { b: '2' }],
    ['strategic', 'application/strategic-merge-patch+json', { data: { c: '3' } }, { a: '1', c: '3' }],
    ['JSON', 'application/json-patch+json', [{ op: 'add', path: '/data/d', value: '4' }], { a: '1', d: '4' }],
  ]
  for (const [name, type, patch, expected] of patches) {
    it(`applies a ${name} patch`, async () => {
      await server.send('POST', CMS, map(`patched-${name.toLowerCase()}`, { a: '1' }))
      const path = `${CMS}/patched-${name.toLowerCase()}`
      const { status, json } = await server.send('PATCH', path, patch, { 'content-type': type })
      assert.equal(status, 200)
      assert.deepEqual(json.data, expected)
    })
  }

  const refused: readonly [string, string, unknown, number, RegExp][] = [
    ['an unknown media type', 'application/json', {}, 415, /^415: Unsupported Media Type$/],
    [
      'a failing test',
      'application/json-patch+json',
      [{ op: 'test', path: '/data/a', value: 'x' }],
      422,
      /^the server rejected our request due to an error in our request$/,
    ],
    ['what is no patch', 'application/json-patch+json', {}, 400, /cannot unmarshal object into Go value of type/],
    ['what is no JSON', 'application/merge-patch+json', 'a: b', 400, /^error decoding patch: invalid character 'a'/],
    [
      'a rename',
      'application/merge-patch+json',
      { metadata: { name: 'other' } },
      400,
      /the name of the object \(other\) does not match/,
    ],
    [
      'a stale version',
      'application/merge-patch+json',
      { metadata: { resourceVersion: '1' } },
      409,
      /the object has been modified/,
    ],
    [
      'another uid',
      'application/merge-patch+json',
      { metadata: { uid: 'x' } },
      422,
      /^ConfigMap "patched-merge" is invalid: metadata\.uid: Invalid value: "x": field is immutable$/,
    ],
    [
      'another uid of a stale version',
      'application/merge-patch+json',
      { metadata: { uid: 'x', resourceVersion: '1' } },
      409,
      /the object has been modified/,
    ],
    [
      'a wrong type',
      'application/merge-patch+json',
      { data: { a: 1 } },
      422,
      /^ "" is invalid: patch: Invalid value: "\{.*\}": .*cannot unmarshal number/,
    ],
  ]
  for (const [name, type, patch, code, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { status, json } = await server.send('PATCH', `${CMS}/patched-merge`, patch, { 'content-type': type })
      assert.equal(status, code, json.message)
      assert.match(json.message, message)
    })
  }

  it('does not lose patches that come at once', async () => {
    await server.send('POST', CMS, map('contended'))
    const type = { 'content-type': 'application/merge-patch+json' }
    const writes = Array.from({ length: 20 }, (_, i) =>
      server.send('PATCH', `${CMS}/contended`, { data: { [`k${i}`]: 'v' } }, type),
    )
    for (const { status } of await Promise.all(writes)) assert.equal(status, 200)
    const { json } = await server.send('GET', `${CMS}/contended`)
    assert.equal(Object.keys(json.data).length, 20)
  })
})

describe('status and generation', () => {
  const PATH = '/apis/apps/v1/namespaces/default/deployments'
  const deployment = {
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
    status: { replicas: 7 },
  }
  it('keeps spec and status apart', async () => {
    const { json: created } = await server.send('POST', PATH, deployment)
    assert.equal(created.metadata.generation, 1)
    assert.deepEqual(created.status, {})
    assert.equal(created.spec.replicas, 1)
    const { json: scaled } = await server.send('PUT', `${PATH}/web`, {
      ...created,
      spec: { ...created.spec, replicas: 2 },
      status: { replicas: 9 },
    })
    assert.equal(scaled.metadata.generation, 2)
    assert.deepEqual(scaled.status, {})
    const { json: reported } = await server.send('PUT', `${PATH}/web/status`, {
      ...scaled,
      spec: { ...scaled.spec, replicas: 5 },
      status: { replicas: 2 },
    })
    assert.equal(reported.metadata.generation, 2)
    assert.equal(reported.spec.replicas, 2)
    assert.equal(reported.status.replicas, 2)
  })

  it('leaves the spec alone whatever a patch of the status says', async () => {
    const read = async () => (await server.send('GET', `${PATH}/web`)).json
    const { spec } = await read()
    const patches: [type: string, patch: unknown][] = [
      ['merge', { status: { replicas: 3 } }],
      ['merge', { spec: { replicas: 8 }, status: { replicas: 4 } }],
      ['merge', { spec: null, status: { replicas: 3 } }],
      ['strategic-merge', { status: { replicas: 4 } }],
      ['strategic-merge', { spec: { paused: true }, status: { replicas: 3 } }],
      ['json', [{ op: 'replace', path: '/status/replicas', value: 4 }]],
    ]
    for (const [type, patch] of patches) {
      const headers = { 'content-type': `application/${type}-patch+json` }
      const { status, json } = await server.send('PATCH', `${PATH}/web/status`, patch, headers)
      assert.equal(status, 200, json.message)
      assert.deepEqual(json.spec, spec)
      assert.ok([3, 4].includes(json.status.replicas))
      assert.deepEqual(await read(), json)
    }
  })

  it('scales', async () => {
    const { json: scale } = await server.send('GET', `${PATH}/web/scale`)
    assert.equal(scale.kind, 'Scale')
    assert.equal(scale.spec.replicas, 2)
    assert.equal(scale.status.selector, 'app=web')
    const changed = await server.send('PUT', `${PATH}/web/scale`, { ...scale, spec: { replicas: 3 } })
    assert.equal(changed.json.spec.replicas, 3)
    const patched = await server.send(
      'PATCH',
      `${PATH}/web/scale`,
      { spec: { replicas: 4 } },
      { 'content-type': 'application/merge-patch+json' },
    )
    assert.equal(patched.json.spec.replicas, 4)
    assert.equal((await server.send('GET', `${PATH}/web`)).json.metadata.generation, 4)
    const negative = await server.send('PUT', `${PATH}/web/scale`, {
      metadata: { name: 'web' },
      spec: { replicas: -1 },
    })
    assert.equal(negative.status, 422)
    assert.match(negative.json.message, /spec.replicas: Invalid value: -1: must be greater than or equal to 0/)
  })
})

describe('paths', () => {
  const NO_ROUTE = /"message":"the server could not find the requested resource","reason":"NotFound","details":\{\}/
  const cases: readonly [string, string, number, RegExp][] = [
    ['GET', '/nothing', 404, /^404 page not found\n$/],
    ['GET', '/api/v1/widgets', 404, NO_ROUTE],
    ['GET', '/apis/none/v1/things', 404, /^404 page not found\n$/],
    ['GET', `${CMS}/missing`, 404, /configmaps \\"missing\\" not found/],
    ['GET', '/api/v1/nodes/x/unknown', 404, NO_ROUTE],
    ['DELETE', '/api/v1/namespaces', 405, /MethodNotAllowed/],
    ['PUT', CMS, 405, /the server does not allow this method on the requested resource/],
    ['PATCH', CMS, 405, /the server does not allow this method on the requested resource/],
    ['POST', `${CMS}/x`, 405, /the server does not allow this method on the requested resource/],
    ['GET', '/api/v1/namespaces/default/pods/x/exec', 404, /pods \\"x\\" not found/],
    ['GET', '/api/v1/namespaces/default/bindings', 405, /does not allow this method/],
    ['GET', '/api/v1/namespaces/default/bindings/x', 404, NO_ROUTE],
    ['DELETE', '/apis/authorization.k8s.io/v1/subjectaccessreviews/x', 404, NO_ROUTE],
    ['GET', '/api/v1/componentstatuses/x', 404, /componentstatus \\"x\\" not found/],
    ['HEAD', CMS, 405, /does not allow this method/],
    ['HEAD', `${CMS}/missing`, 405, /does not allow this method/],
    ['HEAD', '/api/v1/componentstatuses', 405, /does not allow this method/],
    ['HEAD', '/api/v1/nodes/x/status', 405, /does not allow this method/],
    ['HEAD', '/api/v1/nodes/x/unknown', 404, NO_ROUTE],
    ['HEAD', '/version', 405, /does not allow this method/],
    ['POST', '/version/', 405, /does not allow this method/],
    ['HEAD', '/api', 405, /does not allow this method/],
    ['HEAD', '/api/v1', 405, /does not allow this method/],
    ['HEAD', '/apis/apps/v1/', 405, /does not allow this method/],
    ['HEAD', '/apis/none/v1', 404, /^404 page not found/],
    ['HEAD', '/apis', 200, /APIGroupList/],
    ['HEAD', '/apis/apps', 200, /APIGroup/],
    ['HEAD', '/healthz', 200, /^ok$/],
    ['POST', '/healthz', 200, /^ok$/],
    ['PUT', '/livez/ping', 200, /^ok$/],
    ['POST', '/apis', 200, /APIGroupList/],
    ['PATCH', '/apis/apps', 200, /APIGroup/],
    ['DELETE', '/openapi/v3', 200, /"paths"/],
    ['POST', '/nothing', 404, /^404 page not found\n$/],
    ['GET', '/api/v1/watch/pods/x', 404, /the server could not find the requested resource/],
    ['PUT', '/apis/apps/v1', 405, /does not allow this method/],
    ['GET', '/healthz', 200, /^ok$/],
    ['GET', '/livez', 200, /^ok$/],
    ['GET', '/readyz?verbose', 200, /\[\+\]ping ok\n[\s\S]*readyz check passed\n$/],
    ['GET', '/version', 200, /^\{\n {2}"major": "1",[\s\S]*"gitVersion": "v1\.36[\s\S]*"\n\}$/],
    ['GET', `${CMS}/%zz`, 400, /^400 Bad Request$/],
  ]
  for (const [method, path, code, body] of cases) {
    it(`${method} ${path} answers ${code}`, async () => {
      const { status, text } = await server.send(method, path)
      assert.equal(status, code, text)
      assert.match(text, body)
    })
  }

  it('answers 406 and 415 with what it speaks', async () => {
    const unacceptable = await server.send('GET', CMS, undefined, { accept: 'text/html' })
    assert.equal(unacceptable.status, 406)
    assert.match(
      unacceptable.json.message,
      /^406: Not Acceptable\n\nAvailable representations: application\/json, application\/yaml, application\/vnd\.kubernetes\.protobuf, application\/json;stream=watch/,
    )
    for (const accept of ['application/yaml', 'application/yaml, application/json']) {
      const unwatchable = await server.send('GET', `${CMS}?watch=true`, undefined, { accept })
      assert.equal(unwatchable.status, 406)
      const streams = /accepted: application\/json;stream=watch,\s+application\/vnd\.kubernetes\.protobuf;stream=watch/
      assert.match(unwatchable.text, streams)
    }
    const unsupported = await server.send('POST', CMS, 'x', { 'content-type': 'text/plain' })
    assert.equal(unsupported.status, 415)
    assert.equal(unsupported.json.reason, 'UnsupportedMediaType')
  })

  it('logged no error', () => assert.deepEqual(server.errors, []))
})
