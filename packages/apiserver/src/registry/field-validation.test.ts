import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const CMS = '/api/v1/namespaces/default/configmaps'
const PATCHED = `${CMS}/patched`
const YAML = 'application/yaml'
const APPLY = 'application/apply-patch+yaml'
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'

const head = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`

/** Method, path, media type, body; what Strict says; what Warn warns of. */
const cases: readonly [string, string, string, string, string, readonly string[]][] = [
  [
    'POST',
    CMS,
    YAML,
    `${head('made')}other: 1\ndata:\n  a: b\n  a: c\n  "d": e\n  'd': f\n  g:\n\n    # with a remark\n    h\n  g:\n    # another\n    i\n`,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n' +
      '  line 8: key "a" already set in map\n  line 10: key "d" already set in map\n' +
      '  line 17: key "g" already set in map, unknown field "other"',
    [
      'line 8: key "a" already set in map',
      'line 10: key "d" already set in map',
      'line 17: key "g" already set in map',
      'unknown field "other"',
    ],
  ],
  [
    'PATCH',
    PATCHED,
    APPLY,
    `${head('patched')}data:\n  1: b\n  1: c\n  a: b\n  a: c\n`,
    'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n' +
      '  line 7: key 1 already set in map\n  line 9: key "a" already set in map',
    ['line 7: key 1 already set in map', 'line 9: key "a" already set in map'],
  ],
  [
    'PATCH',
    PATCHED,
    APPLY,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"patched"},"data":{"a":"b","a":"c"}}',
    'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n' +
      '  line 1: key "a" already set in map',
    ['line 1: key "a" already set in map'],
  ],
  [
    'POST',
    CMS,
    YAML,
    '{apiVersion: v1, kind: ConfigMap, metadata: {name: made}, immutable, immutable}',
    'strict decoding error: yaml: unmarshal errors:\n  line 1: key "immutable" already set in map',
    ['line 1: key "immutable" already set in map'],
  ],
  [
    'PATCH',
    PATCHED,
    MERGE,
    '{"data":{"a":"1","a":"2"},"other":[{"b":1,"b":2}]}',
    'strict decoding error: duplicate field "data.a", duplicate field "other[0].b", unknown field "other"',
    ['duplicate field "data.a"', 'duplicate field "other[0].b"', 'unknown field "other"'],
  ],
  [
    'PATCH',
    PATCHED,
    STRATEGIC,
    '{"data":{"a":"1","a":"2"}}',
    ' "" is invalid: patch: Invalid value: "map[data:map[a:2]]": strict decoding error: duplicate field "data.a"',
    ['duplicate field "data.a"'],
  ],
  [
    'PATCH',
    PATCHED,
    JSON_PATCH,
    '[{"op":"add","path":"/other","value":1},{"op":"add","op":"add","path":"/data","value":{},"more":1}]',
    'strict decoding error: json patch duplicate field "[1].op", json patch unknown field "[1].more", unknown field "other"',
    ['json patch duplicate field "[1].op"', 'json patch unknown field "[1].more"', 'unknown field "other"'],
  ],
  [
    'PATCH',
    PATCHED,
    JSON_PATCH,
    '[{"op":"add","path":"/z","value":1,"foo":1},{"op":"add","path":"/b","path":"/a","value":1}]',
    'strict decoding error: json patch unknown field "[0].foo", json patch duplicate field "[1].path", unknown field "a", unknown field "z"',
    [
      'json patch unknown field "[0].foo"',
      'json patch duplicate field "[1].path"',
      'unknown field "a"',
      'unknown field "z"',
    ],
  ],
  [
    'POST',
    CMS,
    YAML,
    `${head('made')}z: 1\na: 1\n`,
    'strict decoding error: unknown field "a", unknown field "z"',
    ['unknown field "a"', 'unknown field "z"'],
  ],
]

describe('strict validation of fields', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    assert.equal((await server.send('POST', CMS, { metadata: { name: 'patched' } })).status, 201)
  })
  after(() => server.stop())

  const send = (method: string, path: string, media: string, body: string, validation: string) =>
    server.send(method, `${path}?dryRun=All&fieldManager=test&fieldValidation=${validation}`, body, {
      'content-type': media,
    })
  const warned = (headers: Readonly<Record<string, unknown>>): string[] =>
    [...String(headers.warning ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
      text!.replaceAll('\\"', '"'),
    )

  for (const [method, path, media, body, message, warnings] of cases)
    it(`finds in ${media}: ${body.replaceAll('\n', ' ').slice(0, 70)}`, async () => {
      const strict = await send(method, path, media, body, 'Strict')
      assert.ok(strict.json.message.endsWith(message), strict.json.message)
      assert.ok(strict.status === 400 || strict.status === 422)
      const lenient = await send(method, path, media, body, 'Warn')
      assert.ok(lenient.status < 300, lenient.json.message)
      assert.deepEqual(warned(lenient.headers), warnings)
      const silent = await send(method, path, media, body, 'Ignore')
      assert.deepEqual([silent.status < 300, silent.headers.warning], [true, undefined])
    })

  it('says nothing of what is as it should be', async () => {
    const body = '{"data":{"a":"x: {","b":"c\\":\\""}}'
    for (const media of [MERGE, STRATEGIC]) {
      const { status, headers } = await send('PATCH', PATCHED, media, body, 'Strict')
      assert.deepEqual([status, headers.warning], [200, undefined])
    }
  })
})

describe('strict validation of custom resources', () => {
  const things = '/apis/example.com/v1/things'
  const SPEC = {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: {
      first: { type: 'string' },
      template: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        properties: { metadata: { type: 'object', properties: { name: { type: 'string' } } } },
      },
    },
  }
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec: SPEC } } }
    await server.send('POST', definitions, {
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Cluster',
        names: { plural: 'things', kind: 'Thing' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    })
    const watch = await server.watch(`${definitions}?watch=true&fieldSelector=metadata.name%3Dthings.example.com`)
    for (;;) {
      const { object } = await watch.next()
      if (object.status?.conditions?.some((each: { type: string }) => each.type === 'Established')) break
    }
    watch.end()
  })
  after(() => server.stop())

  const apply = (body: string) =>
    server.send('PATCH', `${things}/one?fieldManager=test&fieldValidation=Strict`, body, { 'content-type': APPLY })
  const thing = 'apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: one\n'

  it('finds what comes twice where unknown fields are kept', async () => {
    const { status, json } = await apply(`\n${thing}spec:\n  unknown: kept\n  first: a\n  first: b\n`)
    assert.deepEqual([status, json.reason], [400, 'BadRequest'])
    assert.match(json.message, /line 9: key "first" already set in map$/)
    assert.equal((await server.send('GET', `${things}/one`)).status, 404)
  })

  it('finds unknown metadata, of embedded objects too', async () => {
    const embedded = (more: string) => `spec:\n  template:\n    kind: Sub\n    metadata:\n      name: sub\n${more}`
    const root = await apply(`${thing}  other: x\n${embedded('')}`)
    assert.match(root.json.message, /\.metadata\.other: field not declared in schema/)
    const inner = await apply(`${thing}${embedded('      other: x\n')}`)
    assert.match(inner.json.message, /\.spec\.template\.metadata\.other: field not declared in schema/)
  })

  it('finds unknown metadata of built-in kinds', async () => {
    const body = { metadata: { name: 'x', other: 'y' } }
    const { status, json } = await server.send('POST', `${CMS}?fieldValidation=Strict`, body)
    assert.equal(status, 400)
    assert.match(json.message, /strict decoding error: unknown field "metadata\.other"$/)
  })
})
