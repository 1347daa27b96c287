/** What requests are refused with, as an API server of 1.36.1 answered them. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
  await server.send('POST', CMS, { metadata: { name: 'one' } })
})
after(() => server.stop())

const CMS = '/api/v1/namespaces/default/configmaps'
const ONE = `${CMS}/one`
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const APPLY = 'application/apply-patch+yaml'
const NOT_FOUND = 'the server could not find the requested resource'
const LIST_OPTIONS = 'ListOptions.meta.k8s.io "" is invalid: '
const UNNAMED = 'the name of the object (one based on URL) was undeterminable: name must be provided'
const noMap = (kind: string): string => `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`
const noText = (kind: string, field: string): string =>
  `json: cannot unmarshal ${kind} into Go struct field jsonPatchOp.${field} of type string`
const notKind = (why: string): string => ` "" is invalid: patch: Invalid value: ${why}`
const badVersion = 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'

describe('requests are refused', () => {
  const reads: readonly [query: string, code: number, reason: string | undefined, message: string][] = [
    [`${ONE}?resourceVersion=x`, 500, undefined, badVersion],
    [`${CMS}?resourceVersion=x`, 400, 'BadRequest', `invalid resource version: ${badVersion}`],
    [`${CMS}?watch=1&resourceVersion=x`, 500, undefined, badVersion],
    [`${CMS}/..`, 400, 'BadRequest', `Name parameter invalid: "..": may not be '..'`],
    [`${CMS}/a%25b`, 400, 'BadRequest', `Name parameter invalid: "a%b": may not contain '%'`],
    [`${CMS}/a%2Fb`, 404, 'NotFound', NOT_FOUND],
    [`${ONE}/unknown`, 404, 'NotFound', NOT_FOUND],
    ['/api/v2', 404, 'NotFound', NOT_FOUND],
    ['/apis/apps/v9/deployments', 404, 'NotFound', NOT_FOUND],
    ['/api/v1/pods/x', 404, 'NotFound', NOT_FOUND],
    ['/api/v1/namespaces/default/nodes', 404, 'NotFound', NOT_FOUND],
    [
      `${CMS}?labelSelector=${'a'.repeat(64)}`,
      400,
      'BadRequest',
      `unable to parse requirement: <nil>: Invalid value: "${'a'.repeat(64)}": name part must be no more than 63 bytes`,
    ],
    [
      `${CMS}?watch=1&continue=x`,
      422,
      'Invalid',
      `${LIST_OPTIONS}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided`,
    ],
    [
      `${CMS}?sendInitialEvents=&resourceVersionMatch=NotOlderThan`,
      422,
      'Invalid',
      `${LIST_OPTIONS}[resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided, sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list]`,
    ],
  ]
  for (const [path, code, reason, message] of reads) {
    it(`GET ${path}`, async () => {
      const { status, json } = await server.send('GET', path)
      assert.deepEqual([status, json.reason, json.message], [code, reason, message])
    })
  }

  const patches: readonly [type: string, body: string, code: number, message: string][] = [
    ['text/plain', '{}', 415, '415: Unsupported Media Type'],
    [MERGE, '[]', 400, `error decoding patch: ${noMap('array')}`],
    [MERGE, 'null', 400, 'Invalid JSON Patch'],
    [MERGE, '{', 400, 'error decoding patch: unexpected end of JSON input'],
    [MERGE, '{"metadata":{"name":null}}', 400, UNNAMED],
    [
      MERGE,
      '{"kind":"Foo"}',
      422,
      notKind('no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"'),
    ],
    [MERGE, '{"kind":"Pod"}', 422, notKind('converting (v1.Pod) to (core.ConfigMap): unknown conversion')],
    [MERGE, '{"apiVersion":"a/b/c"}', 422, notKind('unexpected GroupVersion string: a/b/c')],
    [MERGE, '{"apiVersion":null}', 400, UNNAMED],
    [MERGE, '{"apiVersion":"/"}', 400, UNNAMED],
    [JSON_PATCH, '[{"op":"remove","path":"/apiVersion"}]', 400, UNNAMED],
    [
      STRATEGIC,
      '{"kind":1}',
      422,
      ' "" is invalid: patch: Invalid value: "map[kind:1]": cannot convert int64 to string',
    ],
    [APPLY, '', 400, 'invalid object type: /, Kind='],
    [APPLY, '{"apiVersion":"a/b/c","kind":"ConfigMap"}', 400, 'invalid object type: /, Kind='],
    [STRATEGIC, '{"kind":"Foo"}', 200, ''],
    [STRATEGIC, '"x"', 400, noMap('string')],
    [STRATEGIC, '{', 400, 'unexpected end of JSON input'],
    [STRATEGIC, 'null', 200, ''],
    [
      JSON_PATCH,
      '{}',
      400,
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    ],
    [JSON_PATCH, 'null', 200, ''],
    [JSON_PATCH, '[null]', 422, 'the server rejected our request due to an error in our request'],
    [JSON_PATCH, '[{"op":1}]', 400, `error decoding patch: ${noText('number', 'op')}`],
    [JSON_PATCH, '[{"op":"jump"},{"path":{},"op":true}]', 400, `error decoding patch: ${noText('object', 'path')}`],
  ]
  for (const [type, body, code, message] of patches) {
    it(`PATCH ${type} ${body}`, async () => {
      const { status, json } = await server.send('PATCH', `${ONE}?fieldManager=m`, body, { 'content-type': type })
      // Without the object, which is quoted.
      const told = (json.message ?? '').replace(/(Invalid value: )"\{.*\}": /, '$1')
      assert.deepEqual([status, told], [code, message])
    })
  }

  const loosePatches: readonly [body: string, code: number, message: string][] = [
    ['{}', 400, 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    ['[1]', 400, 'json: cannot unmarshal number into Go value of type jsonpatch.Operation'],
    ['[', 400, 'unexpected end of JSON input'],
    ['[{"op":1}]', 422, 'the server rejected our request due to an error in our request'],
  ]
  for (const [body, code, message] of loosePatches) {
    it(`a JSON patch that nobody validates: ${body}`, async () => {
      const { status, json } = await server.send('PATCH', `${ONE}?fieldValidation=Ignore`, body, {
        'content-type': JSON_PATCH,
      })
      assert.deepEqual([status, json.message], [code, message])
    })
  }

  it('an update without a name', async () => {
    const { status, json } = await server.send('PUT', ONE, { metadata: {} })
    assert.deepEqual([status, json.message], [400, UNNAMED])
  })

  const puts: readonly [name: string, namespace: string, message: string][] = [
    ['other', 'default', 'the name of the object (other) does not match the name on the URL (missing)'],
    ['missing', 'other', 'the namespace of the provided object does not match the namespace sent on the request'],
    ['other', 'other', 'the namespace of the provided object does not match the namespace sent on the request'],
  ]
  for (const [name, namespace, message] of puts) {
    it(`an update of what is missing, as ${namespace}/${name}`, async () => {
      const { status, json } = await server.send('PUT', `${CMS}/missing`, { metadata: { name, namespace } })
      assert.deepEqual([status, json.message], [400, message])
    })
  }

  it('a body that begins with a mark of the byte order', async () => {
    const { status, json } = await server.send('POST', CMS, '\ufeff{}', { 'content-type': 'application/json' })
    assert.equal(status, 400)
    assert.match(
      json.message!,
      /json parse error: invalid character 'ï' looking for beginning of value \(efbbbf7b7d\)$/,
    )
  })

  const bodies: readonly [body: string, message: string][] = [
    [
      '{"kind":"ConfigMap"}',
      'no kind "ConfigMap" is registered for version "meta.k8s.io/v1" in scheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"',
    ],
    ['{', "couldn't get version/kind; json parse error: unexpected end of JSON input"],
    [
      '{"gracePeriodSeconds":"x"}',
      'json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64',
    ],
  ]
  for (const [body, message] of bodies) {
    it(`DELETE ${body}`, async () => {
      const { status, json } = await server.send('DELETE', ONE, body)
      assert.deepEqual([status, json.message], [400, message])
    })
  }

  const options: readonly [query: string, message: string][] = [
    ['dryRun=All&dryRun=', 'dryRun: Unsupported value: ["All",""]: supported values: "All"'],
    [
      'propagationPolicy=',
      'propagationPolicy: Unsupported value: "": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
  ]
  for (const [query, message] of options) {
    it(`DELETE ${query}`, async () => {
      const { status, json } = await server.send('DELETE', `${ONE}?${query}`)
      assert.deepEqual([status, json.message], [422, `DeleteOptions.meta.k8s.io "" is invalid: ${message}`])
    })
  }
})

describe('what is accepted', () => {
  const rows: readonly [accept: string, path: string, code: number, message: string][] = [
    [
      'text/plain',
      ONE,
      406,
      '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
    [
      'application/*',
      `${CMS}?limit=1`,
      406,
      '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
    ],
    [
      'application/json;as=Unknown;v=v1;g=meta.k8s.io',
      `${CMS}?watch=1`,
      406,
      'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
    ['application/json;q=x', ONE, 200, ''],
    ['text/html, */*', ONE, 200, ''],
  ]
  for (const [accept, path, code, message] of rows) {
    it(`${accept}: ${code}`, async () => {
      const { status, json } = await server.send('GET', path, undefined, { accept })
      assert.deepEqual([status, json.message ?? ''], [code, message])
    })
  }

  it('is a watch unless it says no', async () => {
    for (const [value, watches] of [
      ['x', true],
      ['', true],
      ['False', false],
      ['0', false],
    ] as const) {
      const { text } = await server.send('GET', `${CMS}?watch=${value}&limit=1`)
      assert.equal(text === '', watches, value)
    }
  })
})

describe('subresources', () => {
  const POD = '/api/v1/namespaces/default/pods/p'
  const RS = '/apis/apps/v1/namespaces/default/replicasets/r'
  before(async () => {
    const spec = { containers: [{ name: 'c', image: 'i' }] }
    await server.send('POST', POD.slice(0, -2), { metadata: { name: 'p' }, spec })
    const labels = { a: 'b' }
    await server.send('POST', RS.slice(0, -2), {
      metadata: { name: 'r' },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    })
  })

  const options = (why: string): string => `PodLogOptions "p" is invalid: ${why}`
  const evicts = (metadata: object): object => ({ apiVersion: 'policy/v1', kind: 'Eviction', metadata })
  const rows: readonly [method: string, path: string, body: unknown, code: number, message: string][] = [
    ['GET', `${POD}/log`, undefined, 204, ''],
    [
      'GET',
      `${POD}/log?tailLines=-1`,
      undefined,
      422,
      options('tailLines: Invalid value: -1: must be greater than or equal to 0'),
    ],
    ['GET', `${POD}/log?stream=Stdout`, undefined, 422, options('stream: Forbidden: may not be specified')],
    [
      'GET',
      `${POD}/log?sinceSeconds=1&sinceTime=2026-11-29T00:00:00Z`,
      undefined,
      422,
      options('[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified'),
    ],
    ['POST', `${POD}/eviction`, evicts({}), 400, 'name in URL does not match name in Eviction object'],
    [
      'POST',
      `${POD}/eviction`,
      evicts({ name: 'p', namespace: 'other' }),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    ['PUT', `${RS}/scale`, {}, 400, UNNAMED.replace('(one', '(r')],
    [
      'PUT',
      `${RS}/scale`,
      { metadata: { name: 'r', resourceVersion: '1' } },
      409,
      'Operation cannot be fulfilled on replicasets.apps "r": the object has been modified; please apply your changes to the latest version and try again',
    ],
  ]
  for (const [method, path, body, code, message] of rows) {
    it(`${method} ${path} ${JSON.stringify(body) ?? ''}`, async () => {
      const { status, text } = await server.send(method, path, body)
      assert.deepEqual([status, text === '' ? '' : JSON.parse(text).message], [code, message])
    })
  }
})
